"""What an operator is told, and that asking changes nothing."""

from dataclasses import replace

import pytest

from gatewayd.core.access.attempt import Attempt, DoorNow
from gatewayd.core.access.book import Book
from gatewayd.core.access.explain import Need, explain, what_can_open, who_can_open
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    CredentialState,
    Flag,
    Interlock,
    LevelId,
    LevelRule,
    Passback,
    PointRules,
    Portal,
    Side,
)
from gatewayd.core.access.policy import PinLimit, Policy, Stale
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules import ORDER
from gatewayd.core.access.state import LockdownIs, Presence, PresenceIs, ThreatLevelIs
from gatewayd.core.model import Card, DoorId, DoorMode
from gatewayd.core.pin_entry import Digits
from gatewayd.core.schedule import ALWAYS, ScheduleId
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
    digits,
    level,
)
from tests.core.hours import OFFICE, schedule

OFFICE_HOURS = schedule(every="08:00-18:00")
CARD_AND_PIN = PointRules(default=Authentication.CARD_AND_PIN)
PIN = PointRules(default=Authentication.PIN)


def told(
    world: World,
    rule: str,
    card: Card | None = ANNAS,
    pin: str | None = None,
    side: Side = Side.IN,
    door: DoorId = LAB,
) -> str:
    """Return what a rule says of an attempt at the lab door."""
    attempt = Attempt(door, side, world.now, card, digits(pin))
    found = explain(world.book, world.state, world.around, attempt)
    return next(each.words for each in found.findings if each.rule == rule)


def test_why_somebody_is_kept_out_by_the_hours() -> None:
    world = World(
        levels=(level(LevelRule(OFFICE, frozenset({LAB}))),), schedules=[OFFICE_HOURS]
    )
    world.shows("2026-05-08 18:04")
    attempt = Attempt(LAB, Side.IN, world.now, ANNAS)
    found = explain(world.book, world.state, world.around, attempt)
    assert found.decision.reason is Reason.OUT_OF_SCHEDULE
    assert found.words == "the holder's access levels include this point at other hours"
    assert told(world, "rights and hours") == (
        'schedule "Office hours" ended 18:00, it is 18:04; it begins Sat 08:00'
    )
    world.clock_lost()
    assert told(world, "rights and hours").endswith("; the clock may be wrong")


def test_every_obstacle_is_told_not_only_the_first() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD, max_occupancy=0),))
    world.credential(state=CredentialState.LOST)
    world.apply(PresenceIs(ANNA, Presence(LAB_ROOM, NOON)))
    attempt = Attempt(LAB, Side.IN, world.now, ANNAS)
    found = explain(world.book, world.state, world.around, attempt)
    reasons = [each.reason for each in found.findings if each.reason is not None]
    assert reasons == [Reason.CREDENTIAL_LOST, Reason.PASSBACK]
    assert found.decision.reason is reasons[0]


def test_asking_changes_nothing() -> None:
    world = World(CARD_AND_PIN)
    before = list(world.state.changes())
    for _ in range(20):
        told(world, "PIN", ANNAS, "9999")
    assert list(world.state.changes()) == before
    assert world.state.cards == {}


def test_rules_about_people_are_not_asked_about_nobody() -> None:
    world = World()
    assert told(world, "rights and hours", NOBODYS) == "not asked: no credential is known"
    assert told(world, "credential known", NOBODYS) == "no such card is known"
    assert told(world, "credential known", RAW) == (
        "the card is of no known format, and its bits are nobody's"
    )
    assert told(World(PIN), "credential known", None, "1") == "no such PIN is known"
    assert told(world, "credential known") == "the credential is known, its holder is anna"
    del world.town.holders[ANNA]
    assert told(world, "credential known").endswith("its holder is anna")
    assert told(world, "credential state") == "the credential is enabled, and nobody's"


def test_a_point_that_is_not_there_has_no_rules() -> None:
    world = World()
    attempt = Attempt(DoorId("attic"), Side.IN, world.now, ANNAS)
    found = explain(world.book, world.state, world.around, attempt)
    assert found.decision.reason is Reason.POINT_DISABLED
    assert found.findings == ()


def test_the_point_and_its_door() -> None:
    assert told(World(PointRules(enabled=False)), "point enabled") == "lab:in is disabled"
    world = World()
    assert told(world, "door mode") == "door lab is locked"
    assert told(world, "lockdown") == "there is no lockdown that stops the holder"
    world.mode(DoorMode.LOCKED_DOWN)
    assert told(world, "lockdown") == "door lab is locked down, and no exempt holder is known"
    world.apply(LockdownIs(on=True), ThreatLevelIs(2))
    assert told(world, "lockdown").startswith("the site is locked down")
    assert told(world, "threat level") == (
        "clearance 2 is asked for (threat level 2, point 0), the holder has 0"
    )


def test_the_age_of_the_permissions() -> None:
    world = World(policy=Policy(on_stale=Stale.DENY))
    fresh = "the permissions are not older than the policy allows"
    assert told(world, "permissions fresh") == fresh
    world.stale = True
    assert told(world, "permissions fresh") == (
        "the permissions are older than the policy allows, and it denies then"
    )


def test_a_muster_point() -> None:
    world = World(PointRules(muster=True))
    assert told(world, "muster") == (
        "lab:in is a muster point: presence is recorded, nothing opens"
    )
    assert told(world, "muster", NOBODYS) == (
        "lab:in is a muster point, and nobody's presence is known by this"
    )


def test_an_interlock() -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),))
    assert told(world, "interlock") == "all other doors of the interlock are shut"
    world.doors[LOBBY] = DoorNow(open=True)
    assert told(world, "interlock") == "not shut for certain: lobby"
    gate = Portal(DoorId("gate"), inside=HALL)
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),), portals=(*PORTALS, gate))
    for each in (LOBBY, gate.door):
        world.doors[each] = DoorNow(open=None)
    assert told(world, "interlock") == "not shut for certain: lobby, gate"


def test_cards() -> None:
    world = World(policy=Policy(facilities=frozenset({"H10301:36"})))
    assert told(world, "format") == "the card was read well"
    assert told(world, "format", replace(ANNAS, parity_ok=False)) == (
        "the parity of the card is wrong"
    )
    assert told(world, "format", None) == "there is no card to read"
    assert told(world, "facility") == "facility code H10301:36 is this site's"
    assert told(world, "facility", replace(ANNAS, facility=1)) == (
        "facility code H10301:1 is none of this site's"
    )
    assert told(world, "facility", RAW) == "there is no facility code to compare"


def test_factors() -> None:
    world = World(CARD_AND_PIN)
    assert told(world, "factors") == "a card and its PIN is asked for"
    assert told(world, "factors", None, "1") == (
        "a card and its PIN is asked for, that was not presented"
    )
    assert told(world, "PIN") == "the PIN is awaited for 15 s"
    assert told(world, "PIN", ANNAS, "1") == "the PIN is not the holder's"
    world.card()
    world.wait(15)
    assert told(world, "factors", None, "1") == (
        "a card and its PIN is asked for, and the PIN came too late"
    )
    world.person(pin="1234")
    assert told(world, "PIN", ANNAS, "1234") == "the PIN is the holder's"
    world.person(ANNA, Flag.PIN_EXEMPT)
    assert told(world, "PIN") == "the holder needs no PIN"
    world = World(PIN)
    world.pin_alone("1234")
    assert told(world, "PIN", None, "1234") == "no PIN goes with it"


def test_lockouts() -> None:
    few = Policy(holder_pins=PinLimit(3), point_pins=PinLimit(2), site_pins=PinLimit(4))
    world = World(CARD_AND_PIN, CARD_AND_PIN, policy=few)
    assert told(world, "reader lockout") == "no lockout for wrong PINs here"
    assert told(world, "credential lockout") == ("the holder is not locked out for wrong PINs")
    for _ in range(2):
        world.card(pin="0")
    assert told(world, "reader lockout") == ("too many wrong PINs at lab:in; until 12:00:30")
    world.card(pin="0", side=Side.OUT)
    assert told(world, "credential lockout") == (
        "too many wrong PINs of the holder; until 12:00:30"
    )
    world.card(BORISS, pin="0", side=Side.OUT)
    world.wait(30)
    world.state.misses.pop(world.book.points()[0].pins, None)
    for card in (BORISS, VERAS, VERAS):
        world.card(card, pin="0")
    assert told(world, "reader lockout", side=Side.OUT) == ("no lockout for wrong PINs here")


def test_a_lockout_of_all_readers() -> None:
    world = World(CARD_AND_PIN, policy=Policy(site_pins=PinLimit(1)))
    world.card(pin="0")
    assert told(world, "reader lockout") == (
        "too many wrong PINs at all readers together; until 12:00:30"
    )


def test_credential_and_holder() -> None:
    world = World()
    assert told(world, "credential state") == "the credential is enabled"
    assert told(world, "credential validity") == "the credential is valid without end"
    world.credential(valid_from=NOON, valid_until=NOON, max_uses=3)
    assert told(world, "credential validity") == (
        "the credential is valid from 2026-05-08 12:00 until 2026-05-08 12:00, "
        "it is 2026-05-08 12:00"
    )
    assert told(world, "use limit") == "used 0 of 3 times"
    world.take(world.card(BORISS)._replace(credential="H10301:36:1"))
    assert told(world, "use limit") == "used 1 of 3 times"
    assert told(world, "use limit", BORISS) == "the credential has no limit of uses"
    assert told(world, "holder") == "the holder is valid without end"
    world.person(valid_from=NOON)
    assert told(world, "holder") == (
        "the holder is valid from 2026-05-08 12:00, it is 2026-05-08 12:00"
    )
    world.person(valid_until=NOON)
    assert told(world, "holder") == (
        "the holder is valid until 2026-05-08 12:00, it is 2026-05-08 12:00"
    )
    world.person(enabled=False)
    assert told(world, "holder") == "the holder is disabled"


def test_rights() -> None:
    world = World(levels=(level(LevelRule(ALWAYS, frozenset({LAB}))),))
    assert told(world, "rights and hours") == "schedule 'always' is active at all times"
    gone = LevelRule(ScheduleId("gone"), frozenset({LAB}))
    both = World(levels=(level(LevelRule(ALWAYS, frozenset({LAB})), gone),))
    assert told(both, "rights and hours") == (
        "schedule 'always' is active at all times; there is no schedule 'gone'"
    )
    world.person(levels=(LevelId("none"),))
    assert told(world, "rights and hours") == (
        "no access level of the holder leads into lab-room"
    )
    world = World(levels=(level(LevelRule(ALWAYS, frozenset({LOBBY}))),))
    assert told(world, "rights and hours", side=Side.OUT) == (
        "no access level of the holder includes lab:out"
    )


def test_areas() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.SOFT, max_occupancy=2, min_occupancy=1),))
    assert told(world, "passback") == (
        "by the record, the holder is outside of all areas; the way is from hall to lab-room"
    )
    assert told(world, "occupancy") == "lab-room holds 0 of at most 2, at least 1"
    world.passes()
    assert told(world, "passback") == (
        "by the record, the holder is in lab-room; the way is from hall to lab-room, "
        "which is told and not refused"
    )
    assert told(world, "occupancy").startswith("lab-room holds 1 of at most 2, ")
    world.apply(PresenceIs(ANNA, Presence(None, NOON, forgiven=True)))
    assert told(world, "passback").startswith("by the record, the holder may be anywhere")
    world = World(areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    assert told(world, "occupancy") == (
        "lab-room holds 0, at least 2; the way is from hall to lab-room"
    )
    hall = AreaRules(HALL, Passback.SOFT, max_occupancy=9)
    world = World(areas=(AreaRules(LAB_ROOM, max_occupancy=3), hall))
    assert (
        told(world, "occupancy") == "lab-room holds 0 of at most 3; hall holds 0 of at most 9"
    )
    assert told(world, "passback", door=LOBBY).endswith("from outside to hall")
    assert told(world, "passback", side=Side.OUT, door=LOBBY).startswith(
        "by the record, the holder is outside of all areas; the way is from hall to outside"
    )


def test_escorts() -> None:
    world = World()
    world.person(VERA, Flag.VISITOR)
    assert told(world, "escort") == "the holder needs no escort, and no visitor waits for one"
    assert told(world, "escort", VERAS) == ("a visitor; the escort's card is awaited for 15 s")
    world.card(VERAS)
    assert told(world, "escort") == (
        "the visitor vera waits for an escort, and this holder is none"
    )
    world.person(ANNA, Flag.ESCORT)
    assert told(world, "escort") == "the holder is the escort of the visitor who waits"


def test_two_people() -> None:
    world = World(PointRules(two_person=True))
    assert told(world, "two-person") == (
        "two people are asked for; the other one is awaited for 15 s"
    )
    world.card()
    assert told(world, "two-person", BORISS) == "the other person is anna"
    world.person(VERA, Flag.VISITOR)
    assert told(world, "two-person", VERAS) == (
        "two people are asked for, and a visitor is none of them"
    )


def test_first_people() -> None:
    world = World(PointRules(first_person=OFFICE), schedules=[OFFICE_HOURS])
    assert told(world, "first person") == "no supervisor has come in"
    world.person(BORIS, Flag.SUPERVISOR)
    world.passes(BORISS)
    assert told(world, "first person") == "no supervisor is missing"
    world.wait(days=1)
    assert told(world, "first person") == ("no supervisor has come in since the hours began")
    world.clock_lost()
    assert told(world, "first person") == (
        "a supervisor must come first, and the clock may be wrong"
    )


def test_a_degraded_decision_is_explained_by_its_own_rules() -> None:
    policy = Policy(facilities=frozenset({"H10301:36"}), facility_only=True)
    for entry, words in (
        (PointRules(), "permissions cannot be relied on: the facility code is enough"),
        (CARD_AND_PIN, "a facility code is not enough here, and no such card is known"),
    ):
        world = World(entry, policy=policy)
        world.degraded = True
        assert told(world, "facility only", NOBODYS) == words


def test_a_rule_that_fails_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),))
    del world.doors[LOBBY]
    attempt = Attempt(LAB, Side.IN, world.now, ANNAS)
    found = explain(world.book, world.state, world.around, attempt)
    assert found.decision.reason is Reason.INTERNAL_ERROR
    assert told(world, "interlock") == "failed: KeyError"

    def broken(*_: object) -> None:
        raise RuntimeError("the table is broken")

    monkeypatch.setattr(Book, "hours", broken)
    found = explain(world.book, world.state, world.around, attempt)
    assert [each.words for each in found.findings] == ["failed: RuntimeError"]


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({each.name for each in ORDER}) == len(ORDER)


# --- who, and what ----------------------------------------------------------------


def who(world: World, door: DoorId = LAB, side: Side = Side.IN) -> dict[str, tuple[Need, ...]]:
    found = who_can_open(world.book, door, side, world.now)
    return {each.holder: each.needs for each in found if each is not None}


def test_who_can_open_a_door_at_a_time() -> None:
    world = World(
        levels=(level(LevelRule(OFFICE, frozenset({LAB}))),), schedules=[OFFICE_HOURS]
    )
    world.person(BORIS, levels=())
    world.credential(VERAS, valid_until=NOON)
    assert who(world) == {ANNA: ()}
    world.shows("2026-05-08 18:00")
    assert who(world) == {}
    assert who(world, DoorId("attic")) == {}


def test_what_else_they_need_is_said() -> None:
    world = World(PointRules(first_person=ALWAYS, minimum_clearance=1))
    world.person(ANNA, clearance=1)
    world.person(BORIS, Flag.SUPERVISOR, clearance=1)
    world.person(VERA)
    assert who(world) == {ANNA: (Need.SUPERVISOR_FIRST,), BORIS: ()}
    world = World(CARD_AND_PIN)
    world.person(ANNA, pin="1234")
    world.person(BORIS, Flag.PIN_EXEMPT)
    world.person(VERA, Flag.VISITOR, pin="1234")
    assert who(world) == {ANNA: (Need.PIN,), BORIS: (), VERA: (Need.PIN, Need.ESCORT)}
    world = World(PointRules(two_person=True))
    world.person(VERA, Flag.VISITOR)
    assert who(world) == dict.fromkeys((ANNA, BORIS), (Need.SECOND_PERSON,))


def test_pins_alone_open_where_they_are_asked_for() -> None:
    world = World(PIN)
    world.pin_alone("1234")
    assert who(world) == {ANNA: ()}
    assert set(who(world, LOBBY)) == {ANNA, BORIS, VERA}
    here = filter(None, what_can_open(world.book, ANNA, world.now))
    pin = KEY.key_of(Digits("1234"))
    assert [each.credential for each in here if (each.door, each.side) == (LAB, Side.IN)] == [
        pin
    ]


def test_what_somebody_can_open() -> None:
    only_in = level(LevelRule(ALWAYS, areas=frozenset({HALL}), sides=frozenset({Side.IN})))
    world = World(PointRules(muster=True), levels=(only_in,))
    asked = what_can_open(world.book, ANNA, world.now)
    found = [(each.door, each.side) for each in asked if each is not None]
    assert found == [(LOBBY, Side.IN), (LAB, Side.OUT)]
    assert who(world) == {}
