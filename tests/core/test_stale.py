"""What waited in a unit while nobody asked it opens nothing when it is heard at last."""

from math import inf

import pytest

from gatewayd.core.access.reasons import Reason
from gatewayd.core.actions import Record, Release, Signal, Tone
from gatewayd.core.events import AccessDenied, ExitRequested, ReleaseFailed
from gatewayd.core.facts import CardRead, InputsRead
from tests.core.site import (
    ANNA,
    CARD,
    CLOSED,
    DESK,
    IN,
    LOBBY,
    OTHER_CARD,
    PRESSED,
    REST,
    events,
    of,
    orders,
    ready,
)


@pytest.mark.parametrize("waited", [5.1, 8.0, inf])
def test_a_card_that_may_have_waited_in_its_reader_opens_nothing(waited: float) -> None:
    actions = ready().tell(CardRead(DESK, 1, 0, CARD, waited))
    (denied,) = events(actions)
    assert denied == AccessDenied(LOBBY, IN, "H10301:36:6765", Reason.STALE_CARD, ANNA)
    assert [each.tone for each in orders(actions) if isinstance(each, Signal)] == [Tone.DENIED]
    assert of(Release, actions) == []


@pytest.mark.parametrize("waited", [0.0, 0.05, 5.0])
def test_a_card_that_waited_its_turn_opens(waited: float) -> None:
    assert len(of(Release, ready().tell(CardRead(DESK, 1, 0, CARD, waited)))) == 1


def test_what_waited_in_here_counts_as_well() -> None:
    world = ready()
    late = CardRead(DESK, 1, 0, CARD, 3.0, heard=world.mono - 2.5)
    assert of(Release, world.tell(late)) == []
    assert len(of(Release, world.tell(CardRead(DESK, 1, 0, CARD, 3.0, heard=world.mono)))) == 1


def test_a_stranger_is_a_stranger_however_late() -> None:
    (denied,) = events(ready().tell(CardRead(DESK, 1, 0, OTHER_CARD, inf)))
    assert isinstance(denied, AccessDenied)
    assert denied.reason is Reason.UNKNOWN_CREDENTIAL


def test_a_press_of_the_exit_button_from_before_an_outage_is_told_and_opens_nothing() -> None:
    world = ready()
    assert world.tell(InputsRead(DESK, 1, (CLOSED, PRESSED), inf)) == [
        Record(ExitRequested(LOBBY)),
        Record(ReleaseFailed(LOBBY, "not_sent", "it was pressed long ago")),
    ]
    world.inputs(CLOSED, REST)
    assert len(of(Release, world.inputs(CLOSED, PRESSED))) == 1
