"""A unit is given its first key in a window that somebody opened, and nowhere else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gatewayd.simulate.device import AfterKey, Device
from protocol.errors import UnsendableMessage
from protocol.osdp.bus import (
    Alarm,
    Alarming,
    BaseKey,
    Delivered,
    Dropped,
    Expired,
    Identified,
    Priority,
    Refused,
    Replied,
    SetUp,
    SetUpFailed,
    Unreadable,
    WentOffline,
    WindowClosed,
)
from protocol.osdp.commands import (
    Challenge,
    Identify,
    KeyType,
    Poll,
    ReadCapabilities,
    SetCommunication,
    SetKey,
    SetOutputs,
)
from protocol.osdp.commissioning import LONGEST_WINDOW, Window
from protocol.osdp.frame import Frame, FrameReader
from protocol.osdp.orders import QUEUE_BOUND
from protocol.osdp.replies import Ack, CommunicationSettings, Identification, Nak
from tests.simulate.line import IDENTITY, PROOF, SETTING_UP, Line

OLD = BaseKey("old", bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18"))
NEW = BaseKey("new", bytes.fromhex("41d09be6c25f883a0e7711b4f29d6c53"))
KEY = SetKey(KeyType.SCBK, NEW.content)
DONE = "the unit proved its new key"

Edit = Callable[[Frame], Frame]


def delivered(device: Device | None = None, *, units: int = 1) -> Line:
    """Return a line with a unit as it comes from its maker, whose panel has no key for it."""
    line = Line.with_units(units, keys={1: OLD.content})
    line.bus.set_keys(1, ())
    line.place(1).device = device or Device(1, install_mode=True)
    line.run(2)
    return line


def ready(device: Device | None = None, *, seconds: float = 60.0) -> Line:
    """Return a line in whose window the unit can be given its key."""
    line = delivered(device)
    assert line.commission(1, seconds)
    line.run_until(lambda: bool(line.events(SetUp)), 2)
    return line


def give(line: Line, command: SetKey | SetCommunication = KEY, *, tag: int = 77) -> bool:
    connection = line.events(SetUp)[-1].connection
    if isinstance(command, SetKey):
        line.bus.set_keys(1, (NEW,))
    return line.bus.set_up(1, command, tag=tag, connection=connection)


def closings(line: Line) -> list[tuple[str, bool]]:
    return [(event.why, event.done) for event in line.events(WindowClosed)]


def failures(line: Line) -> list[str]:
    return [event.why for event in line.events(SetUpFailed)]


def alarms(line: Line) -> list[Alarm]:
    return [event.what for event in line.events(Alarming)]


def selectors(line: Line) -> list[bytes]:
    """Which keys the panel asked for, one after the other."""
    return [frame.security.data for _, frame in line.heard(1, Challenge.CODE) if frame.security]


def editing(edit: Edit) -> Callable[[bytes], bytes]:
    return lambda answer: b"".join(edit(frame).encode() for frame in FrameReader().feed(answer))


def power_cut_in(line: Line, code: int, *, heard: bool) -> None:
    """Cut the unit's power at a command, which it hears or not; its answer is lost."""
    line.place(1).mute, line.place(1).deaf = heard, not heard
    line.run_until(lambda: bool(line.heard(1, code)), 2)
    line.run(0.05)
    line.place(1).mute = line.place(1).deaf = False
    line.device(1).cycle_power()


# --- how it goes -------------------------------------------------------------------------


@pytest.mark.parametrize("after", AfterKey)
def test_a_unit_is_given_its_first_key(after: AfterKey) -> None:
    line = ready()
    device = line.device(1)
    device.after_key = after
    (told,) = line.events(SetUp)
    assert told.identification == device.identification
    assert told.capabilities == device.capabilities
    assert len(told.evidence) == 4

    assert give(line)
    line.run(1)
    assert line.endings() == {77: [Delivered()]}
    assert closings(line) == [(DONE, True)]
    proved = line.events(Identified)[-1]
    assert (proved.proved, proved.key, proved.fault) == (True, "new", None)
    assert line.connection(1) == proved.connection > told.connection
    assert selectors(line) == [b"\x00", b"\x01"]
    assert not alarms(line)
    assert not failures(line)
    assert not device.complaints


def test_the_unit_is_told_of_before_its_window_closes() -> None:
    line = ready()
    give(line)
    line.admit = False
    line.run(0.3)
    assert [type(event) for _, event in line.told[-2:]] == [Identified, WindowClosed]


def test_the_connection_that_stood_ends_first() -> None:
    line = delivered()
    assert line.connection(1) == 0
    (told,) = line.events(Identified)
    line.commission(1)
    line.run(0.2)
    assert [(each.connection, each.why) for each in line.events(WentOffline)] == [
        (told.connection, "it is being commissioned")
    ]
    assert not line.open_gate(1, told.connection)
    assert not line.open_gate(1, line.events(SetUp)[0].connection)


def test_what_is_told_in_the_window_is_read_inside_the_session() -> None:
    line = ready()
    codes = [frame.code for _, frame in line.heard(1)]
    start = codes.index(Challenge.CODE)
    assert codes[start - 2 : start + 4] == [
        Identify.CODE,
        ReadCapabilities.CODE,
        Challenge.CODE,
        Challenge.CODE + 1,
        Identify.CODE,
        ReadCapabilities.CODE,
    ]


def test_a_unit_waits_for_its_key_inside_the_session() -> None:
    line = ready()
    device = line.device(1)
    device.present_card(26, bytes(4))
    line.run(30)
    assert device.secure
    assert device.waiting == 1
    assert len(line.events(SetUp)) == 1
    codes = {frame.code for _, frame in line.heard(1)}
    assert codes == IDENTITY | PROOF


def test_nothing_but_what_sets_it_up_goes_out_in_the_window() -> None:
    line = ready()
    connection = line.events(SetUp)[0].connection
    assert not line.unlock(1, 5, connection=connection)
    assert not line.open_gate(1, connection)
    line.close_gate(1, identify_again=True)
    line.run(1)
    give(line)
    line.admit = False
    line.run_until(lambda: bool(line.events(WindowClosed)), 5)

    assert {frame.code for _, frame in line.heard(1)} <= IDENTITY | PROOF | SETTING_UP
    assert len(line.events(SetUp)) == 1


def test_its_neighbours_are_served_meanwhile() -> None:
    line = delivered(units=2)
    line.commission(1)
    line.run(1)
    assert line.unlock(2, 5)
    line.run(0.2)
    assert line.endings() == {5: [Delivered()]}
    assert Poll.CODE in {frame.code for _, frame in line.heard(2)[-5:]}


def test_a_unit_with_a_key_in_use_can_be_commissioned_anew() -> None:
    line = Line.with_units(1, keys={1: OLD.content})
    line.run(1)
    assert line.unlock(1, 5, priority=Priority.ROUTINE)
    line.device(1).forget_key()
    line.commission(1)
    line.run(1)
    assert line.endings() == {5: [Dropped(sent=False)]}
    assert selectors(line) == [b"\x01", b"\x00"]
    give(line)
    line.run(1)
    assert closings(line) == [(DONE, True)]


def test_the_window_may_open_in_the_middle_of_an_exchange() -> None:
    line = Line.with_units(1, keys={1: OLD.content})
    line.run_until(lambda: bool(line.heard(1, Poll.CODE)), 1)
    line.device(1).forget_key()
    assert line.commission(1)
    line.run(1.5)
    assert line.events(SetUp)


# --- who may open it, and when it closes ---------------------------------------------------


def test_a_window_is_for_one_secure_unit_of_a_line_that_is_up() -> None:
    line = delivered(units=2)
    assert not line.commission(9)
    assert not line.commission(2)  # it is spoken to in clear
    assert line.commission(1)
    assert not line.bus.commission(1, line.now + 60)
    line.bus.end_commissioning(1)
    line.bus.link_down(line.now)
    assert not line.bus.commission(1, line.now + 60)


def test_another_window_opens_when_one_has_closed() -> None:
    line = ready()
    line.bus.end_commissioning(1)
    line.run(1)
    assert line.commission(1)
    line.run(2)
    assert len(line.events(SetUp)) == 2


def test_a_window_closes_by_itself_and_the_bus_says_when() -> None:
    line = ready(seconds=20)
    opened = 2.0
    assert line.bus.deadline <= opened + 20
    line.run(60)
    ((when, closed),) = [each for each in line.told if isinstance(each[1], WindowClosed)]
    assert closed == WindowClosed(1, "its time is over", done=False)
    assert when == pytest.approx(opened + 20, abs=0.001)
    assert line.events(Identified)[-1].fault == "it has no key yet: commission it"


def test_a_command_for_a_neighbour_ends_in_its_time_and_the_window_in_its_own() -> None:
    line = delivered(units=2)
    line.commission(1, 20)
    line.place(2).mute = True
    line.unlock(2, 5, within=1.0)
    line.run(30)
    assert line.endings() == {5: [Expired(sent=True)]}
    assert closings(line) == [("its time is over", False)]


def test_no_window_is_open_for_longer_than_the_limit() -> None:
    line = ready(seconds=1e9)
    line.run(LONGEST_WINDOW + 1)
    assert closings(line) == [("its time is over", False)]


def test_a_window_for_a_time_that_is_over_closes_at_once() -> None:
    line = delivered()
    line.commission(1, -1.0)
    line.run(0)
    assert closings(line) == [("its time is over", False)]


def test_a_window_can_be_cancelled_once() -> None:
    line = ready()
    line.bus.end_commissioning(9)
    line.bus.end_commissioning(1)
    line.bus.end_commissioning(1)
    line.run(3)
    line.bus.end_commissioning(1)
    line.run(1)
    assert closings(line) == [("it was cancelled", False)]
    assert not give(line)


def test_a_window_closes_with_its_line() -> None:
    line = ready()
    give(line)
    line.bus.link_down(line.now)
    line.bus.link_up(line.now)
    line.run(2)
    assert closings(line) == [("the line is down", False)]
    assert line.endings() == {77: [Dropped(sent=False)]}


def test_what_is_pending_ends_with_the_window() -> None:
    line = ready(seconds=4)
    give(line)
    line.place(1).mute = True
    line.run(8)
    assert len(line.endings()[77]) == 1
    assert line.endings()[77] in ([Expired(sent=True)], [Dropped(sent=True)])
    line.place(1).mute = False
    line.run(2)
    assert line.events(Identified)[-1].key == "new"


def test_the_answer_to_what_was_given_up_with_the_window_is_nobodys() -> None:
    line = ready()
    give(line)
    line.run_until(lambda: bool(line.heard(1, SetKey.CODE)), 1)
    stragglers = line.bus.counters(1).stragglers
    line.bus.end_commissioning(1)
    line.run(2)
    assert line.bus.counters(1).stragglers == stragglers + 1
    assert line.endings() == {77: [Dropped(sent=True)]}
    assert line.events(Identified)[-1].key == "new"


# --- what fails ------------------------------------------------------------------------------


def test_a_unit_without_the_default_key_is_told_of_once_and_tried_on() -> None:
    line = delivered(Device(1, key=OLD.content))
    line.commission(1)
    line.run(20)
    assert len(failures(line)) == 1
    assert not alarms(line)
    line.device(1).forget_key()
    line.run(6)
    assert line.events(SetUp)


def test_a_unit_that_offers_its_own_key_is_no_alarm_in_the_window() -> None:
    def own(frame: Frame) -> Frame:
        if frame.security is None or frame.security.type != 0x12:
            return frame
        return replace(frame, security=replace(frame.security, data=b"\x01"))

    line = delivered()
    line.place(1).meddle = editing(own)
    line.commission(1)
    line.run(1)
    assert failures(line) == ["the selected key is another one (1)"]
    assert not alarms(line)


def test_a_silent_unit_is_told_of_and_found_when_it_returns() -> None:
    line = delivered()
    line.place(1).unplugged = True
    line.commission(1)
    line.run(15)
    assert failures(line) == ["it does not answer"]
    line.place(1).unplugged = False
    line.run(1.2)
    assert line.events(SetUp)


def test_a_unit_that_falls_silent_in_its_handshake_is_told_of() -> None:
    line = delivered()
    line.commission(1)
    line.run_until(lambda: bool(line.heard(1, Challenge.CODE)), 1)
    line.place(1).unplugged = True
    line.run(5)
    assert failures(line) == ["the handshake was left unanswered", "it does not answer"]


def test_a_session_that_is_lost_is_begun_again() -> None:
    line = ready()
    line.device(1).cycle_power()
    line.run(3)
    assert failures(line) == ["the session is over: a NAK came in clear"]
    first, second = line.events(SetUp)
    assert second.connection > first.connection
    line.bus.set_keys(1, (NEW,))
    assert not line.bus.set_up(1, KEY, tag=1, connection=first.connection)
    assert line.bus.set_up(1, KEY, tag=2, connection=second.connection)
    line.run(1)
    assert closings(line) == [(DONE, True)]


def test_a_session_that_is_meddled_with_is_an_alarm() -> None:
    line = ready()
    line.place(1).meddle = editing(
        lambda frame: replace(frame, mac=bytes(4)) if frame.mac else frame
    )
    line.run(1.2)
    line.place(1).meddle = None
    assert alarms(line) == [Alarm.WRONG_MAC]
    line.run(3)
    assert len(line.events(SetUp)) == 2


def test_another_unit_in_the_same_session_is_an_alarm() -> None:
    line = ready()
    line.device(1).identification = replace(line.device(1).identification, serial=99)
    line.run(3)
    assert alarms(line) == [Alarm.IDENTITY_CHANGED]
    assert failures(line) == ["another unit answers"]
    assert line.events(SetUp)[-1].identification.serial == 99


def test_a_key_that_was_refused_may_be_told_again() -> None:
    line = ready()
    device = line.device(1)
    duty = device._duties[SetKey]
    device._duties[SetKey] = lambda _command, _now: Nak(9)
    give(line)
    line.run(1)
    assert line.endings() == {77: [Refused(Nak(9))]}
    assert not closings(line)
    device._duties[SetKey] = duty
    give(line, tag=78)
    line.run(1)
    assert closings(line) == [(DONE, True)]


def test_one_that_says_nothing_to_a_key_it_has_not_is_found_with_the_default_key() -> None:
    """It took no key, and leaves a challenge with one unanswered instead of refusing it."""
    device = Device(1, install_mode=True)
    line = ready(device)
    answer = device.answer
    device._duties[SetKey] = lambda _command, _now: Ack()

    def selective(data: bytes, now: float) -> bytes:
        asks_for_own = bytes((Challenge.CODE,)) in data and bytes((3, 0x11, 1)) in data
        return b"" if asks_for_own else answer(data, now)

    device.answer = selective  # type: ignore[method-assign]  # a unit of another kind
    met = len(line.events(SetUp))
    give(line)
    line.run(5)
    assert len(line.events(SetUp)) == met + 1
    assert selectors(line)[-1] == b"\0"
    assert not alarms(line)


def test_a_unit_that_did_not_keep_its_key_is_found_with_the_default_key() -> None:
    line = ready()
    line.device(1)._duties[SetKey] = lambda _command, _now: Ack()
    give(line)
    line.run(1)
    assert line.endings() == {77: [Delivered()]}
    assert selectors(line) == [b"\x00", b"\x01", b"\x00"]
    assert len(line.events(SetUp)) == 2
    assert not closings(line)
    assert not alarms(line)


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("after", AfterKey)
def test_power_lost_around_the_key_costs_nothing_but_time(
    after: AfterKey,
    heard: bool,  # noqa: FBT001 - drawn by name
) -> None:
    line = ready()
    line.device(1).after_key = after
    give(line)
    power_cut_in(line, SetKey.CODE, heard=heard)
    line.run(3)
    assert len(line.endings()[77]) == 1
    if not heard:
        assert not closings(line)
        give(line, tag=78)
        line.run(2)
    assert closings(line) == [(DONE, True)]
    assert line.events(Identified)[-1].key == "new"
    assert not alarms(line)


@pytest.mark.parametrize("step", [*IDENTITY, *PROOF])
def test_power_lost_while_the_key_is_proved_costs_nothing_but_time(step: int) -> None:
    line = ready()
    give(line)
    line.run_until(lambda: bool(line.endings()), 1)
    power_cut_in(line, step, heard=True)
    line.run(3)
    assert closings(line) == [(DONE, True)]
    assert not alarms(line)


def test_another_unit_with_the_new_key_is_an_alarm_and_not_the_end() -> None:
    line = ready()
    give(line)
    line.run_until(lambda: bool(line.endings()), 1)
    line.device(1).identification = replace(line.device(1).identification, serial=99)
    line.run(3)
    assert alarms(line) == [Alarm.IDENTITY_CHANGED]
    assert failures(line)[-1] == "another unit than the one that was given the key has it"
    assert not closings(line)
    line.bus.end_commissioning(1)
    line.run(2)
    assert line.events(Identified)[-1].identification.serial == 99


def test_another_identity_inside_than_outside_is_an_alarm() -> None:
    line = delivered()
    other = replace(line.device(1).identification, serial=99)

    def lie(frame: Frame) -> Frame:
        if frame.security is not None or frame.code != Identification.CODE:
            return frame
        return replace(frame, body=other.encode())

    line.place(1).meddle = editing(lie)
    line.commission(1)
    line.run(1)
    assert alarms(line) == [Alarm.IDENTITY_CHANGED]
    assert failures(line) == [Alarm.IDENTITY_CHANGED.value]
    assert not line.events(SetUp)


# --- what may be said in it ------------------------------------------------------------------


def test_a_unit_is_set_up_only_once_it_was_told_of() -> None:
    line = delivered(units=2)
    line.bus.set_keys(1, (NEW,))
    assert not line.bus.set_up(1, KEY, tag=1, connection=1)
    line.commission(1)
    for connection in range(5):
        assert not line.bus.set_up(1, KEY, tag=1, connection=connection)
        assert not line.bus.set_up(2, KEY, tag=1, connection=connection)
    line.run(1)
    (told,) = line.events(SetUp)
    assert not line.bus.set_up(1, KEY, tag=1, connection=told.connection + 1)
    assert not line.bus.set_up(2, KEY, tag=1, connection=told.connection)


def test_a_key_nobody_would_try_afterwards_is_not_told() -> None:
    line = ready()
    with pytest.raises(UnsendableMessage, match="none of those"):
        line.bus.set_up(1, KEY, tag=1, connection=line.events(SetUp)[0].connection)


def test_more_than_fits_is_not_taken() -> None:
    line = ready()
    assert [give(line, tag=tag) for tag in range(QUEUE_BOUND + 1)] == [True] * QUEUE_BOUND + [
        False
    ]
    line.run(1)
    assert all(len(ends) == 1 for ends in line.endings().values())
    assert len(line.heard(1, SetKey.CODE)) == 1


def test_a_unit_that_was_moved_is_gone_from_its_window() -> None:
    line = ready()
    give(line, SetCommunication(7, 9600))
    line.run(0.1)
    (replied,) = line.events(Replied)
    assert replied.reply == CommunicationSettings(7, 9600)
    assert replied.tag == 77
    assert line.endings() == {77: [Delivered()]}
    assert failures(line) == ["it listens at address 7, 9600 baud from now on"]
    line.run(5)
    assert failures(line)[1:] == ["it does not answer"]
    line.run(60)
    assert closings(line) == [("its time is over", False)]


def test_a_unit_that_keeps_its_address_is_found_again() -> None:
    line = ready()
    give(line, SetCommunication(1, 9600))
    line.run(3)
    assert len(line.events(SetUp)) == 2


def test_what_a_unit_reports_in_its_window_is_not_passed_on() -> None:
    line = ready()
    line.device(1)._duties[Identify] = lambda _command, _now: CommunicationSettings(1, 9600)
    line.run(2)
    assert not line.events(Replied)
    assert line.events(Unreadable)


def test_outside_a_window_the_default_key_is_never_asked_for() -> None:
    line = delivered()
    line.bus.set_keys(1, (NEW,))
    line.run(30)
    line.bus.set_keys(1, ())
    line.run(30)
    assert set(selectors(line)) == {b"\x01"}
    assert SetOutputs.CODE not in {frame.code for _, frame in line.heard(1)}


def test_the_default_key_passes_no_gate_but_that_of_a_window() -> None:
    """By construction, should ever somebody try it without opening a window."""
    line = delivered()
    peripheral = line.bus._peripherals[1]
    peripheral._introduction.window = Window(until=line.now + 60)
    line.close_gate(1)
    peripheral._introduction.forget()
    with pytest.raises(AssertionError):
        line.run(5)
    assert not line.heard(1, Challenge.CODE)
