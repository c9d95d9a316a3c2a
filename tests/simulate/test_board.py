"""The simulated UHPPOTE board, as the papers and recordings describe real ones."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from gatewayd.simulate.board import HOST_SILENCE, Options, SimulatedBoard
from gatewayd.simulate.board_decision import Swipe
from gatewayd.simulate.board_store import Log, Store, identity_of
from protocol.uhppote.cards import DELETED, GetCardAtIndex, IndexedCard, PutCard
from protocol.uhppote.doors import (
    ActivateKeypads,
    Antipassback,
    DoorControl,
    DoorMode,
    FirstCardMode,
    GetDoorControl,
    Interlock,
    OpenDoor,
    SetAntipassback,
    SetDoorControl,
    SetFirstCard,
    SetInterlock,
    SetPasscodes,
)
from protocol.uhppote.extensions import (
    Capability,
    CardReplaced,
    OpenDoorFor,
    ReplaceCard,
    Replaced,
)
from protocol.uhppote.frame import MARK, ODD_MARK, Frame
from protocol.uhppote.message import Reply, Request
from protocol.uhppote.messages import decode_reply, encode
from protocol.uhppote.schedules import (
    AddTask,
    GetTime,
    RefreshTasks,
    SetProfile,
    SetTime,
    TaskKind,
    TimeHeld,
)
from protocol.uhppote.settings import (
    Identify,
    RecordSpecialEvents,
    RestoreDefaults,
    SetAddress,
    SetHostControl,
    SetListener,
)
from protocol.uhppote.status import (
    NEWEST,
    OLDEST,
    Direction,
    Event,
    EventIndexSet,
    EventType,
    GetEvent,
    GetStatus,
    Reason,
    SetEventIndex,
    Status,
)
from protocol.uhppote.values import (
    EVERY_DAY,
    NO_SEGMENT,
    Date,
    Minute,
    Moment,
    Segment,
    Time,
)

SERIAL = 405419896
NOW = 1_000.0
MONDAY_NOON = Moment(Date(2026, 11, 23), Time(12, 0, 0))
YEAR = Date(2026, 1, 1), Date(2026, 12, 31)
CARD = 8165538
LISTENER = IPv4Address("127.0.0.1"), 60001


class Bench:
    """A board on a table, and somebody who asks it things."""

    def __init__(self, options: Options | None = None, version: str = "8.92") -> None:
        identity = identity_of(SERIAL, IPv4Address("127.0.0.2"), version)
        self.board = SimulatedBoard(Store(SERIAL, identity), options)
        self.now = NOW
        self.ask(SetTime(MONDAY_NOON))
        self.put(CARD)

    def raw(self, request: Request, sequence: int = 0) -> bytes | None:
        return self.board.answer(encode(SERIAL, request, sequence), self.now)

    def ask(self, request: Request) -> Reply | None:
        raw = self.raw(request)
        return None if raw is None else decode_reply(Frame.decode(raw))

    def status(self) -> Status:
        status = self.ask(GetStatus())
        assert isinstance(status, Status)
        return status

    def put(self, card: int, level: int = 1, pin: int = 0, first: int = 0) -> None:
        self.ask(PutCard(card, *YEAR, (level,) * 4, pin, first))

    def swipe(
        self, door: int = 1, card: int = CARD, way: Direction = Direction.IN, pin: int = 0
    ) -> Reason:
        return self.board.swipe(Swipe(door, card, way, pin), self.now)

    def newest(self) -> Event:
        event = self.ask(GetEvent(NEWEST))
        assert isinstance(event, Event)
        return event


@pytest.fixture
def bench() -> Bench:
    """A board that knows the time and one card."""
    return Bench()


# --- cards --------------------------------------------------------------------------------


def test_a_card_opens_the_door_for_the_doors_delay(bench: Bench) -> None:
    assert bench.swipe(2, way=Direction.OUT) == Reason.CARD
    event = bench.newest()
    assert (event.type, event.granted, event.door, event.direction, event.card) == (
        *(EventType.CARD, True, 2, Direction.OUT, CARD),
    )
    assert bench.status().unlocked(2)
    bench.now += 5.1
    assert not bench.status().unlocked(2)
    assert [(pulse.door, pulse.seconds) for pulse in bench.board.pulses] == [(2, 5)]


@pytest.mark.parametrize(
    ("card", "level", "reason"),
    [
        (999, 0, Reason.DENIED_UNKNOWN),
        (CARD, 0, Reason.DENIED_NO_PERMISSION),
        (CARD, 29, Reason.DENIED_TIME),
    ],
)
def test_a_card_is_denied_for_its_reason(
    bench: Bench, card: int, level: int, reason: Reason
) -> None:
    bench.put(CARD, level)
    assert bench.swipe(card=card) == reason
    assert not bench.newest().granted


@pytest.mark.parametrize("day", [Date(2025, 12, 31), Date(2027, 1, 1)])
def test_the_dates_of_a_card_are_heeded(bench: Bench, day: Date) -> None:
    bench.ask(SetTime(Moment(day, Time(12, 0, 0))))
    assert bench.swipe() == Reason.DENIED_TIME


def test_a_card_without_dates_is_never_valid(bench: Bench) -> None:
    bench.ask(PutCard(CARD, None, None, (1, 1, 1, 1)))
    assert bench.swipe() == Reason.DENIED_TIME


def test_a_lost_clock_shows_and_denies(bench: Bench) -> None:
    bench.board.clock.lose()
    assert bench.status().error != 0
    assert bench.status().clock is None
    assert bench.ask(GetTime()) == TimeHeld(None)
    assert bench.swipe() == Reason.DENIED_TIME
    assert bench.newest().at is None


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (Minute(8, 0), Minute(12, 0), Reason.DENIED_TIME),
        (Minute(12, 0), Minute(24, 0), Reason.CARD),
    ],
)
def test_a_time_profile_and_what_it_links_to_decide(
    bench: Bench, start: Minute, end: Minute, reason: Reason
) -> None:
    never = SetProfile(29, *YEAR, EVERY_DAY, (NO_SEGMENT,) * 3, linked=30)
    bench.ask(never)
    bench.ask(
        SetProfile(30, *YEAR, EVERY_DAY, (Segment(start, end), NO_SEGMENT, NO_SEGMENT), 29)
    )
    bench.put(CARD, 29)
    assert bench.swipe() == reason


def test_a_profile_of_another_weekday_does_not_hold(bench: Bench) -> None:
    weekend = (False,) * 5 + (True, True)
    all_day = Segment(Minute(0, 0), Minute(24, 0))
    bench.ask(SetProfile(29, *YEAR, weekend, (all_day, NO_SEGMENT, NO_SEGMENT)))
    bench.put(CARD, 29)
    assert bench.swipe() == Reason.DENIED_TIME


def test_a_normally_closed_door_denies_and_a_passcode_opens_it(bench: Bench) -> None:
    bench.ask(SetDoorControl(1, DoorMode.NORMALLY_CLOSED, 3))
    bench.ask(SetPasscodes(1, (12345, 0, 0, 0)))
    assert bench.swipe() == Reason.DENIED_NORMALLY_CLOSED
    assert not bench.board.enter_passcode(1, 12345, bench.now)
    bench.ask(ActivateKeypads((True, False, False, False)))
    assert not bench.board.enter_passcode(1, 0, bench.now)
    assert bench.board.enter_passcode(1, 12345, bench.now)
    assert (bench.newest().card, bench.newest().reason) == (10, Reason.PASSCODE)
    assert bench.status().unlocked(1)


def test_a_normally_open_door_stands_unlocked(bench: Bench) -> None:
    bench.ask(SetDoorControl(3, DoorMode.NORMALLY_OPEN, 3))
    assert bench.status().relays == 0b0100


def test_first_card_mode_reads_back_as_controlled(bench: Bench) -> None:
    bench.ask(SetDoorControl(1, DoorMode.FIRST_CARD, 3))
    assert bench.ask(GetDoorControl(1)) == DoorControl(1, DoorMode.CONTROLLED, 3)


def test_antipassback_wants_the_other_reader_first(bench: Bench) -> None:
    bench.ask(SetAntipassback(Antipassback.READERS_1_2_AND_3_4))
    assert bench.swipe(1) == Reason.CARD
    assert bench.swipe(1) == Reason.DENIED_ANTIPASSBACK
    assert bench.swipe(2) == Reason.CARD
    assert bench.swipe(1) == Reason.CARD


def test_interlocked_doors_open_one_at_a_time(bench: Bench) -> None:
    bench.ask(SetInterlock(Interlock.DOORS_1_2))
    bench.board.move(2, bench.now, open_=True)
    assert bench.swipe(1) == Reason.DENIED_INTERLOCK
    assert bench.swipe(3) == Reason.CARD
    bench.board.move(2, bench.now, open_=False)
    assert bench.swipe(1) == Reason.CARD


def test_the_first_card_opens_the_day(bench: Bench) -> None:
    bench.ask(
        SetFirstCard(
            *(1, Minute(8, 0), FirstCardMode.NORMALLY_OPEN, Minute(17, 0)),
            *(FirstCardMode.FIRST_CARD_ONLY, EVERY_DAY),
        )
    )
    bench.put(7, first=0b0001)
    assert bench.swipe(1) == Reason.DENIED_FIRST_CARD
    assert bench.swipe(1, 7) == Reason.CARD
    bench.now += 60
    assert bench.status().unlocked(1)
    assert bench.swipe(1) == Reason.CARD
    bench.now += 6 * 3600
    assert not bench.status().unlocked(1)


# --- tasks --------------------------------------------------------------------------------


def task(bench: Bench, kind: TaskKind, cards: int = 0) -> None:
    """Let something happen at door 1 a minute past noon, and wait for it."""
    bench.ask(AddTask(*YEAR, EVERY_DAY, Minute(12, 1), 1, kind, cards))
    bench.ask(RefreshTasks())
    bench.now += 61


def test_a_task_holds_only_after_the_refresh(bench: Bench) -> None:
    bench.ask(AddTask(*YEAR, EVERY_DAY, Minute(12, 1), 1, TaskKind.NORMALLY_OPEN))
    bench.now += 61
    assert not bench.status().unlocked(1)
    bench.ask(SetTime(MONDAY_NOON))
    task(bench, TaskKind.NORMALLY_OPEN)
    assert bench.status().unlocked(1)


def test_tasks_do_what_they_say(bench: Bench) -> None:
    task(bench, TaskKind.PULSE)
    assert bench.status().unlocked(1)
    assert bench.board.pulses[-1].reason == Reason.REMOTE


def test_a_task_may_ask_for_more_cards(bench: Bench) -> None:
    bench.put(7)
    task(bench, TaskKind.MORE_CARDS, cards=2)
    assert bench.swipe() == Reason.DENIED_MORE_CARDS
    assert bench.swipe() == Reason.DENIED_MORE_CARDS
    assert bench.swipe(card=7) == Reason.CARD


def test_a_task_may_ask_for_pins(bench: Bench) -> None:
    bench.put(CARD, pin=7531)
    bench.ask(ActivateKeypads((True, True, True, True)))
    task(bench, TaskKind.CARD_AND_PIN_IN)
    assert bench.swipe() == Reason.DENIED_WRONG_PIN
    assert bench.swipe(pin=7531) == Reason.CARD
    assert bench.swipe(way=Direction.OUT) == Reason.CARD


def test_a_task_may_let_profiles_be(bench: Bench) -> None:
    bench.put(CARD, 29)
    task(bench, TaskKind.IGNORE_PROFILES)
    assert bench.swipe() == Reason.CARD


def test_a_task_may_disable_the_button(bench: Bench) -> None:
    bench.ask(RecordSpecialEvents(enable=True))
    task(bench, TaskKind.DISABLE_BUTTON)
    bench.board.press(1, bench.now)
    assert bench.newest().reason == Reason.BUTTON_DISABLED
    assert not bench.board.pulses


# --- the host decides ---------------------------------------------------------------------


def test_with_the_host_in_control_every_card_is_left_to_it(bench: Bench) -> None:
    bench.ask(SetHostControl(enable=True))
    assert bench.swipe() == bench.swipe(card=999) == Reason.DENIED_HOST_DECIDES
    assert not bench.board.pulses
    bench.ask(OpenDoor(1))
    assert bench.newest().reason == Reason.REMOTE
    assert bench.newest().card == 3922570474
    assert bench.status().unlocked(1)


def test_the_boards_own_list_takes_over_30_s_after_the_last_message(bench: Bench) -> None:
    bench.ask(SetHostControl(enable=True))
    bench.now += HOST_SILENCE
    assert bench.swipe() == Reason.DENIED_HOST_DECIDES
    bench.now += 0.1
    assert bench.swipe() == Reason.CARD
    bench.ask(GetStatus())
    assert bench.swipe() == Reason.DENIED_HOST_DECIDES


def test_some_boards_may_ask_about_stored_cards_only() -> None:
    bench = Bench(Options(host_asked_about="stored cards"))
    bench.ask(SetHostControl(enable=True))
    assert bench.swipe() == Reason.DENIED_HOST_DECIDES
    assert bench.swipe(card=999) == Reason.DENIED_UNKNOWN


# --- events -------------------------------------------------------------------------------


def test_buttons_and_contacts_are_logged_only_on_request(bench: Bench) -> None:
    before = bench.newest()
    bench.board.press(1, bench.now)
    bench.board.move(1, bench.now, open_=True)
    bench.board.move(1, bench.now, open_=False)
    assert bench.newest() == before
    assert len(bench.board.pulses) == 1
    bench.ask(RecordSpecialEvents(enable=True))
    bench.now += 10
    bench.board.press(1, bench.now)
    assert (bench.newest().card, bench.newest().reason) == (1, Reason.BUTTON)
    bench.board.move(1, bench.now, open_=True)
    bench.board.move(1, bench.now, open_=True)
    assert bench.newest().reason == Reason.DOOR_OPENED
    assert bench.status().open[0]
    bench.board.move(1, bench.now, open_=False)
    assert bench.newest().reason == Reason.DOOR_CLOSED


def test_a_door_opened_by_force_is_an_alarm(bench: Bench) -> None:
    bench.ask(RecordSpecialEvents(enable=True))
    bench.board.move(1, bench.now, open_=True)
    assert (bench.newest().type, bench.newest().reason) == (
        EventType.ALARM,
        Reason.FORCED_OPEN,
    )


def test_other_inputs_keep_the_button_from_opening(bench: Bench) -> None:
    bench.ask(RecordSpecialEvents(enable=True))
    bench.board.forced_lock = True
    bench.board.press(1, bench.now)
    assert bench.newest().reason == Reason.BUTTON_FORCED_LOCK
    assert bench.status().forced_lock
    bench.board.forced_lock = False
    bench.ask(SetInterlock(Interlock.DOORS_1_2_3_4))
    bench.board.move(4, bench.now, open_=True)
    bench.board.press(1, bench.now)
    assert bench.newest().reason == Reason.BUTTON_INTERLOCK


def test_the_log_is_a_ring_that_says_what_it_lost() -> None:
    log = Log(kept=10, at_once=4)
    assert log.get(OLDEST) == log.get(NEWEST) == log.get(1) == Event()
    for number in range(1, 16):
        log.add(Event(number, EventType.CARD, card=number))
    assert log.newest == 15
    assert log.get(OLDEST).index == 5
    assert log.get(4) == Event(4, EventType.OVERWRITTEN)
    assert log.get(15).card == log.get(NEWEST).card == 15
    assert log.get(16) == Event()


def test_200_000_events_are_kept_and_2048_dropped_at_once() -> None:
    log = Log()
    event = Event(1, EventType.CARD)
    for _ in range(202_049):
        log.add(event)
    assert log.get(2_048).type == EventType.OVERWRITTEN
    assert log.get(2_049).type == EventType.CARD


def test_a_power_cut_takes_what_is_not_stored(bench: Bench) -> None:
    bench.ask(SetAntipassback(Antipassback.READERS_1_2_AND_3_4))
    bench.swipe(1)
    bench.board.cut_power()
    assert bench.ask(GetStatus()) is None
    bench.now += 60
    bench.board.return_power(bench.now)
    assert bench.newest().reason == Reason.POWER_ON
    assert bench.newest().index == 2
    assert bench.ask(GetTime()) == TimeHeld(Moment(MONDAY_NOON.date, Time(12, 1, 0)))
    assert bench.swipe(1) == Reason.CARD


# --- the wire -----------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "mark"), [("8.92", MARK), ("6.62", ODD_MARK)])
def test_events_are_pushed_with_the_mark_of_the_firmware(version: str, mark: int) -> None:
    bench = Bench(version=version)
    bench.ask(SetListener(*LISTENER))
    bench.swipe()
    [(to, raw)] = bench.board.pushes(bench.now)
    assert to == LISTENER
    frame = Frame.decode(raw)
    assert (frame.mark, frame.sequence) == (mark, 1)
    pushed = decode_reply(frame)
    assert isinstance(pushed, Status)
    assert pushed.event.card == CARD
    assert bench.board.pushes(bench.now) == []
    status = bench.raw(GetStatus())
    assert status is not None
    assert status[0] == MARK


def test_the_newest_event_is_pushed_again_at_intervals(bench: Bench) -> None:
    bench.ask(SetListener(*LISTENER, 3))
    bench.swipe()
    assert len(bench.board.pushes(bench.now)) == 1
    assert bench.board.pushes(bench.now + 2.9) == []
    assert len(bench.board.pushes(bench.now + 3.0)) == 1


def test_nobody_is_told_without_a_listener(bench: Bench) -> None:
    bench.swipe()
    assert bench.board.pushes(bench.now) == []


def test_what_it_does_not_understand_gets_no_answer(bench: Bench) -> None:
    board = bench.board
    assert board.answer(b"noise", NOW) is None
    assert board.answer(encode(SERIAL + 1, GetStatus()), NOW) is None
    assert board.answer(Frame(0x21, SERIAL, b"").encode(), NOW) is None
    assert board.answer(Frame(OpenDoor.CODE, SERIAL, b"\5").encode(), NOW) is None
    assert bench.ask(SetEventIndex(7, magic=1)) is None
    assert bench.ask(SetAddress(IPv4Address(1), IPv4Address(2), IPv4Address(3))) is None
    assert board.store.identity.address == IPv4Address(1)


def test_every_board_says_who_it_is(bench: Bench) -> None:
    raw = bench.board.answer(encode(0, Identify()), NOW)
    assert raw is not None
    frame = Frame.decode(raw)
    assert frame.serial == SERIAL
    assert decode_reply(frame) == bench.board.store.identity


def test_a_door_that_is_not_there_gets_no_answer(bench: Bench) -> None:
    bench.board.store.doors = 2
    assert bench.ask(OpenDoor(3)) is None
    assert bench.ask(GetDoorControl(3)) is None
    assert bench.ask(SetDoorControl(3, 3, 5)) is None


@pytest.mark.parametrize("destroy", [RestoreDefaults, RefreshTasks])
def test_the_wrong_guard_number_is_refused(
    bench: Bench, destroy: type[RestoreDefaults | RefreshTasks]
) -> None:
    reply = bench.ask(destroy(magic=1))
    assert reply is not None
    assert not getattr(reply, "ok", True)
    assert bench.swipe() == Reason.CARD


def test_a_forgotten_card_leaves_a_hole(bench: Bench) -> None:
    from protocol.uhppote.cards import DeleteCard

    bench.put(7)
    bench.ask(DeleteCard(CARD))
    hole, kept, behind = (bench.ask(GetCardAtIndex(index)) for index in (1, 2, 3))
    assert hole == IndexedCard(DELETED)
    assert isinstance(kept, IndexedCard)
    assert kept.card == 7
    assert behind == IndexedCard()


def test_the_event_index_says_whether_it_changed(bench: Bench) -> None:
    assert bench.ask(SetEventIndex(7)) == EventIndexSet(ok=True)
    assert bench.ask(SetEventIndex(7)) == EventIndexSet(ok=False)


def test_answers_may_carry_what_nobody_knows() -> None:
    bench = Bench(Options(junk=b"\xa5" * 6))
    raw = bench.raw(GetStatus())
    assert raw is not None
    assert raw[56:62] == b"\xa5" * 6
    assert bench.status().event == Event()


# --- extensions ---------------------------------------------------------------------------


def test_a_board_may_repeat_the_number_of_a_question() -> None:
    plain, newer = Bench(), Bench(Options(Capability.SEQUENCE))
    for bench, expected in ((plain, 0), (newer, 77)):
        raw = bench.raw(OpenDoor(1), sequence=77)
        assert raw is not None
        assert Frame.decode(raw).sequence == expected


def test_a_board_may_log_the_card_the_host_opened_for() -> None:
    bench = Bench(Options(Capability.CARD_IN_LOG))
    bench.ask(OpenDoorFor(2, CARD, Direction.OUT))
    assert (bench.newest().card, bench.newest().direction) == (CARD, Direction.OUT)


def test_a_board_may_take_a_whole_list_in_order() -> None:
    bench = Bench(Options(Capability.REPLACE_CARDS))
    replies = []
    for index, card in enumerate((5, 9, 7), 1):
        raw = bench.raw(ReplaceCard(card, *YEAR, (1,) * 4, total=3, index=index))
        assert raw is not None
        replies.append(CardReplaced.decode(Frame.decode(raw).body).result)
    assert replies == [Replaced.OK, Replaced.OK, Replaced.NOT_SORTED]
    assert [card.card for card in bench.board.store.cards] == [5, 9]


def test_passcodes_are_not_shown(bench: Bench) -> None:
    bench.ask(SetPasscodes(1, (12345, 0, 0, 0)))
    bench.put(CARD, pin=7531)
    shown = repr(bench.board.store.settings) + repr(replace(Swipe(1, 1), pin=7531))
    assert "12345" not in shown
    assert "7531" not in shown
