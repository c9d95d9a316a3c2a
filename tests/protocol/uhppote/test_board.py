"""A conversation with one board, step by step."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from math import inf

import pytest

from protocol.errors import UnsendableMessage
from protocol.uhppote.board import (
    FIRST_SEQUENCE,
    LAST_SEQUENCE,
    PROBE_INTERVAL,
    Board,
    BoardSettings,
)
from protocol.uhppote.cards import CardPut, PutCard
from protocol.uhppote.doors import DoorControl, DoorOpened, GetDoorControl, OpenDoor
from protocol.uhppote.extensions import Capability
from protocol.uhppote.frame import ODD_MARK, Frame
from protocol.uhppote.happenings import (
    Announced,
    Answered,
    Answers,
    BoardEvent,
    Ended,
    EventRead,
    EventsLost,
    Expired,
    NewEpoch,
    Outcome,
    Sent,
    Silent,
    StatusRead,
    Unanswered,
    Why,
)
from protocol.uhppote.message import Request
from protocol.uhppote.messages import decode_request, encode
from protocol.uhppote.orders import ORDERS_BOUND, TRIES
from protocol.uhppote.schedules import AddTask, TaskKind
from protocol.uhppote.settings import NOBODY, SetAddress
from protocol.uhppote.status import OLDEST, Event, EventType, GetEvent, GetStatus, Status
from protocol.uhppote.values import EVERY_DAY, MIDNIGHT
from protocol.uhppote.walk import (
    ANNOUNCED_BOUND,
    HINTS_BOUND,
    LATEST_ANSWER,
    PAUSE,
    Cursor,
    Start,
)
from tests.protocol.uhppote.tiny_board import SERIAL, TinyBoard

CARD_A = PutCard(5, None, None, (1, 1, 1, 1))
CARD_B = PutCard(6, None, None, (1, 1, 1, 1))
TASK = AddTask(None, None, EVERY_DAY, MIDNIGHT, 1, TaskKind.PULSE)


@dataclass(slots=True)
class Talk:
    """Both ends, and the time between."""

    tiny: TinyBoard = field(default_factory=TinyBoard)
    capabilities: Capability = Capability.NONE
    start: Start = Start.NOW
    cursor: Cursor | None = None
    sequence: int = FIRST_SEQUENCE
    now: float = 100.0
    told: list[BoardEvent] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        settings = BoardSettings(SERIAL, capabilities=self.capabilities, start=self.start)
        self.board = Board(settings, self.told.append, self.cursor, self.sequence)

    def speak(self) -> bytes | None:
        raw = self.board.speak(self.now)
        if raw is not None:
            self.asked.append(decode_request(Frame.decode(raw)))
        return raw

    def exchange(self, *, lost: bool = False) -> bool:
        """One question and its answer; False if nothing is to be asked."""
        raw = self.speak()
        if raw is None:
            return False
        reply = None if lost else self.tiny.answer(raw)
        if reply is not None:
            self.board.hear(reply, self.now)
        return True

    def settle(self, *, lost: bool = False) -> None:
        """Say what there is to say now."""
        while self.exchange(lost=lost):
            pass

    def wait(self, seconds: float, *, lost: bool = False) -> None:
        end = self.now + seconds
        self.settle(lost=lost)
        while (soonest := max(self.board.deadline, self.now)) <= end:
            self.now = soonest
            if not self.exchange(lost=lost):
                self.now += 0.001
        self.now = end

    def order(self, request: Request, ticket: int = 1, within: float = 60.0) -> None:
        assert self.board.submit(request, ticket, self.now + within)

    def outcomes(self) -> list[Outcome]:
        return [each.outcome for each in self.told if isinstance(each, Ended)]

    def read(self) -> list[int]:
        return [each.event.index for each in self.told if isinstance(each, EventRead)]

    def push(self, index: int) -> None:
        raw = encode(SERIAL, Status(Event(index, EventType.CARD)))
        self.board.hear(raw, self.now, pushed=True)


@pytest.fixture
def talk() -> Talk:
    """A board that answers, and nothing has happened yet."""
    talk = Talk()
    talk.settle()
    talk.told.clear()
    talk.asked.clear()
    return talk


# --- whether it answers -------------------------------------------------------------------


def test_a_board_is_asked_how_it_is_and_answers() -> None:
    talk = Talk()
    talk.settle()
    assert talk.asked == [GetStatus()]
    assert [type(each) for each in talk.told] == [Answers, StatusRead, NewEpoch]
    assert talk.told[-1] == NewEpoch(1, 0, Why.FIRST_CONTACT)


def test_it_is_asked_again_at_regular_times(talk: Talk) -> None:
    talk.wait(10.0)
    assert talk.asked == [GetStatus()] * 10


def test_three_unanswered_plain_questions_make_it_silent(talk: Talk) -> None:
    talk.wait(1.1 + 3 * 0.4, lost=True)
    assert talk.told == [Silent()]
    assert talk.board.silent
    talk.asked.clear()
    talk.wait(10 * (PROBE_INTERVAL + 0.4), lost=True)
    assert 9 <= len(talk.asked) <= 11
    assert set(talk.asked) == {GetStatus()}
    talk.wait(3.0)
    assert Answers() in talk.told


def test_a_question_it_does_not_understand_does_not_make_it_silent(talk: Talk) -> None:
    talk.tiny.mute = frozenset({GetDoorControl.CODE})
    talk.order(GetDoorControl(1))
    talk.wait(5.0)
    assert talk.outcomes() == [Unanswered(TRIES)]
    assert Silent() not in talk.told
    first = talk.asked.index(GetDoorControl(1))
    assert talk.asked[first : first + 6] == [GetDoorControl(1), GetStatus()] * 3


def test_nothing_but_a_probe_goes_to_a_silent_board() -> None:
    talk = Talk()
    talk.order(OpenDoor(1), within=3.0)
    talk.wait(5.0, lost=True)
    assert set(talk.asked) == {GetStatus()}
    assert talk.outcomes() == [Expired()]


# --- orders -------------------------------------------------------------------------------


def test_an_order_is_sent_at_once_and_ends_with_its_answer(talk: Talk) -> None:
    talk.order(OpenDoor(3), ticket=7)
    talk.settle()
    assert talk.tiny.opened == [3]
    assert Ended(7, Answered(DoorOpened(), 1, sure=True)) in talk.told


def test_a_door_goes_before_everything_that_waits(talk: Talk) -> None:
    talk.order(CARD_A, 1)
    talk.order(OpenDoor(1), 2)
    talk.exchange()
    assert talk.asked == [OpenDoor(1)]


def test_opening_a_door_is_never_tried_twice(talk: Talk) -> None:
    talk.order(OpenDoor(1))
    talk.wait(5.0, lost=True)
    assert talk.asked.count(OpenDoor(1)) == 1
    assert talk.outcomes() == [Unanswered(1)]


def test_neither_is_adding_a_task(talk: Talk) -> None:
    talk.order(TASK)
    talk.wait(5.0, lost=True)
    assert talk.asked.count(TASK) == 1


def test_what_may_be_done_twice_is_tried_again(talk: Talk) -> None:
    talk.order(CARD_A)
    talk.exchange(lost=True)
    talk.wait(3.0)
    assert talk.outcomes() == [Answered(CardPut(), 2, sure=True)]


def test_a_repetition_never_comes_after_the_time_is_over(talk: Talk) -> None:
    talk.order(CARD_A, within=0.3)
    talk.exchange(lost=True)
    talk.wait(3.0)
    assert talk.asked.count(CARD_A) == 1
    assert talk.outcomes() == [Unanswered(1)]


def test_what_waits_behind_another_expires_unsent_or_untried_again(talk: Talk) -> None:
    talk.order(CARD_A, 1, within=0.6)
    talk.order(OpenDoor(2), 2)
    talk.exchange()  # the door
    talk.exchange(lost=True)
    talk.order(OpenDoor(3), 3)
    talk.order(OpenDoor(4), 4, within=0.5)
    talk.now += 0.4
    talk.exchange(lost=True)  # door 3, for as long as it takes
    talk.now += 0.3
    assert not talk.exchange()
    ended = {each.ticket: each.outcome for each in talk.told if isinstance(each, Ended)}
    assert ended[1] == Unanswered(1)
    assert ended[4] == Expired()
    assert 3 not in ended


def test_only_so_many_orders_wait(talk: Talk) -> None:
    for ticket in range(ORDERS_BOUND):
        talk.order(CARD_A, ticket)
    assert not talk.board.submit(CARD_A, 999, talk.now + 1)


def test_what_cannot_be_sent_is_not_taken(talk: Talk) -> None:
    with pytest.raises(UnsendableMessage):
        talk.board.submit(OpenDoor(9), 1, inf)


def test_what_is_never_answered_ends_when_it_is_sent(talk: Talk) -> None:
    talk.order(SetAddress(IPv4Address("10.0.0.2"), NOBODY, NOBODY))
    talk.exchange()
    assert talk.outcomes() == [Sent()]
    assert talk.board.deadline > talk.now


# --- what fits what -----------------------------------------------------------------------


def test_a_late_answer_is_dropped_and_counted(talk: Talk) -> None:
    talk.board.hear(encode(SERIAL, DoorOpened()), talk.now)
    talk.order(CARD_A)
    talk.speak()
    talk.board.hear(encode(SERIAL, DoorOpened()), talk.now)
    assert talk.board.counters.late == 2
    assert talk.outcomes() == []


def test_another_boards_answer_is_dropped_and_counted(talk: Talk) -> None:
    talk.order(OpenDoor(1))
    talk.speak()
    talk.board.hear(encode(SERIAL + 1, DoorOpened()), talk.now)
    talk.board.hear(b"noise", talk.now)
    assert (talk.board.counters.foreign, talk.board.counters.malformed) == (1, 1)
    assert talk.outcomes() == []


def test_after_an_unanswered_card_the_next_answer_may_be_of_either(talk: Talk) -> None:
    talk.tiny.mute = frozenset({PutCard.CODE})
    talk.order(CARD_A, 1)
    talk.wait(3.0)
    talk.tiny.mute = frozenset()
    talk.order(CARD_B, 2)
    talk.settle()
    assert talk.outcomes() == [Unanswered(3), Answered(CardPut(), 1, sure=False)]
    talk.wait(LATEST_ANSWER + 1)
    talk.order(CARD_B, 3)
    talk.settle()
    assert talk.outcomes()[-1] == Answered(CardPut(), 1, sure=True)


def test_two_different_unanswered_cards_leave_any_third_in_doubt(talk: Talk) -> None:
    for ticket, card in enumerate((CARD_A, CARD_B)):
        talk.order(card, ticket, within=0.2)
        talk.exchange(lost=True)
        talk.wait(0.5)
    talk.order(CARD_B, 3)
    talk.settle()
    assert talk.outcomes()[-1] == Answered(CardPut(), 1, sure=False)


def test_an_answer_that_names_what_was_asked_leaves_no_doubt(talk: Talk) -> None:
    talk.tiny.mute = frozenset({GetDoorControl.CODE})
    talk.order(GetDoorControl(1), 1)
    talk.wait(3.0)
    talk.order(GetDoorControl(2), 2)
    talk.speak()
    for door in (1, 2):
        talk.board.hear(encode(SERIAL, DoorControl(door, 3, 5)), talk.now)
    assert talk.board.counters.late == 1
    assert talk.outcomes()[-1] == Answered(DoorControl(2, 3, 5), 1, sure=True)


def test_a_board_that_repeats_numbers_is_never_in_doubt() -> None:
    talk = Talk(TinyBoard(echoes=True), Capability.SEQUENCE, sequence=LAST_SEQUENCE)
    talk.settle()
    talk.order(CARD_A, 1, within=0.2)
    talk.exchange(lost=True)
    talk.wait(0.5)
    talk.order(CARD_B, 2)
    raw = talk.speak()
    assert raw is not None
    sequence = Frame.decode(raw).sequence
    assert FIRST_SEQUENCE <= sequence < FIRST_SEQUENCE + 9
    talk.board.hear(encode(SERIAL, CardPut(), sequence - 1), talk.now)
    assert talk.board.counters.late == 1
    talk.board.hear(encode(SERIAL, CardPut(), sequence), talk.now)
    assert talk.outcomes()[-1] == Answered(CardPut(), 1, sure=True)


# --- events -------------------------------------------------------------------------------


def test_events_are_read_one_after_the_other(talk: Talk) -> None:
    for card in (7, 8, 9):
        talk.tiny.happen(card)
    talk.wait(1.1)
    assert talk.read() == [1, 2, 3]
    assert talk.board.walk.cursor == Cursor(1, 3, talk.tiny.log[2])


def test_a_pushed_event_is_asked_for_before_it_counts(talk: Talk) -> None:
    talk.tiny.happen(7)
    talk.board.hear(talk.tiny.push(), talk.now, pushed=True)
    assert talk.told == []
    talk.settle()
    assert talk.asked == [GetEvent(1)]
    assert talk.told == [EventRead(1, talk.tiny.log[0], announced=False)]


def test_a_pushed_event_is_no_answer_even_while_a_status_is_awaited(talk: Talk) -> None:
    talk.now += 1.0
    talk.speak()
    talk.tiny.happen(7)
    talk.board.hear(talk.tiny.push(), talk.now, pushed=True)
    odd = bytearray(talk.tiny.push())
    odd[0] = ODD_MARK
    talk.board.hear(bytes(odd), talk.now)
    assert talk.told == []
    assert talk.board.walk.counters.hints == 2


def test_a_forged_event_opens_nothing_and_is_counted(talk: Talk) -> None:
    talk.push(1)
    talk.push(500)
    talk.settle()
    assert talk.told == []
    assert talk.board.walk.counters.false_hints == 2


def test_an_event_pushed_again_is_dropped(talk: Talk) -> None:
    talk.tiny.happen(7)
    talk.push(1)
    talk.settle()
    talk.push(1)
    talk.settle()
    assert talk.read() == [1]
    assert talk.board.walk.counters.replayed == 1


def test_an_event_far_ahead_is_announced_and_read_in_its_turn(talk: Talk) -> None:
    for card in range(1, 11):
        talk.tiny.happen(card)
    talk.push(10)
    talk.push(10)
    talk.exchange()
    talk.push(10)
    assert talk.told == [Announced(1, talk.tiny.log[9])]
    talk.wait(1.5)
    assert talk.read() == list(range(1, 11))
    last = [each for each in talk.told if isinstance(each, EventRead)][-1]
    assert last.announced
    assert len([each for each in talk.told if isinstance(each, Announced)]) == 1


def test_hints_and_the_walk_take_turns(talk: Talk) -> None:
    for card in range(1, 11):
        talk.tiny.happen(card)
    talk.now += 1.0
    talk.exchange()  # the status, so it is known to be behind
    for index in (5, 6, 7):
        talk.push(index)
    talk.asked.clear()
    talk.settle()
    assert [each.index for each in talk.asked[:5] if isinstance(each, GetEvent)] == [
        *(5, 1, 6, 2, 7)
    ]


def test_orders_and_the_walk_take_turns(talk: Talk) -> None:
    for card in range(1, 6):
        talk.tiny.happen(card)
    talk.now += 1.0
    talk.exchange()
    talk.asked.clear()
    for ticket in range(3):
        talk.order(CARD_A, ticket)
    talk.settle()
    assert [type(each) for each in talk.asked[:6]] == [PutCard, GetEvent] * 3


def test_hints_and_announcements_are_bounded() -> None:
    talk = Talk(TinyBoard(kept=1000))
    talk.settle()
    for index in range(2, 2 + HINTS_BOUND * 2):
        talk.push(index)
    talk.settle()
    assert talk.board.walk.counters.false_hints == HINTS_BOUND
    for card in range(300):
        talk.tiny.happen(card)
    for index in range(200, 200 + ANNOUNCED_BOUND + 9):
        talk.push(index)
        talk.exchange()
        talk.exchange()
    announced = [each for each in talk.told if isinstance(each, Announced)]
    assert len(announced) == ANNOUNCED_BOUND
    talk.wait(3.0)
    assert talk.read() == list(range(1, 301))


def test_overwritten_events_are_a_counted_gap(talk: Talk) -> None:
    talk.tiny.happen(1)
    talk.wait(1.1)
    for card in range(2, 41):
        talk.tiny.happen(card)
    talk.push(3)
    talk.wait(1.1)
    gone = talk.tiny.gone
    assert EventsLost(1, 2, gone) in talk.told
    assert EventsLost(1, 2, gone).count == gone - 1 == talk.board.walk.counters.lost
    assert talk.read() == [1, *range(gone + 1, 41)]


def test_a_ring_of_200_000_wraps_without_a_doubled_event() -> None:
    tiny = TinyBoard(kept=200_000)
    for card in range(201_000):
        tiny.happen(card)
    talk = Talk(tiny, cursor=Cursor(3, 199_990, tiny.log[199_989]))
    talk.wait(1.1)
    assert talk.read() == list(range(199_991, 201_001))
    assert not [each for each in talk.told if isinstance(each, EventsLost | NewEpoch)]


def test_a_new_gateway_may_begin_with_the_oldest_event() -> None:
    tiny = TinyBoard()
    for card in range(1, 41):
        tiny.happen(card)
    talk = Talk(tiny, start=Start.OLDEST)
    talk.wait(1.0)
    assert talk.read() == list(range(tiny.gone + 1, 41))
    assert not [each for each in talk.told if isinstance(each, EventsLost)]


def test_or_with_what_happens_from_now_on() -> None:
    tiny = TinyBoard()
    first = tiny.happen(1)
    talk = Talk(tiny)
    talk.settle()
    assert talk.told[-1] == NewEpoch(1, 1, Why.FIRST_CONTACT)
    assert talk.board.walk.cursor == Cursor(1, 1, first)
    tiny.happen(2)
    talk.wait(1.1)
    assert talk.read() == [2]


def test_after_a_restart_the_walk_goes_on_where_it_was() -> None:
    tiny = TinyBoard()
    for card in (1, 2, 3):
        tiny.happen(card)
    talk = Talk(tiny, cursor=Cursor(4, 2, tiny.log[1]))
    talk.push(3)
    talk.wait(1.1)
    assert talk.read() == [3]
    assert talk.asked[:3] == [GetStatus(), GetEvent(2), GetEvent(3)]


def test_a_board_that_counts_anew_begins_a_new_epoch(talk: Talk) -> None:
    for card in (1, 2, 3):
        talk.tiny.happen(card)
    talk.wait(2 * LATEST_ANSWER)
    talk.tiny.reset()
    talk.tiny.happen(4)
    talk.wait(4 * LATEST_ANSWER)
    assert NewEpoch(2, 0, Why.RESET) in talk.told
    assert talk.read() == [1, 2, 3, 1]


def test_a_board_with_another_history_begins_a_new_epoch(talk: Talk) -> None:
    for card in (1, 2, 3):
        talk.tiny.happen(card)
    talk.wait(1.1)
    talk.wait(3.0, lost=True)
    talk.tiny = TinyBoard(happened=50)
    for card in (4, 5, 6, 7):
        talk.tiny.happen(card)
    talk.wait(3 * LATEST_ANSWER)
    assert NewEpoch(2, 0, Why.REPLACED) in talk.told
    assert talk.read() == [1, 2, 3, 1, 2, 3, 4]


def test_a_reset_is_noticed_even_where_the_walk_stands_on_an_overwritten_event() -> None:
    cursor = Cursor(1, 28, Event(28, EventType.OVERWRITTEN))
    again = Talk(TinyBoard(kept=100, happened=7), cursor=cursor)
    for card in range(40):
        again.tiny.happen(card)
    again.wait(2 * LATEST_ANSWER)
    assert NewEpoch(2, 0, Why.REPLACED) in again.told


def test_a_board_whose_last_event_is_overwritten_goes_on(talk: Talk) -> None:
    talk.tiny.happen(1)
    talk.wait(1.1)
    talk.wait(3.0, lost=True)
    for card in range(2, 41):
        talk.tiny.happen(card)
    talk.wait(3.0)
    assert talk.read() == [1, *range(talk.tiny.gone + 1, 41)]
    assert not [each for each in talk.told if isinstance(each, NewEpoch)]


def test_a_late_status_is_no_reset(talk: Talk) -> None:
    before = encode(SERIAL, talk.tiny.status())
    for card in (1, 2, 3):
        talk.tiny.happen(card)
    talk.wait(1.1)
    talk.now += 1.0
    talk.speak()
    talk.board.hear(before, talk.now)
    talk.wait(3 * LATEST_ANSWER)
    assert talk.board.walk.counters.stale == 1
    assert talk.read() == [1, 2, 3]
    assert not [each for each in talk.told if isinstance(each, NewEpoch)]


def test_a_forged_status_is_no_reset_either(talk: Talk) -> None:
    for card in (1, 2, 3):
        talk.tiny.happen(card)
    talk.wait(2 * LATEST_ANSWER)
    for forged in (Status(), Status(Event(9999))):
        talk.now += 1.0
        talk.speak()
        talk.board.hear(encode(SERIAL, forged), talk.now)
        talk.wait(0.5)
    talk.tiny.happen(4)
    talk.wait(3 * LATEST_ANSWER)
    assert talk.read() == [1, 2, 3, 4]
    assert not [each for each in talk.told if isinstance(each, NewEpoch | EventsLost)]


# --- a log with holes ---------------------------------------------------------------------


class Holed(TinyBoard):
    """Has lost some events without saying so."""

    holes: frozenset[int] = frozenset({2})
    says_oldest: int | None = None

    def event(self, index: int) -> Event:
        if index in self.holes:
            return Event()
        if index == OLDEST and self.says_oldest is not None:
            return self.log[self.says_oldest - 1] if self.says_oldest else Event()
        return TinyBoard.event(self, index)


def holed(count: int = 4) -> Holed:
    tiny = Holed()
    for card in range(count):
        tiny.happen(card)
    return tiny


def test_an_event_missing_in_between_is_a_counted_gap_after_a_while() -> None:
    talk = Talk(holed(), start=Start.OLDEST)
    talk.wait(LATEST_ANSWER)
    assert talk.read() == [1]
    talk.wait(4 * LATEST_ANSWER)
    assert EventsLost(1, 2, 2) in talk.told
    assert talk.read() == [1, 3, 4]


def test_an_event_that_was_missing_may_come_back() -> None:
    tiny = holed()
    talk = Talk(tiny, start=Start.OLDEST)
    talk.wait(LATEST_ANSWER + 2 * PAUSE)
    tiny.holes = frozenset()
    talk.wait(LATEST_ANSWER)
    assert talk.read() == [1, 2, 3, 4]


def test_the_wrong_oldest_is_found_out() -> None:
    tiny = Holed()
    tiny.holes = frozenset()
    tiny.happen(0)
    talk = Talk(tiny)
    talk.settle()
    for card in range(1, 41):
        tiny.happen(card)
    tiny.says_oldest = 40
    talk.now += 1.0
    for _ in range(4):
        talk.exchange()
    tiny.says_oldest = None
    talk.wait(3.0)
    assert talk.read() == list(range(tiny.gone + 1, 42))


def test_the_oldest_may_be_the_next_after_all() -> None:
    tiny = holed()
    talk = Talk(tiny, start=Start.OLDEST)
    talk.settle()
    tiny.says_oldest = 2
    talk.wait(2 * LATEST_ANSWER)
    assert talk.read() == [1, 2, 3, 4]


def test_the_oldest_is_not_one_that_was_overwritten(talk: Talk) -> None:
    talk.tiny.happen(0)
    talk.wait(1.1)
    for card in range(40):
        talk.tiny.happen(card)
    talk.now += 1.0
    talk.exchange()
    talk.exchange()
    assert talk.asked[-1] == GetEvent(2)
    talk.speak()
    assert talk.asked[-1] == GetEvent(OLDEST)
    talk.board.hear(encode(SERIAL, Event(2, EventType.OVERWRITTEN)), talk.now)
    talk.wait(1.0)
    assert talk.read() == [1, *range(talk.tiny.gone + 1, 42)]


def test_a_gap_forgets_what_it_swallows(talk: Talk) -> None:
    talk.tiny.happen(0)
    talk.wait(1.1)
    for card in range(10):
        talk.tiny.happen(card)
    talk.push(6)
    talk.exchange()
    for card in range(40):
        talk.tiny.happen(card)
    talk.exchange()
    talk.exchange()
    assert talk.asked[-2:] == [GetEvent(2), GetEvent(OLDEST)]
    for index in (4, 5, 50):
        talk.push(index)
    talk.wait(2.0)
    assert talk.read() == [1, *range(talk.tiny.gone + 1, 52)]
    assert talk.board.walk.counters.false_hints == 0
