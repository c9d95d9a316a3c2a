"""Cards and PINs at entry and exit readers: what is told, kept, opened and shown."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    Credential,
    DoorRules,
    Flag,
    Interlock,
    Passback,
    PointRules,
)
from gatewayd.core.access.policy import PinLimit, Policy
from gatewayd.core.access.state import Presence, PresenceIs
from gatewayd.core.actions import Action, Answer, KeepState, Record, Release, Signal, Tone
from gatewayd.core.drive import Drive
from gatewayd.core.events import (
    AccessAwaited,
    AccessDenied,
    AccessDuress,
    AccessGranted,
    AccessLockedOut,
    AccessMustered,
    AccessNotTaken,
    AccessPassback,
    AccessTaken,
    DoorHeld,
    DoorOpened,
    DoorPreAlarm,
    InternalError,
    ReportsIgnored,
)
from gatewayd.core.facts import CardRead, InputState, KeysRead, Outcome
from gatewayd.core.model import DoorId, DoorMode, HolderId, OrderId, Point
from gatewayd.core.pin_entry import Digits, Keys, PinEntry
from gatewayd.core.requests import ExplainDecision, UnlockDoor
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import Town
from tests.core.site import (
    ANNA,
    BORIS,
    BOTH_WAYS,
    CARD,
    CLOSED,
    DESK,
    HALL,
    IN,
    LAB,
    LAB_DOOR,
    LOBBY,
    OFF,
    OPEN,
    OTHER_CARD,
    OUT,
    PRESSED,
    REST,
    STRANGE_CARD,
    STRIKE,
    World,
    add,
    anna,
    events,
    kept,
    of,
    orders,
    permit,
    ready,
    site,
    two_people,
)
from tests.core.site import KEY as SITE_KEY

KEY = "H10301:36:6765"
OTHER_KEY = "H10301:0:3"
WITH_PIN = PointRules(default=Authentication.CARD_AND_PIN)
EITHER = PointRules(default=Authentication.CARD_OR_PIN)
HARD, SOFT = AreaRules(HALL, Passback.HARD), AreaRules(HALL, Passback.SOFT)
BOTH = site(BOTH_WAYS, LAB_DOOR)


def town(*flags: Flag, pin: str | None = "1234", duress_pin: str | None = "9999") -> Town:
    found = Town()
    add(found, ANNA, CARD, *flags, pin=pin, duress_pin=duress_pin)
    return found


def tones(actions: list[Action]) -> list[Tone]:
    return [each.tone for each in of(Signal, actions)]


def with_pin(people: Town | None = None, entry: PointRules = WITH_PIN) -> World:
    return ready(BOTH, permit(BOTH, town=people or town(), entry=entry))


def two_ways(*areas: AreaRules, people: Town | None = None) -> World:
    return ready(BOTH, permit(BOTH, town=people or two_people(), areas=areas))


def kinds(actions: list[Action]) -> list[type[object]]:
    return [type(each) for each in events(actions)]


# --- exit readers -------------------------------------------------------------------------


def test_an_exit_reader_lets_out_and_answers_itself() -> None:
    assert two_ways().card(reader=2) == [
        Record(AccessGranted(LOBBY, OUT, KEY, ANNA)),
        Release(OrderId(1), STRIKE, 1, 0, seconds=5.0, expires=102.0),
        Signal(OrderId(2), DESK, 1, 2, Tone.GRANTED, expires=102.0),
    ]


def test_what_was_taken_says_which_way_and_moves_who_took_it() -> None:
    world = two_ways(HARD)
    world.card()
    told = world.inputs(OPEN, REST)
    assert events(told) == [DoorOpened(LOBBY), AccessTaken(LOBBY, IN, ANNA)]
    assert kept(told) == ["presence/anna"]
    world.inputs(CLOSED, REST)
    assert AccessDenied(LOBBY, IN, KEY, "passback", ANNA) in events(world.card())
    world.card(reader=2)
    assert AccessTaken(LOBBY, OUT, ANNA) in events(world.inputs(OPEN, REST))
    assert world.state.occupancy == {}


def test_a_grant_nobody_takes_moves_nobody() -> None:
    world = two_ways(HARD)
    world.done(of(Release, world.card())[0])
    told = world.wait(10)
    assert events(told) == [AccessNotTaken(LOBBY, IN, ANNA)]
    assert kept(told) == []
    assert of(Release, world.card())


def test_soft_passback_lets_in_and_is_told() -> None:
    world = two_ways(SOFT)
    world.card()
    world.inputs(OPEN, REST)
    world.inputs(CLOSED, REST)
    assert events(world.card()) == [
        AccessGranted(LOBBY, IN, KEY, ANNA),
        AccessPassback(LOBBY, IN, ANNA),
    ]


def test_the_pre_alarm_is_heard_on_both_sides() -> None:
    world = two_ways()
    world.card()
    world.inputs(OPEN, REST)
    warned = [each.reader for each in of(Signal, world.wait(29)) if each.tone is Tone.HELD_OPEN]
    assert warned == [0, 2]


# --- where nobody sees who passes ---------------------------------------------------------


def test_without_a_contact_whoever_is_let_in_counts_as_through() -> None:
    config = site(replace(BOTH_WAYS, contact=None), LAB_DOOR)
    world = ready(config, permit(config, areas=(HARD,)))
    granted = world.card()
    assert kinds(granted) == [AccessGranted]
    assert kept(granted) == ["presence/anna"]
    assert AccessDenied(LOBBY, IN, KEY, "passback", ANNA) in events(world.card())


@pytest.mark.parametrize("level", [OPEN, InputState.SHORT, InputState.CUT])
def test_at_a_door_that_is_open_or_at_fault_whoever_is_let_in_counts_as_through(
    level: InputState,
) -> None:
    world = two_ways(HARD)
    world.inputs(level, REST)
    assert kept(world.card()) == ["presence/anna"]


def test_a_contact_that_is_lost_after_a_grant_lets_it_count() -> None:
    world = two_ways(HARD)
    world.card()
    assert kept(world.offline(DESK)) == ["presence/anna"]


# --- two grants before a door opens -------------------------------------------------------


def two_doors(people: Town, area: AreaRules = HARD) -> World:
    """Lobby and lab both lead into the hall, and both have a contact."""
    lab = replace(BOTH_WAYS, id=LAB, lock=LAB_DOOR.lock, reader=LAB_DOOR.reader)
    lab = replace(lab, exit_reader=None, contact=LAB_DOOR.reader, exit_button=None)
    config = site(BOTH_WAYS, lab)
    world = ready(config, permit(config, town=people, areas=(area,)))
    world.outputs(DESK, OFF)
    return world


def test_who_was_let_in_elsewhere_and_is_not_through_is_not_let_in_again() -> None:
    world = two_doors(two_people())
    world.card()
    assert events(world.card(reader=1)) == [AccessDenied(LAB, IN, KEY, "passback", ANNA)]
    assert of(Release, world.card()), "a retry at the same door"
    assert of(Release, world.card(OTHER_CARD, reader=1)), "somebody else"


def test_once_its_time_is_over_a_grant_speaks_against_no_other() -> None:
    world = two_doors(two_people())
    world.done(of(Release, world.card())[0])
    world.wait(10)
    assert of(Release, world.card(reader=1))


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.EXPIRED, Outcome.NOT_SENT])
def test_a_grant_whose_lock_did_not_move_speaks_against_no_other(outcome: Outcome) -> None:
    world = two_doors(two_people())
    world.done(of(Release, world.card())[0], outcome)
    assert of(Release, world.card(reader=1))


def test_who_is_exempt_or_where_nothing_is_counted_may_be_let_in_twice() -> None:
    exempt = Town()
    add(exempt, ANNA, CARD, Flag.PASSBACK_EXEMPT)
    for world in (two_doors(exempt), two_doors(anna(), SOFT)):
        world.card()
        assert of(Release, world.card(reader=1))


def test_uses_that_are_about_to_be_used_count() -> None:
    people = Town()
    add(people, max_uses=1)
    world = two_doors(people, SOFT)
    world.card()
    assert events(world.card(reader=1)) == [AccessDenied(LAB, IN, KEY, "use_limit", ANNA)]
    assert of(Release, world.card())
    assert kept(world.inputs(OPEN, CLOSED)) == ["presence/anna", "uses/" + KEY]
    assert events(world.card(reader=1)) == [AccessDenied(LAB, IN, KEY, "use_limit", ANNA)]


def test_the_last_place_is_given_once() -> None:
    world = two_doors(two_people(), AreaRules(HALL, max_occupancy=1))
    world.card()
    told = world.card(OTHER_CARD, reader=1)
    assert events(told) == [AccessDenied(LAB, IN, OTHER_KEY, "occupancy_max", BORIS)]
    roomy = two_doors(two_people(), AreaRules(HALL, max_occupancy=2))
    roomy.card()
    assert of(Release, roomy.card(OTHER_CARD, reader=1))


def ways_out(people: Town, area: AreaRules) -> World:
    """Both doors lead out of the hall, where everybody is."""
    lab = replace(LAB_DOOR, inside=HALL, reader=None, exit_reader=LAB_DOOR.reader)
    config = site(BOTH_WAYS, replace(lab, contact=Point(DESK, 2)))
    world = ready(config, permit(config, town=people, areas=(area,)))
    world.inputs(CLOSED, REST, CLOSED)
    for each in people.holders:
        world.state.apply(PresenceIs(each, Presence(HALL, world.now.utc)))
    return world


def test_of_three_nobody_leaves_one_alone_by_two_doors_at_once() -> None:
    people = two_people()
    add(people, HolderId("carl"), STRANGE_CARD)
    world = ways_out(people, AreaRules(HALL, min_occupancy=2))
    assert of(Release, world.card(reader=2))
    told = world.card(OTHER_CARD, reader=1)
    assert events(told) == [AccessDenied(LAB, OUT, OTHER_KEY, "occupancy_min", BORIS)]
    assert of(Release, world.card(reader=2)), "a retry at the same door"


def test_where_enough_are_left_two_leave_by_two_doors() -> None:
    people = two_people()
    add(people, HolderId("carl"), STRANGE_CARD)
    world = ways_out(people, AreaRules(HALL, min_occupancy=1))
    assert of(Release, world.card(reader=2))
    assert of(Release, world.card(OTHER_CARD, reader=1))


def why_not(world: World, door: DoorId, credential: str) -> object:
    (answer,) = of(Answer, world.ask(ExplainDecision(door, IN, credential)))
    assert isinstance(answer.result, dict)
    return answer.result["reason"]


def test_why_says_what_the_reader_says_of_a_grant_that_cannot_be_carried_out() -> None:
    world = two_doors(two_people())
    world.card()
    assert why_not(world, LAB, KEY) == "passback"
    assert events(world.card(reader=1)) == [AccessDenied(LAB, IN, KEY, "passback", ANNA)]
    world.offline(STRIKE)
    assert why_not(world, LOBBY, OTHER_KEY) == "unit_offline"
    told = world.card(OTHER_CARD)
    assert events(told) == [AccessDenied(LOBBY, IN, OTHER_KEY, "unit_offline", BORIS)]


def test_who_comes_in_by_another_door_leaves_nobody_alone() -> None:
    world = two_doors(two_people(), AreaRules(HALL, min_occupancy=1))
    world.state.apply(PresenceIs(ANNA, Presence(HALL, world.now.utc)))
    assert of(Release, world.card(OTHER_CARD, reader=1))
    assert of(Release, world.card(reader=2)), "Boris is not in yet, and nobody is left"


def test_who_is_on_the_way_out_takes_no_place() -> None:
    world = two_doors(two_people(), AreaRules(HALL, max_occupancy=1))
    world.card(reader=2)
    assert of(Release, world.card(OTHER_CARD, reader=1))


@pytest.mark.parametrize("kind", [Interlock.OPEN, Interlock.UNLOCK])
def test_of_two_doors_of_a_lock_one_is_released_also_for_somebody_without_a_name(
    kind: Interlock,
) -> None:
    world = two_doors(two_people(), AreaRules(HALL, interlock=kind))
    world.done(of(Release, world.inputs(CLOSED, PRESSED))[0])
    told = world.card(OTHER_CARD, reader=1)
    assert events(told) == [AccessDenied(LAB, IN, OTHER_KEY, "interlock", BORIS)]
    world.wait(10)
    assert of(Release, world.card(OTHER_CARD, reader=1))
    world.done(of(Release, world.ask(UnlockDoor(LAB)))[0])
    told = world.card()
    assert events(told) == [AccessDenied(LOBBY, IN, KEY, "interlock", ANNA)]


def test_of_two_doors_of_a_lock_one_is_released_although_neither_is_open() -> None:
    world = two_doors(two_people(), AreaRules(HALL, interlock=Interlock.OPEN))
    world.done(of(Release, world.card())[0])
    told = world.card(OTHER_CARD, reader=1)
    assert events(told) == [AccessDenied(LAB, IN, OTHER_KEY, "interlock", BORIS)]
    world.wait(10)
    assert of(Release, world.card(OTHER_CARD, reader=1))


# --- PINs ---------------------------------------------------------------------------------


def test_a_card_and_its_pin_open_the_door() -> None:
    world = with_pin()
    assert world.card() == [
        Record(AccessAwaited(LOBBY, IN, KEY, "pin_awaited", ANNA)),
        Signal(OrderId(1), DESK, 1, 0, Tone.AWAITED, expires=102.0),
    ]
    assert world.keys("12") == []
    entered = world.keys("34#")
    assert kinds(entered) == [AccessGranted]
    assert [type(each) for each in entered] == [Record, Release, Signal]


def test_a_wrong_pin_is_counted_before_it_is_told() -> None:
    world = with_pin()
    world.card()
    entered = world.keys("4321#")
    assert [type(each) for each in entered] == [KeepState, Record, Signal]
    assert events(entered) == [AccessDenied(LOBBY, IN, KEY, "wrong_pin", ANNA)]
    assert kept(entered) == ["misses/holder:anna", "misses/point:lobby:in", "misses/site"]


def test_a_pin_that_is_too_long_is_a_wrong_one() -> None:
    world = with_pin()
    world.card()
    entered = world.keys("12341234123#")
    assert events(entered) == [AccessDenied(LOBBY, IN, KEY, "wrong_pin", ANNA)]


def test_a_wait_that_is_called_off_or_over_is_a_denial() -> None:
    world = with_pin()
    world.card()
    over = AccessDenied(LOBBY, IN, KEY, "factor_timeout")
    assert events(world.keys("12*")) == [over]
    world.card()
    world.keys("12")
    assert events(world.wait(14.9)) == []
    ended = world.wait(0.2)
    assert events(ended) == [over]
    assert tones(ended) == [Tone.DENIED]
    assert world.keys("#") == [], "those digits are forgotten"


def test_a_pin_begun_anew_ends_with_the_wait_of_its_card() -> None:
    world = with_pin()
    world.card()
    world.keys("9")
    world.wait(12)  # the first digit is forgotten after 10 s
    world.keys("12")
    assert events(world.wait(4)) == [AccessDenied(LOBBY, IN, KEY, "factor_timeout")]
    assert world.keys("#") == []


def test_cancelling_nothing_is_nothing() -> None:
    world = with_pin()
    assert world.keys("*#") == []
    assert world.keys("12*") == []


def test_a_digit_that_comes_after_its_time_begins_another_pin() -> None:
    world = with_pin()
    world.card()
    world.keys("9")
    world.mono += 10.5
    entered = world.keys("1234#")
    assert kinds(entered) == [AccessGranted]


def test_keys_where_no_pin_is_asked_for_mean_nothing() -> None:
    world = ready()
    assert world.keys("1234#") == []
    assert world.keys("1234#", reader=1) == []


def test_keys_at_a_reader_of_no_door_are_noted() -> None:
    (noted,) = events(with_pin().keys("1", reader=7))
    assert noted == ReportsIgnored(DESK, "KeysRead", "no door has its reader 7")


def test_a_pin_alone_opens_and_is_never_shown() -> None:
    people = town()
    alone = SITE_KEY.key_of(Digits("5678"))
    people.cards[alone] = Credential(alone, ANNA)
    world = with_pin(people, EITHER)
    assert events(world.keys("5678#")) == [AccessGranted(LOBBY, IN, "PIN", ANNA)]
    assert events(world.keys("8765#")) == [AccessDenied(LOBBY, IN, "PIN", "unknown_credential")]


def test_a_card_ends_what_was_keyed_before_it() -> None:
    world = with_pin(entry=EITHER)
    world.keys("12")
    world.card()
    assert world.keys("#") == []


@pytest.mark.parametrize("waited", [5.1, float("inf")])
def test_keys_that_may_have_waited_are_forgotten_with_what_was_keyed_before(
    waited: float,
) -> None:
    world = with_pin()
    world.card()
    world.keys("12")
    assert world.keys("34#", waited=waited) == []
    assert world.keys("#") == []


def test_a_stale_card_awaits_nothing() -> None:
    world = with_pin()
    told = world.tell(CardRead(DESK, 1, 0, CARD, waited=9.0))
    assert events(told) == [AccessDenied(LOBBY, IN, KEY, "stale_card", ANNA)]
    assert world.state.cards == {}
    assert events(world.keys("1234#")) == [AccessDenied(LOBBY, IN, "PIN", "wrong_factor")]


def test_five_wrong_pins_lock_their_holder_out_and_that_is_told_once() -> None:
    world = with_pin()
    for _ in range(4):
        world.card()
        world.keys("0#")
    world.card()
    until = world.now.utc + timedelta(seconds=30)
    assert events(world.keys("0#")) == [
        AccessDenied(LOBBY, IN, KEY, "wrong_pin", ANNA),
        AccessLockedOut("holder", "anna", until),
    ]
    told = world.card()
    assert events(told) == [AccessDenied(LOBBY, IN, KEY, "credential_locked_out", ANNA)]
    world.wait(30)
    world.card()
    told = world.keys("1234#")
    assert AccessGranted in kinds(told)
    assert kept(told) == ["misses/holder:anna"]


def test_wrong_pins_of_everybody_lock_the_reader_and_the_site_out() -> None:
    policy = Policy(point_pins=PinLimit(2), site_pins=PinLimit(2))
    world = ready(BOTH, permit(BOTH, town=town(), entry=EITHER, policy=policy))
    world.keys("1#")
    until = world.now.utc + timedelta(seconds=30)
    assert events(world.keys("2#"))[1:] == [
        AccessLockedOut("point", "lobby:in", until),
        AccessLockedOut("site", None, until),
    ]
    world.wait(1)
    assert AccessLockedOut not in kinds(world.keys("3#"))


def test_digits_are_in_no_event_and_no_order() -> None:
    world = with_pin()
    actions = world.card() + world.keys("9182#")
    assert "9182" not in repr(actions)
    assert "9182" not in repr(KeysRead(DESK, 1, 0, Keys("9182")))


# --- duress -------------------------------------------------------------------------------


def test_duress_is_told_and_nothing_else_differs() -> None:
    def entered(pin: str) -> list[Action]:
        world = with_pin()
        world.card()
        return world.keys(pin)

    forced, free = entered("9999#"), entered("1234#")
    assert [each for each in forced if each not in free] == [
        Record(AccessDuress(LOBBY, IN, KEY, ANNA))
    ]
    assert [each for each in forced if each in free] == free


def test_a_denied_card_that_says_duress_is_told_as_well() -> None:
    people = Town()
    add(people, duress=True)
    people.holders[ANNA] = people.holders[ANNA]._replace(enabled=False)
    assert events(ready(book=permit(town=people)).card()) == [
        AccessDenied(LOBBY, IN, KEY, "holder_disabled", ANNA),
        AccessDuress(LOBBY, IN, KEY, ANNA),
    ]


# --- more than one person -----------------------------------------------------------------


def test_two_people_pass_together_and_both_are_named() -> None:
    rules = PointRules(two_person=True)
    world = ready(BOTH, permit(BOTH, town=two_people(), entry=rules, areas=(SOFT,)))
    first = world.card()
    assert events(first) == [AccessAwaited(LOBBY, IN, KEY, "second_person_awaited", ANNA)]
    assert tones(first) == [Tone.AWAITED]
    assert kept(first) == []
    second = world.card(OTHER_CARD)
    assert events(second) == [AccessGranted(LOBBY, IN, OTHER_KEY, BORIS, companion=ANNA)]
    told = world.inputs(OPEN, REST)
    assert AccessTaken(LOBBY, IN, BORIS, ANNA) in events(told)
    assert kept(told) == ["presence/boris", "presence/anna"]


def test_a_second_person_who_does_not_come_is_a_denial() -> None:
    rules = PointRules(two_person=True)
    world = ready(BOTH, permit(BOTH, town=two_people(), entry=rules))
    world.card()
    told = world.wait(15)
    assert events(told) == [AccessDenied(LOBBY, IN, KEY, "second_person_required", ANNA)]
    assert tones(told) == [Tone.DENIED]


def test_a_visitor_waits_for_an_escort() -> None:
    people = Town()
    add(people, ANNA, CARD, Flag.VISITOR)
    add(people, BORIS, OTHER_CARD, Flag.ESCORT)
    world = ready(book=permit(town=people))
    assert kinds(world.card()) == [AccessAwaited]
    assert AccessGranted(LOBBY, IN, OTHER_KEY, BORIS, ANNA) in events(world.card(OTHER_CARD))


def test_at_a_muster_point_presence_is_kept_and_nothing_opens() -> None:
    world = ready(BOTH, permit(BOTH, entry=PointRules(muster=True)))
    told = world.card()
    assert [type(each) for each in told] == [KeepState, Record, Signal]
    assert events(told) == [AccessMustered(LOBBY, IN, KEY, ANNA)]
    assert kept(told) == ["presence/anna"]
    assert tones(told) == [Tone.GRANTED]


# --- what else a grant brings -------------------------------------------------------------


def test_who_needs_longer_has_longer_and_no_other_release_ends_it() -> None:
    people = two_people()
    add(people, ANNA, CARD, Flag.EXTENDED_TIME)
    world = ready(BOTH, permit(BOTH, town=people))
    (release,) = of(Release, world.card())
    assert release.seconds == 15.0
    (meanwhile,) = of(Release, world.card(OTHER_CARD))
    assert meanwhile.seconds == 15.0
    world.done(release)
    world.done(meanwhile)
    world.wait(6)
    (later,) = of(Release, world.inputs(CLOSED, PRESSED))
    assert later.seconds == 9.0


def test_who_needs_longer_may_leave_the_door_open_for_longer() -> None:
    people = Town()
    add(people, ANNA, CARD, Flag.EXTENDED_TIME)
    world = ready(BOTH, permit(BOTH, town=people))
    world.done(of(Release, world.card())[0])
    world.inputs(OPEN, REST)
    assert events(world.wait(79.9)) == []
    assert kinds(world.wait(10.2)) == [DoorPreAlarm, DoorHeld]


def test_a_facility_code_is_enough_while_permissions_cannot_be_relied_on() -> None:
    policy = Policy(facilities=frozenset({"H10301:36"}), facility_only=True)
    world = World(book=permit(town=Town(), policy=policy), degraded=True)
    world.online()
    assert events(world.card()) == [AccessGranted(LOBBY, IN, KEY, None, degraded=True)]


def test_an_interlock_counts_a_release_that_is_on_its_way() -> None:
    world = two_doors(two_people(), AreaRules(HALL, interlock=Interlock.UNLOCK))
    assert of(Release, world.card())
    told = world.card(OTHER_CARD, reader=1)
    assert events(told) == [AccessDenied(LAB, IN, OTHER_KEY, "interlock", BORIS)]


def test_a_first_person_unlocks_what_waits_for_one() -> None:
    people = Town()
    add(people, ANNA, CARD, Flag.SUPERVISOR)
    book = permit(BOTH, town=people)
    rules = DoorRules(LOBBY, unlock=ALWAYS, unlock_needs_first_person=True)
    book.rules[LOBBY] = rules
    world = ready(BOTH, book)
    assert world.views[LOBBY].mode is DoorMode.LOCKED
    world.card()
    world.inputs(OPEN, REST)
    assert world.views[LOBBY].mode is DoorMode.UNLOCKED


# --- our own faults -----------------------------------------------------------------------


def test_keys_that_break_something_are_a_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    world = with_pin()
    world.card()
    monkeypatch.setattr(PinEntry, "press", broken)
    told = world.keys("1234#")
    assert AccessDenied(LOBBY, IN, "PIN", "internal_error") in events(told)
    assert InternalError in kinds(told)
    assert orders(told) == [each for each in orders(told) if isinstance(each, Signal)]


def test_a_wait_begun_before_something_broke_is_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Drive, "signal", broken)
    assert kinds(with_pin().card()) == [AccessAwaited, InternalError]
