"""What concerns many doors: fire, lockdown, forgiven anti-passback, local reactions."""

from dataclasses import dataclass
from typing import ClassVar

from gatewayd.core.model import DoorId, HolderId


@dataclass(frozen=True, slots=True)
class FireAlarm:
    """A fire input is active: these doors stand open above every rule."""

    KIND: ClassVar[str] = "fire.alarm"
    fire: str
    doors: tuple[DoorId, ...]


@dataclass(frozen=True, slots=True)
class FireEnded:
    """A fire input is not active any more."""

    KIND: ClassVar[str] = "fire.ended"
    fire: str
    doors: tuple[DoorId, ...]


@dataclass(frozen=True, slots=True)
class FireFault:
    """The wiring of a fire input is at fault, or in order again.

    While it is at fault, what was stands: `active` says whether that is an alarm.
    """

    KIND: ClassVar[str] = "fire.fault"
    fire: str
    fault: bool
    active: bool
    what: str = ""  # as in DoorFault


@dataclass(frozen=True, slots=True)
class SiteLockdown:
    """The whole site is locked down, or not any more, and by whom."""

    KIND: ClassVar[str] = "site.lockdown"
    on: bool
    by: str


@dataclass(frozen=True, slots=True)
class SiteThreatLevel:
    """So much clearance is asked of everybody from now on, and by whom."""

    KIND: ClassVar[str] = "site.threat_level"
    level: int
    by: str


@dataclass(frozen=True, slots=True)
class PassbackForgiven:
    """One holder may be anywhere (None: everybody may), so the next move is no violation."""

    KIND: ClassVar[str] = "passback.forgiven"
    holder: HolderId | None
    by: str


@dataclass(frozen=True, slots=True)
class ReactionFired:
    """A local reaction begins, and what triggered it: "door.forced lobby"."""

    KIND: ClassVar[str] = "reaction.fired"
    reaction: str
    trigger: str


@dataclass(frozen=True, slots=True)
class ReactionHeldBack:
    """So many triggers of a local reaction came right after it had fired, and did nothing."""

    KIND: ClassVar[str] = "reaction.held_back"
    reaction: str
    count: int


@dataclass(frozen=True, slots=True)
class ReactionFailed:
    """Something that a local reaction was to do was not done for certain.

    `what` is "output 2 of lobby-io for 30 s"; `outcome` as in ReleaseFailed.
    """

    KIND: ClassVar[str] = "reaction.failed"
    reaction: str
    what: str
    outcome: str
    detail: str = ""
