"""The permission set (who may pass, when) and what the decision needs of the site's doors.

Words are ONVIF's. An access point is one side of a door: its reader on the way IN or its
exit reader on the way OUT. Validity begins at `valid_from` and ends before `valid_until`.

Six kinds of records come from upstream: schedules and special days (`core.schedule`), and
here access levels, holders, credentials, and rules of doors and areas. `Portal` is what is
screwed to the wall and comes from the configuration.

`Credential` and `Holder` are named tuples, as a packed table makes one of each for every
card: a frozen dataclass takes four times as long. What PINs became (`pins`) is in no repr.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from gatewayd.core.model import AreaId, DoorId, HolderId
from gatewayd.core.schedule import ScheduleId

LevelId = NewType("LevelId", str)
PointId = NewType("PointId", str)  # "lobby:in"


class Side(StrEnum):
    """Which way an access point lets people through its door."""

    IN = "in"
    OUT = "out"


BOTH_SIDES = frozenset(Side)


def point_id(door: DoorId, side: Side) -> PointId:
    """Return the name of an access point: "lobby:in"."""
    return PointId(f"{door}:{side}")


class CredentialState(StrEnum):
    """ONVIF: enabled, or why not."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    DESTROYED = "destroyed"
    INACTIVE = "inactive"
    UNASSIGNED = "unassigned"
    LOCKED_OUT = "locked_out"


class Flag(StrEnum):
    """What is special about a holder."""

    EXTENDED_TIME = "extended_time"  # needs longer to pass
    SUPERVISOR = "supervisor"  # counts as the first person
    ESCORT = "escort"  # may accompany visitors
    VISITOR = "visitor"  # passes with an escort only
    PASSBACK_EXEMPT = "passback_exempt"
    LOCKDOWN_EXEMPT = "lockdown_exempt"
    PIN_EXEMPT = "pin_exempt"  # a card is enough where a PIN is asked for as well
    FIRST_PERSON_EXEMPT = "first_person_exempt"


class Authentication(StrEnum):
    """What must be presented (ONVIF security level)."""

    CARD = "card"
    PIN = "pin"  # a PIN that is a credential of its own
    CARD_AND_PIN = "card_and_pin"
    CARD_OR_PIN = "card_or_pin"


class Passback(StrEnum):
    """What is done about people who are, by the record, on the wrong side."""

    OFF = "off"
    SOFT = "soft"  # granted and told
    HARD = "hard"
    TIMED = "timed"  # refused for a while after entering


class Interlock(StrEnum):
    """What keeps the doors of an area shut against one another."""

    OFF = "off"
    OPEN = "open"  # at most one of them is open
    UNLOCK = "unlock"  # at most one of them is unlocked or open


class Credential(NamedTuple):
    """What is presented. `key`: `Card.decoded`, `Card.raw` or `pins.SiteKey.key_of`."""

    key: str
    holder: HolderId
    state: CredentialState = CredentialState.ENABLED
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    max_uses: int | None = None
    duress: bool = False  # whoever presents it is forced to


class Holder(NamedTuple):
    """A person. `pin` and `duress_pin`: `pins.SiteKey.pin_of`."""

    id: HolderId
    enabled: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    levels: tuple[LevelId, ...] = ()
    pin: bytes | None = None
    duress_pin: bytes | None = None
    clearance: int = 0
    flags: frozenset[Flag] = frozenset()

    def __repr__(self) -> str:
        """Say who it is, without what the PINs became."""
        return f"<holder {self.id!r}>"


@dataclass(frozen=True, slots=True)
class LevelRule:
    """Some doors, and all doors of some areas, at the hours of a schedule.

    `sides` of an area: IN are the points that lead into it, OUT those that lead out of it.
    """

    schedule: ScheduleId
    doors: frozenset[DoorId] = frozenset()
    areas: frozenset[AreaId] = frozenset()
    sides: frozenset[Side] = BOTH_SIDES


@dataclass(frozen=True, slots=True)
class AccessLevel:
    """ONVIF AccessProfile: what a holder who has it may pass."""

    id: LevelId
    rules: tuple[LevelRule, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduledAuthentication:
    """What must be presented while a schedule is active."""

    schedule: ScheduleId
    authentication: Authentication


@dataclass(frozen=True, slots=True)
class PointRules:
    """The rules of one access point."""

    enabled: bool = True
    muster: bool = False  # opens nothing, records who was there
    authentication: tuple[ScheduledAuthentication, ...] = ()  # the first active one counts
    default: Authentication = Authentication.CARD
    factor_seconds: float = 15.0  # from the card until the whole PIN
    minimum_clearance: int = 0
    two_person: bool = False
    two_person_seconds: float = 15.0
    escort_seconds: float = 15.0
    first_person: ScheduleId | None = None  # while active: nobody before a supervisor


@dataclass(frozen=True, slots=True)
class DoorRules:
    """The rules of one door."""

    door: DoorId
    entry: PointRules = PointRules()
    exit: PointRules = PointRules()
    unlock: ScheduleId | None = None  # unlocked while active
    unlock_needs_first_person: bool = False  # and a supervisor has entered since it began


@dataclass(frozen=True, slots=True)
class AreaRules:
    """The rules of one area. `interlock` is among all doors that lead in or out of it."""

    area: AreaId
    passback: Passback = Passback.OFF
    passback_seconds: float = 0.0
    max_occupancy: int | None = None
    min_occupancy: int = 0  # nobody, or at least so many
    interlock: Interlock = Interlock.OFF


@dataclass(frozen=True, slots=True)
class Portal:
    """A door as configured: between what it leads (None: the world outside), and its times."""

    door: DoorId
    inside: AreaId | None = None
    outside: AreaId | None = None
    sides: frozenset[Side] = frozenset({Side.IN})  # where there is a reader
    release_seconds: float = 5.0
    open_seconds: float = 30.0
    extended_release_seconds: float = 15.0
    extended_open_seconds: float = 90.0
