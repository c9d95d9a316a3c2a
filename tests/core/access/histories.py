"""Long histories by chance: sites where several rules meet, and people who do what people do.

Whoever is asked for a PIN mostly enters it, whoever waits for company mostly gets some. So
the answers deep in the order come up often, which blind steps seldom reach.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import TypeVar

from gatewayd.core.access.attempt import Decision
from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    Credential,
    CredentialState,
    DoorRules,
    Flag,
    Holder,
    Interlock,
    LevelId,
    LevelRule,
    Passback,
    PointRules,
    Portal,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.access.policy import ClockLost, PinLimit, Policy, Stale
from gatewayd.core.access.reasons import Reason
from gatewayd.core.model import AreaId, Card, DoorId, DoorMode, HolderId
from gatewayd.core.pin_entry import Digits
from gatewayd.core.schedule import ALWAYS, ScheduleId
from tests.core.access.reference import Place, Reference
from tests.core.access.world import (
    ANNA,
    ANNAS,
    BORIS,
    BORISS,
    HALL,
    KEY,
    LAB,
    LAB_ROOM,
    LOBBY,
    NOBODYS,
    NOON,
    PORTALS,
    RAW,
    VERA,
    VERAS,
    World,
    key,
)
from tests.core.hours import HOLIDAYS, OFFICE, group, schedule

T = TypeVar("T")
Step = tuple[object, ...]

GATE = DoorId("gate")
DAY = NOON - NOON.replace(day=NOON.day - 1)
ALL_PORTALS = (*PORTALS, Portal(GATE, sides=frozenset(Side)))
SOME, MANY, FULL = LevelId("some"), LevelId("many"), LevelId("full")
HOLDERS = {ANNA: ANNAS, BORIS: BORISS, VERA: VERAS}
STRANGE = (
    NOBODYS,
    RAW,
    replace(ANNAS, parity_ok=False),
    Card("26:0000a000", "H10301", 35, 9),
)
PINS = ("1111", "2222", "9999", "")
HOURS = (
    schedule(every="08:00-18:00"),
    schedule((HOLIDAYS, ""), every="08:00-18:00"),
    schedule((HOLIDAYS, "10:00-11:00"), every="11:00-18:00"),
)
HOLIDAY = group(HOLIDAYS, "2026-05-08", "2026-05-10")
JUMPS = (3_600.0, -3_600.0, -86_400.0, 3.2e8, -3.2e8)  # ten years
SECONDS = (1.0, 4.0, 9.0, 15.0, 40.0, 60.0, 3_600.0, 20_000.0, 86_400.0)


class History:
    """A site twice, and what happens to it, all by one number."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self._pins: dict[HolderId, tuple[str | None, str | None]] = {}
        self.world, self.reference = self._site()
        every = [(door, side) for door in (LAB, LOBBY, GATE) for side in Side]
        self._places: list[Place] = [(LAB, Side.IN), (LAB, Side.OUT), self._one(every)]
        self._last: tuple[Place, Decision] | None = None

    # --- what happens -----------------------------------------------------------------

    def told(self, place: Place, decision: Decision) -> None:
        """Remember what was answered last: people act on it."""
        self._last = (place, decision)

    def step(self) -> Step:
        """Return what happens next."""
        last, self._last = self._last, None
        if last is not None and self._now_and_then(0.8):
            place, decision = last
            if decision.reason is Reason.PIN_AWAITED and decision.holder is not None:
                return ("pin", place, None, self._pin_of(decision.holder), True)
            if decision.awaiting:
                others = [each for each in HOLDERS if each != decision.holder]
                return ("card", place, HOLDERS[self._one(others)], None, True)
        kind = self._chance.random()
        if kind < 0.6:
            return self._card()
        if kind < 0.67:
            return ("pin", self._one(self._places), None, self._one(PINS), True)
        if kind < 0.87:
            return ("wait", self._one(SECONDS))
        return self._other()

    def _card(self) -> Step:
        holder = self._one(list(HOLDERS))
        card = HOLDERS[holder] if self._now_and_then(0.93) else self._one(STRANGE)
        pin = self._pin_of(holder) if self._now_and_then(0.3) else None
        return ("card", self._one(self._places), card, pin, self._now_and_then(0.9))

    def _pin_of(self, holder: HolderId) -> str:
        usual, duress = self._pins[holder]
        pin = self._one((usual, usual, usual, duress, "9999"))
        return "2222" if pin is None else pin

    def _other(self) -> Step:
        door = self._one((LAB, LOBBY))
        known = (False, False, False, True, None)
        return self._one(
            (
                ("mode", door, self._one((*(6 * (DoorMode.LOCKED,)), *DoorMode))),
                ("door", door, self._one(known), self._one(known)),
                ("door", LOBBY, self._one(known), self._one(known)),
                ("threat", self._one((0, 0, 1, 2))),
                ("lockdown", self._now_and_then(0.3)),
                ("forgive", self._one(list(HOLDERS))),
                ("forgive all",),
                ("state", self._one(list(HOLDERS.values())), self._state(0.7)),
                ("clock", self._now_and_then(0.7)),
                ("degraded", self._now_and_then(0.5)),
                ("stale", self._now_and_then(0.4)),
                ("restart",),
                ("over",),
                ("jump", self._one(JUMPS)),
            )
        )

    # --- the site ---------------------------------------------------------------------

    def _site(self) -> tuple[World, Reference]:
        doors = tuple(DoorRules(each, self._point(), self._point()) for each in self._doors())
        areas = tuple(self._area(each) for each in (HALL, LAB_ROOM) if self._now_and_then(0.6))
        levels = self._levels()
        hours, policy = self._one(HOURS), self._policy()
        world = World(
            doors=doors,
            areas=areas,
            levels=levels,
            schedules=[hours],
            special_days=[HOLIDAY],
            policy=policy,
            portals=ALL_PORTALS,
        )
        for each in HOLDERS:
            self._somebody(world, each)
        alone = {}
        if self._now_and_then(0.5):
            alone["1111"] = KEY.key_of(Digits("1111"))
            world.pin_alone("1111", self._one(list(HOLDERS)), duress=self._now_and_then(0.3))
        if self._now_and_then(0.03):
            del world.town.holders[VERA]
        reference = Reference(
            {each.door: each for each in ALL_PORTALS},
            {each.door: each for each in doors},
            {each.area: each for each in areas},
            levels,
            {OFFICE: hours},
            {HOLIDAYS: HOLIDAY},
            policy,
            world.town,
            self._pins,
            alone,
        )
        return world, reference

    def _doors(self) -> tuple[DoorId, ...]:
        return self._one(((LAB,), (LAB, LOBBY), (LAB, LOBBY, GATE)))

    def _schedule(self) -> ScheduleId:
        return self._one((ALWAYS, OFFICE, OFFICE, ScheduleId("gone")))

    def _authentication(self) -> Authentication:
        asked = list(Authentication)
        return self._one([Authentication.CARD, Authentication.CARD_AND_PIN, *asked])

    def _point(self) -> PointRules:
        asked = [
            ScheduledAuthentication(self._schedule(), self._authentication())
            for _ in range(self._one((0, 0, 0, 1, 2)))
        ]
        return PointRules(
            enabled=self._now_and_then(0.97),
            muster=self._now_and_then(0.05),
            authentication=tuple(asked),
            default=self._authentication(),
            minimum_clearance=self._one((0, 0, 0, 0, 1)),
            two_person=self._now_and_then(0.25),
            first_person=self._one((None, None, None, None, ALWAYS, OFFICE)),
        )

    def _area(self, area: AreaId) -> AreaRules:
        return AreaRules(
            area,
            passback=self._one((Passback.OFF, *Passback)),
            passback_seconds=self._one((5.0, 60.0)),
            max_occupancy=self._one((None, None, 1, 2)),
            min_occupancy=self._one((0, 0, 0, 2)),
            interlock=self._one((Interlock.OFF, Interlock.OFF, *Interlock)),
        )

    def _levels(self) -> tuple[AccessLevel, ...]:
        every = frozenset({LAB, LOBBY, GATE})
        rules = [
            LevelRule(
                self._schedule(),
                self._one((every, frozenset({LAB}), frozenset[DoorId]())),
                self._one((frozenset(), frozenset({HALL}), frozenset({LAB_ROOM}))),
                self._one((frozenset(Side), frozenset({Side.IN}), frozenset({Side.OUT}))),
            )
            for _ in range(4)
        ]
        full = AccessLevel(FULL, (LevelRule(ALWAYS, every),))
        return AccessLevel(SOME, tuple(rules[:1])), AccessLevel(MANY, tuple(rules[1:])), full

    def _policy(self) -> Policy:
        limits = [
            PinLimit(
                self._one(wrong), self._one((10.0, 50.0)), 70.0, self._one((60.0, 4_000.0))
            )
            for wrong in ((1, 2, 3), (2, 4), (3, 6))
        ]
        return Policy(
            clock_lost=self._one((ClockLost.DENY, ClockLost.GO_ON)),
            holder_pins=limits[0],
            point_pins=limits[1],
            site_pins=limits[2],
            facilities=self._one((frozenset[str](), frozenset({"H10301:36"}))),
            facility_only=self._now_and_then(0.5),
            on_stale=self._one((Stale.GO_ON, Stale.DENY)),
        )

    def _somebody(self, world: World, name: HolderId) -> None:
        pins = self._one((None, "1111", "2222")), self._one((None, "1111", "2222"))
        self._pins[name] = pins
        kept = [None if pin is None else KEY.pin_of(name, Digits(pin)) for pin in pins]
        flags = [each for each in Flag if self._now_and_then(0.12)]
        levels = ((FULL,), (FULL,), (FULL, SOME), (SOME, MANY), (MANY,), (SOME,), ())
        world.town.holders[name] = Holder(
            name,
            self._now_and_then(0.97),
            *self._validity(),
            self._one(levels),
            kept[0],
            kept[1],
            self._one((0, 1, 2, 2)),
            frozenset(flags),
        )
        card = Credential(
            key(HOLDERS[name]),
            name,
            self._state(0.95),
            *self._validity(),
            self._one((None, None, 1, 2, 3)),
            self._now_and_then(0.05),
        )
        world.town.cards[card.key] = card

    def _validity(self) -> tuple[datetime | None, datetime | None]:
        none: tuple[datetime | None, ...] = 12 * (None,)
        begin = self._one((*none, NOON - 3 * DAY, NOON - DAY, NOON + DAY / 24))
        return begin, self._one((*none, NOON - DAY, NOON + DAY / 24, NOON + 3 * DAY))

    def _state(self, enabled: float) -> CredentialState:
        if self._now_and_then(enabled):
            return CredentialState.ENABLED
        return self._one(list(CredentialState))

    # --- chance -----------------------------------------------------------------------

    def _one(self, of: Sequence[T]) -> T:
        return self._chance.choice(of)

    def _now_and_then(self, share: float) -> bool:
        return self._chance.random() < share
