"""A unit takes another key inside its session; what counts is the handshake after it."""

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
    WentOffline,
)
from protocol.osdp.commands import (
    Challenge,
    KeyType,
    Poll,
    SetCommunication,
    SetKey,
)
from protocol.osdp.frame import Frame, FrameReader
from protocol.osdp.replies import Ack, CommunicationSettings, Nak
from protocol.osdp.session import Clear
from tests.simulate.line import Line, pulse

OLD = BaseKey("old", bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18"))
NEW = BaseKey("new", bytes.fromhex("41d09be6c25f883a0e7711b4f29d6c53"))
ROTATION = SetKey(KeyType.SCBK, NEW.content)


def secured() -> Line:
    line = Line.with_units(1, keys={1: OLD.content})
    line.bus.set_keys(1, (OLD,))
    line.run(2)
    return line


def rotate(line: Line, *, within: float = 5.0) -> None:
    line.bus.set_keys(1, (NEW, OLD))
    assert send(line, ROTATION, within=within)


def send(line: Line, command: SetKey | SetCommunication, *, within: float = 5.0) -> bool:
    return line.bus.send(
        1,
        command,
        priority=Priority.ROUTINE,
        expires=line.now + within,
        tag=77,
        connection=line.connection(1),
    )


def proved(line: Line) -> list[str | None]:
    return [event.key for event in line.events(Identified)]


def alarms(line: Line) -> list[Alarm]:
    return [event.what for event in line.events(Alarming)]


@pytest.mark.parametrize("after", AfterKey)
def test_a_new_key_is_proved_at_once(after: AfterKey) -> None:
    line = secured()
    line.device(1).after_key = after
    rotate(line)
    line.run(0.2)

    assert line.endings() == {77: [Delivered()]}
    assert [event.why for event in line.events(WentOffline)] == ["it was given a new key"]
    assert proved(line) == ["old", "new"]
    assert len(line.heard(1, Challenge.CODE)) == 2
    assert line.connection(1) == 2
    assert not alarms(line)
    assert line.bus.counters(1).lost_sessions == 0


def test_what_was_queued_behind_the_key_ends_with_its_session() -> None:
    line = secured()
    rotate(line)
    for tag in (1, 2):
        line.bus.send(
            1,
            pulse(tag),
            priority=Priority.ROUTINE,
            expires=line.now + 5,
            tag=tag,
            connection=line.connection(1),
        )
    line.run(0.5)
    assert line.endings() == {
        77: [Delivered()],
        1: [Dropped(sent=False)],
        2: [Dropped(sent=False)],
    }
    assert not line.device(1).pulses


def test_a_key_that_was_refused_changes_nothing() -> None:
    line = secured()
    line.device(1)._duties[SetKey] = lambda _command, _now: Nak(9)
    rotate(line)
    line.run(2)
    assert line.endings() == {77: [Refused(Nak(9))]}
    assert proved(line) == ["old"]


def test_a_key_that_was_acknowledged_but_not_taken_leaves_the_old_one() -> None:
    line = secured()
    line.device(1)._duties[SetKey] = lambda _command, _now: Ack()
    rotate(line)
    line.run(0.5)
    assert proved(line) == ["old", "old"]
    assert not alarms(line)


def test_a_lost_acknowledgement_is_asked_for_with_the_same_bytes() -> None:
    line = secured()
    rotate(line)
    line.place(1).mute = True
    line.run(0.5)
    line.place(1).mute = False
    line.run(1)

    wires = {frame.encode() for _, frame in line.heard(1, SetKey.CODE)}
    assert len(line.heard(1, SetKey.CODE)) >= 2
    assert len(wires) == 1
    assert line.endings() == {77: [Delivered()]}
    assert proved(line) == ["old", "new"]


@pytest.mark.parametrize("took", [True, False])
@pytest.mark.parametrize("outage", [0.3, 3, 12])
def test_power_lost_around_a_new_key_locks_nobody_out(
    outage: float,
    took: bool,  # noqa: FBT001 - drawn by name
) -> None:
    line = secured()
    rotate(line)
    line.place(1).mute = took
    line.place(1).deaf = not took
    line.run_until(lambda: bool(line.heard(1, SetKey.CODE)), 1)
    line.place(1).unplugged = True
    line.run(outage)
    line.device(1).cycle_power()
    line.place(1).unplugged = line.place(1).mute = line.place(1).deaf = False
    line.run(1.2)

    assert proved(line)[-1] == ("new" if took else "old")
    assert line.connection(1)
    assert not alarms(line)
    assert len(line.endings()[77]) == 1


def test_a_key_that_nobody_answers_is_given_up_with_its_connection() -> None:
    line = secured()
    rotate(line, within=1.0)
    line.place(1).mute = True
    line.run(2)
    told = len(line.heard(1, SetKey.CODE))
    line.run(15)
    line.place(1).mute = False
    line.run(1)

    assert line.endings() == {77: [Expired(sent=True)]}
    assert len(line.heard(1, SetKey.CODE)) == told
    assert proved(line) == ["old", "new"]


def test_a_key_still_queued_is_dropped_with_its_session() -> None:
    line = secured()
    line.place(1).unplugged = True
    line.run(0.3)
    rotate(line, within=60)
    line.run(10)
    line.place(1).unplugged = False
    line.run(2)

    assert line.endings() == {77: [Dropped(sent=False)]}
    assert not line.heard(1, SetKey.CODE)
    assert proved(line) == ["old", "old"]


def test_a_forged_acknowledgement_in_clear_proves_nothing() -> None:
    """Somebody keeps the new key from the unit and says it arrived."""
    line = secured()
    rotate(line)
    device, answer = line.device(1), line.device(1).answer

    def forge(data: bytes, now: float) -> bytes:
        (frame,) = FrameReader().feed(data)
        if frame.code != SetKey.CODE:
            return answer(data, now)
        return Frame(1, frame.sequence, Ack.CODE, b"", reply=True).encode()

    device.answer = forge  # type: ignore[method-assign]  # somebody in between
    line.run(0.5)
    assert device.key == OLD.content
    assert proved(line) == ["old", "old"]
    assert line.connection(1)


def test_no_other_command_may_be_acknowledged_in_clear() -> None:
    line = secured()
    line.place(1).meddle = lambda answer: Frame(
        1, next(FrameReader().feed(answer)).sequence, Ack.CODE, b"", reply=True
    ).encode()
    line.unlock(1, 5)
    line.run(0.5)
    assert line.endings() == {5: [Dropped(sent=True)]}
    assert Alarm.CLEAR_ANSWER in alarms(line)


@pytest.mark.parametrize("reply", [Nak(6), CommunicationSettings(1, 9600)])
def test_nothing_but_an_acknowledgement_in_clear_is_tolerated(
    reply: Nak | CommunicationSettings,
) -> None:
    line = secured()
    rotate(line)
    line.place(1).meddle = lambda answer: Frame(
        1, next(FrameReader().feed(answer)).sequence, reply.CODE, reply.encode(), reply=True
    ).encode()
    line.run_until(lambda: bool(line.endings()), 1)
    line.place(1).meddle = None
    line.run(2)
    assert line.endings() == {77: [Dropped(sent=True)]}
    assert proved(line) == ["old", "new"]


# --- what cannot be done -----------------------------------------------------------------


def test_a_key_nobody_would_try_afterwards_is_not_told() -> None:
    line = secured()
    with pytest.raises(UnsendableMessage, match="none of those"):
        send(line, ROTATION)
    line.bus.set_keys(1, (NEW, OLD))
    with pytest.raises(UnsendableMessage, match="is no base key"):
        send(line, SetKey(2, NEW.content))


def test_a_unit_in_clear_is_told_no_key() -> None:
    line = Line.with_units(1)
    line.bus.set_keys(1, (NEW,))
    line.run(1)
    assert line.connection(1)
    with pytest.raises(UnsendableMessage, match="inside a session only"):
        send(line, ROTATION)


def test_a_key_cannot_be_laid_out_in_clear() -> None:
    with pytest.raises(UnsendableMessage, match="inside a session only"):
        Clear(1, crc=True).seal(0, SetKey.CODE, ROTATION.encode())


# --- another address or speed ------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, {1: OLD.content}])
def test_a_unit_that_was_moved_is_told_to_be_gone(keys: dict[int, bytes]) -> None:
    line = Line.with_units(1, keys=keys)
    line.run(2)
    assert send(line, SetCommunication(7, 115_200))
    line.run(0.1)
    assert line.endings() == {77: [Delivered()]}
    assert [event.why for event in line.events(WentOffline)] == [
        "it listens at address 7, 115200 baud from now on"
    ]


def test_a_unit_that_answers_a_move_with_something_else_stays() -> None:
    line = secured()
    line.device(1)._duties[SetCommunication] = lambda _command, _now: Ack()
    send(line, SetCommunication(7, 9600))
    line.run(1)
    assert not line.events(WentOffline)
    assert Poll.CODE in {frame.code for _, frame in line.heard(1)[-3:]}


def test_a_device_that_was_given_its_key_otherwise_is_met_with_it() -> None:
    line = secured()
    line.bus.set_keys(1, (NEW, OLD))
    line.place(1).device = Device(1, key=NEW.content)
    line.run(1)
    assert proved(line)[-1] == "new"
