"""What moved so far: who is where, wrong PINs, uses, first persons, the site's alert.

It changes by `apply` of a `StateChange` only, and every change says what something *is*
from now on, not by how much it moved. So a store keeps the newest change of each kind and
subject, in any order of writing, and gets the same state back (`state_values`).

What is waited for (a PIN, a second person, an escort) is over in seconds and counts from
the monotonic clock. It is in no store: after a restart nobody waits.

Bounds: as many entries of a kind as there may be holders, credentials or doors; beyond, the
one that was changed longest ago is forgotten. Those of whom upstream no longer speaks are
forgotten before (`core.forgetting`), so that this never happens to anybody who exists.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, NewType, TypeVar

from gatewayd.core.access.model import (
    PointId,
)
from gatewayd.core.model import AreaId, Card, DoorId, HolderId

Subject = NewType("Subject", str)  # of wrong PINs: "holder:anna", "point:lobby:in", "site"

SITE = Subject("site")
MAX_HOLDERS = 2_000_000
MAX_CREDENTIALS = 2_000_000
MAX_SUBJECTS = 100_000
MAX_DOORS = 10_000

_NEXT = timedelta(microseconds=1)


def pins_of_holder(holder: HolderId) -> Subject:
    """Return what the wrong PINs of a holder are counted under."""
    return Subject(f"holder:{holder}")


def holder_of_pins(subject: Subject) -> HolderId | None:
    """Return the holder whose wrong PINs are counted under a subject; None: it is another's."""
    kind, _, name = subject.partition(":")
    return HolderId(name) if kind == "holder" else None


def pins_of_point(point: PointId) -> Subject:
    """Return what the wrong PINs at a reader are counted under."""
    return Subject(f"point:{point}")


@dataclass(frozen=True, slots=True)
class Presence:
    """Where a holder is; `area` None: outside of all areas."""

    area: AreaId | None
    since: datetime
    forgiven: bool = False  # may be anywhere: the next move is no violation


@dataclass(frozen=True, slots=True)
class Misses:
    """So many wrong PINs since then; the newest lockout's end, and how many in a row."""

    wrong: int
    lockouts: int
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """The newest supervisor who entered a door."""

    holder: HolderId
    at: datetime


class CardWait(NamedTuple):
    """A card was shown, its PIN is awaited; `until` is monotonic and exclusive."""

    card: Card
    until: float


class CompanionWait(NamedTuple):
    """Somebody may pass, but not alone."""

    holder: HolderId
    credential: str
    duress: bool
    visitor: bool  # waits for an escort, otherwise for a second person
    until: float


# --- changes ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PresenceIs:
    """Somebody is somewhere else now, or nothing is known of them any more."""

    holder: HolderId
    presence: Presence | None


@dataclass(frozen=True, slots=True)
class AllForgiven:
    """Nothing that was known at this time of where people are counts any more."""

    at: datetime


@dataclass(frozen=True, slots=True)
class MissesAre:
    """Wrong PINs were counted, or forgotten."""

    subject: Subject
    misses: Misses | None


@dataclass(frozen=True, slots=True)
class UsesAre:
    """A credential was used so often."""

    credential: str
    uses: int


@dataclass(frozen=True, slots=True)
class FirstPersonIs:
    """A supervisor has entered."""

    door: DoorId
    first: FirstPerson


@dataclass(frozen=True, slots=True)
class ThreatLevelIs:
    """So much clearance is asked of everybody; 0: none."""

    level: int


@dataclass(frozen=True, slots=True)
class LockdownIs:
    """The whole site is locked down, or not any more."""

    on: bool


@dataclass(frozen=True, slots=True)
class CardWaits:
    """At a point, a card waits for its PIN, or not any more."""

    point: PointId
    wait: CardWait | None


@dataclass(frozen=True, slots=True)
class CompanionWaits:
    """At a point, somebody waits for somebody, or not any more."""

    point: PointId
    wait: CompanionWait | None


Durable = (
    PresenceIs | AllForgiven | MissesAre | UsesAre | FirstPersonIs | ThreatLevelIs | LockdownIs
)
StateChange = Durable | CardWaits | CompanionWaits

K = TypeVar("K")
V = TypeVar("V")


class State:
    """All of it. Read its attributes, change it by `apply` alone."""

    def __init__(self) -> None:
        self.presences: dict[HolderId, Presence] = {}
        self.occupancy: dict[AreaId, int] = {}  # derived from the presences; none is 0
        self.misses: dict[Subject, Misses] = {}
        self.uses: dict[str, int] = {}
        self.first_persons: dict[DoorId, FirstPerson] = {}
        self.forgiven: datetime | None = None
        self.threat_level = 0
        self.lockdown = False
        self.cards: dict[PointId, CardWait] = {}
        self.companions: dict[PointId, CompanionWait] = {}

    def apply(self, change: StateChange) -> None:
        """Let one thing be as it is said to be."""
        match change:
            case PresenceIs():
                self._move(change.holder, change.presence)
            case AllForgiven():
                self._forgive(change.at)
            case MissesAre():
                _put(self.misses, change.subject, change.misses, MAX_SUBJECTS)
            case UsesAre():
                _put(self.uses, change.credential, change.uses or None, MAX_CREDENTIALS)
            case FirstPersonIs():
                _put(self.first_persons, change.door, change.first, MAX_DOORS)
            case ThreatLevelIs():
                self.threat_level = change.level
            case LockdownIs():
                self.lockdown = change.on
            case CardWaits():
                _put(self.cards, change.point, change.wait, MAX_DOORS * 2)
            case _:
                _put(self.companions, change.point, change.wait, MAX_DOORS * 2)

    def moment(self, utc: datetime) -> datetime:
        """Return when something moves now: after everybody was forgiven, also by a clock that
        was put back since.
        """
        return utc if self.forgiven is None else max(utc, self.forgiven + _NEXT)

    def changes(self) -> Iterator[Durable]:
        """Yield what leads an empty state to this one, apart from who waits."""
        if self.forgiven is not None:
            yield AllForgiven(self.forgiven)
        yield ThreatLevelIs(self.threat_level)
        yield LockdownIs(self.lockdown)
        yield from (PresenceIs(*each) for each in self.presences.items())
        yield from (MissesAre(*each) for each in self.misses.items())
        yield from (UsesAre(*each) for each in self.uses.items())
        yield from (FirstPersonIs(*each) for each in self.first_persons.items())

    @property
    def deadline(self) -> float:
        """When the next wait is over, in monotonic seconds."""
        cards = (each.until for each in self.cards.values())
        companions = (each.until for each in self.companions.values())
        return min((*cards, *companions), default=math.inf)

    def _move(self, holder: HolderId, presence: Presence | None) -> None:
        if presence is not None and self._is_forgotten(presence):
            presence = None
        if holder not in self.presences and len(self.presences) >= MAX_HOLDERS:
            self._leave(next(iter(self.presences)))
        self._leave(holder)
        if presence is not None:
            self.presences[holder] = presence
            if presence.area is not None:
                self.occupancy[presence.area] = self.occupancy.get(presence.area, 0) + 1

    def _leave(self, holder: HolderId) -> None:
        before = self.presences.pop(holder, None)
        if before is not None and before.area is not None:
            self.occupancy[before.area] -= 1
            if not self.occupancy[before.area]:
                del self.occupancy[before.area]

    def _forgive(self, at: datetime) -> None:
        if self.forgiven is None or at > self.forgiven:
            self.forgiven = at  # all at once: one after the other takes seconds for a million
            left = {who: each for who, each in self.presences.items() if each.since > at}
            areas = (each.area for each in left.values() if each.area is not None)
            self.presences, self.occupancy = left, dict(Counter(areas))

    def _is_forgotten(self, presence: Presence) -> bool:
        return self.forgiven is not None and presence.since <= self.forgiven


def everybody_forgiven(state: State, utc: datetime) -> AllForgiven:
    """Return what lets nothing count that is known now, also what a wrong clock dated ahead."""
    return AllForgiven(max((state.moment(utc), *(p.since for p in state.presences.values()))))


def _put(kept: dict[K, V], key: K, value: V | None, most: int) -> None:
    """Keep at most so many; the newest last, so that the oldest is found at once."""
    kept.pop(key, None)
    if value is not None:
        if len(kept) >= most:
            del kept[next(iter(kept))]
        kept[key] = value
