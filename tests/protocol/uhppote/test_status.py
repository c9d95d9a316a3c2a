"""What a board says all day, read by hand and by layout."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import UnsendableMessage
from protocol.uhppote.frame import Frame
from protocol.uhppote.message import Reply
from protocol.uhppote.messages import decode_reply, encode
from protocol.uhppote.status import (
    NO_EVENT,
    Direction,
    Event,
    EventType,
    Reason,
    Status,
    read_event,
    read_status,
)
from protocol.uhppote.values import Date, Moment, Time
from tests.protocol.uhppote.messages import events, statuses

bodies = st.binary(min_size=56, max_size=56)


@given(bodies | statuses.map(lambda status: status.encode().ljust(56, b"\0")))
def test_a_status_read_by_hand_is_the_one_its_layout_describes(body: bytes) -> None:
    assert read_status(body) == Status.decode(body)


@given(bodies | events.map(lambda event: event.encode().ljust(56, b"\0")))
def test_an_event_read_by_hand_is_the_one_its_layout_describes(body: bytes) -> None:
    assert read_event(body) == Event.decode(body)


@given(events)
def test_an_event_written_by_hand_is_the_one_its_layout_describes(event: Event) -> None:
    assert event.encode() == Reply.encode(event)


def test_an_event_that_does_not_fit_is_named_by_its_field() -> None:
    with pytest.raises(UnsendableMessage, match="door does not fit"):
        Event(1, door=256).encode()


@given(st.binary(min_size=16, max_size=16))
def test_an_event_without_a_number_is_none_whatever_else_it_says(rest: bytes) -> None:
    body = (bytes(4) + rest).ljust(56, b"\0")
    assert read_event(body) == Event.decode(body) == NO_EVENT


def test_reasons_that_nobody_knows_are_kept() -> None:
    event = Event(1, 9, door=1, direction=7, reason=77)
    assert decode_reply(Frame.decode(encode(1, event))) == event


def test_a_swipe_is_told_in_words() -> None:
    body = bytes.fromhex("0700000001010201a2987c002022082309470601").ljust(56, b"\0")
    at = Moment(Date(2022, 8, 23), Time(9, 47, 6))
    assert read_event(body) == Event(
        7,
        EventType.CARD,
        granted=True,
        door=2,
        direction=Direction.IN,
        card=8165538,
        at=at,
        reason=Reason.CARD,
    )


def test_the_clock_is_told_in_two_places_and_none_without_both() -> None:
    time, date = Time(9, 49, 39), Date(2022, 8, 23)
    assert Status(time=time, date=date).clock == Moment(date, time)
    assert Status(time=time).clock is None
    assert Status(date=date).clock is None
    assert Status().clock is None


def test_locks_and_inputs_are_bits() -> None:
    status = Status(relays=0b0101, inputs=0b10)
    assert [status.unlocked(door) for door in (1, 2, 3, 4)] == [True, False, True, False]
    assert status.fire
    assert not status.forced_lock
    assert Status(inputs=1).forced_lock
    assert not Status(inputs=1).fire


def test_a_year_of_another_century_has_no_short_form() -> None:
    with pytest.raises(UnsendableMessage, match="this century"):
        Status(date=Date(1999, 1, 1)).encode()
