"""What a card at a reader makes the gateway do."""

from gatewayd.core.actions import Record, Release, Signal, Tone
from gatewayd.core.events import (
    AccessDenied,
    AccessGranted,
    AccessNotTaken,
    AccessTaken,
    DoorOpened,
    ReleaseFailed,
    ReportsIgnored,
)
from gatewayd.core.facts import CardRead, ControllerIdentified, KeysRead, OrderDone, Outcome
from gatewayd.core.model import DoorMode, OrderId
from gatewayd.core.pin_entry import Keys
from gatewayd.core.requests import SetDoorMode
from tests.core.site import (
    ANNA,
    BORIS,
    CARD,
    CLOSED,
    DESK,
    IN,
    LAB,
    LAB_DOOR,
    LOBBY,
    OPEN,
    OTHER_CARD,
    REST,
    STRANGE_CARD,
    STRIKE,
    World,
    events,
    identity,
    lobby,
    of,
    orders,
    permit,
    ready,
    site,
    two_people,
)

KEY = "H10301:36:6765"


def test_a_granted_card_is_recorded_then_releases_the_lock_then_signals() -> None:
    assert ready().card() == [
        Record(AccessGranted(LOBBY, IN, KEY, ANNA)),
        Release(OrderId(1), STRIKE, 1, 0, seconds=5.0, expires=102.0),
        Signal(OrderId(2), DESK, 1, 0, Tone.GRANTED, expires=102.0),
    ]


def test_a_denied_card_is_recorded_with_its_reason_and_signals() -> None:
    assert ready().card(OTHER_CARD) == [
        Record(AccessDenied(LOBBY, IN, "H10301:0:3", "unknown_credential")),
        Signal(OrderId(1), DESK, 1, 0, Tone.DENIED, expires=102.0),
    ]


def test_a_card_of_no_known_format_is_recorded_by_its_bits() -> None:
    assert events(ready().card(STRANGE_CARD)) == [
        AccessDenied(LOBBY, IN, "13:abc8", "unknown_format")
    ]


def test_a_door_may_hang_on_one_controller_or_on_several() -> None:
    world = ready()
    assert of(Release, world.card(reader=0))[0].controller == STRIKE
    assert of(Release, world.card(reader=1))[0].controller == DESK


def test_a_card_at_a_reader_of_no_door_is_noted_once() -> None:
    world = ready()
    (first, second) = world.card(reader=7), world.card(reader=7)
    assert events(first) == [ReportsIgnored(DESK, "CardRead", "no door has its reader 7")]
    assert second == []


def test_keys_decide_nothing_yet() -> None:
    assert ready().tell(KeysRead(DESK, 1, 0, Keys("1234"))) == []


# --- the lock's controller ---------------------------------------------------------------


def test_a_grant_needs_a_lock_that_is_there() -> None:
    world = World()
    world.online(DESK)
    (denied,) = events(world.card())
    assert denied == AccessDenied(LOBBY, IN, KEY, "unit_offline", ANNA)


def test_a_grant_needs_a_lock_that_may_be_driven() -> None:
    world = World()
    world.online(DESK)
    world.tell(ControllerIdentified(STRIKE, 1, identity(model=9)))
    actions = world.card()
    assert events(actions) == [AccessDenied(LOBBY, IN, KEY, "unit_not_approved", ANNA)]
    assert of(Release, actions) == []


def test_a_release_that_did_not_arrive_is_recorded() -> None:
    for outcome in (Outcome.EXPIRED, Outcome.REFUSED, Outcome.NOT_SENT, Outcome.UNCONFIRMED):
        world = ready()
        (release,) = of(Release, world.card())
        assert events(world.done(release, outcome, "why")) == [
            ReleaseFailed(LOBBY, outcome, "why")
        ]


def test_a_release_that_arrived_needs_no_further_record() -> None:
    world = ready()
    (release,) = of(Release, world.card())
    assert events(world.done(release)) == []
    assert world.views[LOBBY].locked is False
    world.wait(5.0)
    assert world.views[LOBBY].locked is True


def test_the_end_of_a_signal_is_nobodys_business() -> None:
    world = ready()
    (signal,) = of(Signal, world.card())
    assert world.done(signal, Outcome.EXPIRED) == []


def test_an_order_without_an_end_counts_as_unconfirmed() -> None:
    world = ready()
    world.card()
    assert events(world.wait(2.9)) == []
    assert events(world.wait(0.2)) == [
        ReleaseFailed(LOBBY, Outcome.UNCONFIRMED, "its line says nothing")
    ]


def test_an_order_ends_once() -> None:
    world = ready()
    (release,) = of(Release, world.card())
    world.done(release)
    assert world.tell(OrderDone(release.order, Outcome.EXPIRED)) == []


# --- through the door or not -------------------------------------------------------------


def test_whoever_opens_the_door_after_the_grant_has_taken_it() -> None:
    world = ready()
    (release,) = of(Release, world.card())
    world.done(release)
    assert events(world.inputs(OPEN, REST)) == [DoorOpened(LOBBY), AccessTaken(LOBBY, IN, ANNA)]
    assert events(world.wait(10)) == []


def test_a_door_may_open_before_its_lock_says_that_it_was_released() -> None:
    world = ready()
    world.card()
    assert AccessTaken(LOBBY, IN, ANNA) in events(world.inputs(OPEN, REST))


def test_a_grant_nobody_uses_is_not_taken() -> None:
    world = ready()
    (release,) = of(Release, world.card())
    world.done(release)
    assert events(world.wait(5.9)) == []
    assert events(world.wait(0.2)) == [AccessNotTaken(LOBBY, IN, ANNA)]


def test_a_grant_whose_lock_did_not_move_is_neither_taken_nor_not() -> None:
    world = ready()
    (release,) = of(Release, world.card())
    world.done(release, Outcome.REFUSED)
    assert events(world.wait(20)) == []


def test_a_second_holder_before_the_first_is_through_takes_over() -> None:
    world = ready(book=permit(town=two_people()))
    world.card()
    assert events(world.card(OTHER_CARD)) == [
        AccessGranted(LOBBY, IN, "H10301:0:3", BORIS),
        AccessNotTaken(LOBBY, IN, ANNA),
    ]
    assert AccessTaken(LOBBY, IN, BORIS) in events(world.inputs(OPEN, REST))


def test_the_same_card_twice_is_one_grant_to_take() -> None:
    world = ready()
    world.done(of(Release, world.card())[0])
    world.mono += 3
    (second,) = of(Release, world.card())
    assert events(world.wait(1.5)) == []
    world.done(second)
    assert events(world.wait(5.9)) == []
    assert events(world.wait(0.2)) == [AccessNotTaken(LOBBY, IN, ANNA)]


def test_while_an_order_is_under_way_its_grant_still_counts() -> None:
    world = ready()
    world.done(of(Release, world.card())[0])
    world.mono += 5.5
    (second,) = of(Release, world.card())
    assert events(world.wait(1.0)) == []
    assert events(world.done(second, Outcome.EXPIRED)) == [
        ReleaseFailed(LOBBY, Outcome.EXPIRED)
    ]
    assert events(world.wait(20)) == []


def test_a_failed_release_does_not_end_one_that_runs() -> None:
    world = ready()
    first, second = of(Release, world.card())[0], of(Release, world.card())[0]
    world.done(first)
    world.done(second, Outcome.EXPIRED)
    assert AccessTaken(LOBBY, IN, ANNA) in events(world.inputs(OPEN, REST))


def test_without_a_contact_nobody_knows_who_went_through() -> None:
    world = ready()
    (release,) = of(Release, world.card(reader=1))
    world.done(release)
    assert events(world.wait(20)) == []
    assert world.views[LAB].locked is True


def test_a_card_at_an_open_door_is_neither_taken_nor_not() -> None:
    world = ready()
    world.done(of(Release, world.card())[0])
    world.inputs(OPEN, REST)
    world.done(of(Release, world.card())[0])
    assert events(world.wait(8)) == []


def test_a_door_without_a_reader_is_silent() -> None:
    world = ready(site(lobby(reader=None), LAB_DOOR))
    assert orders(world.card(reader=0)) == []


# --- modes -------------------------------------------------------------------------------


def test_an_unlocked_door_decides_but_is_not_pulsed() -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))[0])
    actions = world.card()
    assert events(actions) == [AccessGranted(LOBBY, IN, KEY, ANNA)]
    assert [each.tone for each in of(Signal, actions)] == [Tone.GRANTED]
    assert len(orders(actions)) == 1
    assert events(world.inputs(OPEN, REST)) == [DoorOpened(LOBBY)]


def test_an_unlocked_door_decides_although_its_lock_is_gone() -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))[0])
    world.offline(STRIKE)
    assert events(world.card()) == [AccessGranted(LOBBY, IN, KEY, ANNA)]


def test_a_blocked_door_denies_everybody() -> None:
    world = ready()
    world.ask(SetDoorMode(LOBBY, DoorMode.BLOCKED))
    assert events(world.card()) == [AccessDenied(LOBBY, IN, KEY, "door_blocked", ANNA)]


def test_a_card_of_an_old_connection_is_not_believed() -> None:
    world = ready()
    world.online(DESK, connection=2)
    world.inputs(CLOSED, REST, connection=2)
    assert orders(world.tell(CardRead(DESK, 1, 0, CARD))) == []
