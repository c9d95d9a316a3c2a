"""Controllers: who they are, whether they are there, what is wrong with them."""

from dataclasses import dataclass
from typing import ClassVar

from gatewayd.core.model import ControllerId


@dataclass(frozen=True, slots=True)
class ControllerOnline:
    """A controller passed the audit and is polled and driven from now on."""

    KIND: ClassVar[str] = "controller.online"
    controller: ControllerId


@dataclass(frozen=True, slots=True)
class ControllerWentOffline:
    """A controller is gone."""

    KIND: ClassVar[str] = "controller.offline"
    controller: ControllerId
    why: str


@dataclass(frozen=True, slots=True)
class ControllerTampered:
    """Its tamper or power state changed; True is abnormal."""

    KIND: ClassVar[str] = "controller.tamper"
    controller: ControllerId
    tamper: bool
    power: bool


@dataclass(frozen=True, slots=True)
class ControllerInputFault:
    """The wiring of an input that belongs to no door is at fault, or in order again."""

    KIND: ClassVar[str] = "controller.input_fault"
    controller: ControllerId
    input: int
    fault: bool
    what: str = ""  # as in DoorFault


@dataclass(frozen=True, slots=True)
class ControllerReaderFault:
    """A reader behind a controller is cut off or was tampered with, or is in order again."""

    KIND: ClassVar[str] = "controller.reader_fault"
    controller: ControllerId
    reader: int
    fault: bool
    what: str = ""  # "not_connected", "tamper" or "unknown"; empty when in order


@dataclass(frozen=True, slots=True)
class ControllerFirmwareChanged:
    """The unit that was approved here has another firmware than it had then."""

    KIND: ClassVar[str] = "controller.firmware_changed"
    controller: ControllerId
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ControllerAccepted:
    """Another unit than before is taken for this controller from now on, and by whom.

    `before` is the serial of the unit that was approved here; None: nobody knows any more.
    """

    KIND: ClassVar[str] = "controller.accepted"
    controller: ControllerId
    serial: str
    before: str | None
    by: str  # "request <client>"


@dataclass(frozen=True, slots=True)
class ControllerSecurity:
    """Somebody may be meddling with a controller: it must pass the audit again.

    The same is said of one controller at most once a minute.
    """

    KIND: ClassVar[str] = "controller.security"
    controller: ControllerId
    what: str


@dataclass(frozen=True, slots=True)
class ControllerCommissioning:
    """A unit may be given its first key: a window opens, somebody answers in it, it closes.

    `step` is "opened", "answered" or "closed", `by` is "request <client>".
    """

    KIND: ClassVar[str] = "controller.commissioning"
    controller: ControllerId
    step: str
    by: str
    serial: str | None = None  # of the unit that answered
    detail: str = ""  # for how long, what else it said of itself, or why


@dataclass(frozen=True, slots=True)
class ControllerKeyChanged:
    """A controller has another key now.

    `generation` only rises; `how` is "proved" (a unit has proved a new key), "imported" or
    "forgotten" (by an operator). After a crash the same may be told twice.
    """

    KIND: ClassVar[str] = "controller.key_changed"
    controller: ControllerId
    generation: int
    how: str = "proved"


@dataclass(frozen=True, slots=True)
class ControllerFirmware:
    """A controller is being sent a file: `step` is "started", "finished" or "failed".

    `detail` says what the unit made of it, or why it failed.
    """

    KIND: ClassVar[str] = "controller.firmware"
    controller: ControllerId
    step: str
    by: str  # "request <client>"
    file: str  # path on the gateway's host
    size: int
    digest: str  # SHA-256, hexadecimal
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditBlocked:
    """The audit keeps a controller from being driven, and why."""

    KIND: ClassVar[str] = "audit.blocked"
    controller: ControllerId
    verdict: str
    why: str


@dataclass(frozen=True, slots=True)
class ReportsIgnored:
    """A controller reported something while it may not be believed; said once a connection."""

    KIND: ClassVar[str] = "controller.ignored"
    controller: ControllerId
    what: str  # the kind of the first such report
    why: str
