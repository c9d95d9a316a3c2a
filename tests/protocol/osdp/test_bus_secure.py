"""A unit with a key is believed and driven inside its session, and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from gatewayd.simulate.device import Device
from protocol.errors import UnsendableMessage
from protocol.message import Message
from protocol.osdp.bus import (
    Alarm,
    Alarming,
    BaseKey,
    Bus,
    Delivered,
    Dropped,
    Expired,
    Identified,
    PeripheralSettings,
    Priority,
    Replied,
    Unreadable,
    WentOffline,
    WentSilent,
)
from protocol.osdp.commands import (
    Challenge,
    Identify,
    Poll,
    ReadCapabilities,
    ServerCryptogram,
    SetOutputs,
    TransferFile,
)
from protocol.osdp.frame import Frame, FrameReader
from protocol.osdp.meeting import PROOF_PAUSES
from protocol.osdp.replies import (
    Ack,
    Capabilities,
    ClientCryptogram,
    Identification,
    InitialRMac,
    Keypad,
    Nak,
    RawCard,
)
from protocol.osdp.secure_keys import DEFAULT_KEY
from protocol.osdp.session import ClearIdentity
from tests.simulate.line import IDENTITY, PROOF, Line, pulse

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
OTHER_KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa19")
CARD = bytes.fromhex("de ad be c0")

Edit = Callable[[Frame], Frame]


def secured(count: int = 1, *, baud: int = 0) -> Line:
    """Return a line of units with keys after half a second."""
    line = Line.with_units(count, baud=baud, keys=dict.fromkeys(range(1, count + 1), KEY))
    line.run(0.5)
    return line


def meeting(device: Device) -> Line:
    """Return a line whose panel expects KEY of whatever is there."""
    line = Line.with_units(1, keys={1: KEY})
    line.place(1).device = device
    return line


def editing(edit: Edit) -> Callable[[bytes], bytes]:
    """Return somebody between unit and panel, with good check characters."""

    def meddle(answer: bytes) -> bytes:
        return b"".join(edit(frame).encode() for frame in FrameReader().feed(answer))

    return meddle


def instead(code: int, reply: Message, *, sequence: int | None = None) -> Edit:
    """Put a reply in clear in the place of those with a code."""

    def edit(frame: Frame) -> Frame:
        if frame.code != code:
            return frame
        number = frame.sequence if sequence is None else sequence
        return Frame(frame.address, number, reply.CODE, reply.encode(), reply=True)

    return edit


def alarms(line: Line) -> list[Alarm]:
    return [event.what for event in line.events(Alarming)]


def secure_again(line: Line, seconds: float) -> bool:
    """Whether polls are answered in a session within that time."""
    counters = line.bus.counters(1)
    line.run_until(lambda: line.bus.counters(1).polls > counters.polls, seconds)
    return line.device(1).secure and line.bus.counters(1).polls > counters.polls


# --- how it begins -----------------------------------------------------------------------


def test_a_unit_introduces_itself_in_clear_and_again_inside() -> None:
    line = secured()
    said = [(frame.code, frame.sequence) for _, frame in line.heard(1)][:6]

    assert said == [
        (Identify.CODE, 0),
        (ReadCapabilities.CODE, 1),
        (Challenge.CODE, 0),
        (ServerCryptogram.CODE, 1),
        (Identify.CODE, 2),
        (ReadCapabilities.CODE, 3),
    ]
    sealed = [frame.security is not None for _, frame in line.heard(1)]
    assert not any(sealed[:2])
    assert all(sealed[2:])


def test_only_then_it_is_told_of_and_its_identity_is_proved() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.run_until(lambda: bool(line.events(Identified)), 1)
    (told,) = line.events(Identified)

    assert (told.connection, told.proved, told.fault) == (1, True, None)
    assert told.identification == line.device(1).identification
    assert told.capabilities == line.device(1).capabilities
    codes = [next(FrameReader().feed(each)).code for each in told.evidence]
    assert codes == [Identification.CODE, Capabilities.CODE] * 2
    assert line.bus.counters(1).sessions == 1


def test_a_card_is_read_and_a_door_opens_inside_the_session() -> None:
    line = secured()
    line.device(1).present_card(26, CARD)
    assert line.unlock(1, 5)
    line.run(1)

    assert [
        event.reply.CODE for event in line.events(Replied) if event.reply.CODE == RawCard.CODE
    ]
    assert line.endings() == {5: [Delivered()]}
    assert len(line.device(1).pulses) == 1
    assert all(frame.security for _, frame in line.heard(1, SetOutputs.CODE))
    assert not alarms(line)


def test_units_with_and_without_keys_share_a_line() -> None:
    line = Line.with_units(3, keys={2: KEY})
    line.run(0.5)

    assert {event.address: event.proved for event in line.events(Identified)} == {
        1: False,
        2: True,
        3: False,
    }
    assert {event.fault for event in line.events(Identified)} == {None}


def test_every_session_has_fresh_random_bytes() -> None:
    line = secured()
    line.device(1).cycle_power()
    line.run(0.5)
    challenges = [frame.body for _, frame in line.heard(1, Challenge.CODE)]
    assert len(challenges) == len(set(challenges)) == 2


def test_a_closed_gate_asks_for_the_identity_inside_the_session() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.admit = False
    line.run(5)

    assert {frame.code for _, frame in line.heard(1)} == IDENTITY | PROOF
    assert len(line.heard(1, Challenge.CODE)) == 1
    assert all(frame.security for _, frame in line.heard(1)[2:])


def test_a_unit_that_is_asked_again_answers_inside_the_same_session() -> None:
    line = secured()
    line.close_gate(1, identify_again=True)
    line.run(0.5)

    assert [(event.connection, event.proved) for event in line.events(Identified)] == [
        (1, True),
        (2, True),
    ]
    assert line.bus.counters(1).sessions == 1
    assert not line.events(WentOffline)


def test_a_unit_that_is_asked_again_while_it_introduces_itself_says_it_once() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.run_until(lambda: bool(line.heard(1, Challenge.CODE)), 1)
    line.close_gate(1, identify_again=True)
    line.run(0.5)
    assert [event.connection for event in line.events(Identified)] == [1]


def test_a_key_needs_chance() -> None:
    with pytest.raises(ValueError, match="needs chance"):
        Bus([PeripheralSettings(1, secure=True)])


@pytest.mark.parametrize("key", [DEFAULT_KEY, bytes(16), bytes(15)])
def test_a_key_that_is_no_secret_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="the key 'mine'"):
        BaseKey("mine", key)


def test_a_key_is_not_in_what_settings_print() -> None:
    text = repr(PeripheralSettings(1, secure=True, keys=(BaseKey("mine", KEY),)))
    assert "mine" in text
    assert "content" not in text


# --- no session, no door -------------------------------------------------------------------


def without_session() -> dict[str, Device]:
    return {
        "another key": Device(1, key=OTHER_KEY),
        "no key": Device(1),
        "no key, install mode": Device(1, install_mode=True),
        "the default key": Device(1, key=DEFAULT_KEY),
    }


@pytest.mark.parametrize("which", without_session())
def test_without_a_session_nobody_opens_the_gate(which: str) -> None:
    device = without_session()[which]
    line = meeting(device)
    line.admit = False
    for _ in range(30):
        line.run(0.37)
        device.present_card(26, CARD)
        for connection in range(60):
            assert not line.open_gate(1, connection)
            assert not line.unlock(1, 5, connection=connection)

    told = line.events(Identified)
    assert told
    assert not any(event.proved for event in told)
    assert all(event.fault for event in told)
    assert not line.events(Replied)
    assert {frame.code for _, frame in line.heard(1)} <= IDENTITY | {Challenge.CODE}
    selectors = {frame.security.data for _, frame in line.heard(1) if frame.security}
    assert selectors == {b"\x01"}  # its own key, never the default one


def test_a_wrong_key_is_told_once_with_its_fault_and_an_alarm() -> None:
    line = meeting(Device(1, key=OTHER_KEY))
    line.run(30)

    (told,) = line.events(Identified)
    assert (told.proved, told.fault) == (False, "the cryptogram proves no knowledge of the key")
    assert alarms(line) == [Alarm.WRONG_CRYPTOGRAM]
    assert not line.events(WentOffline)


def test_an_alarm_that_goes_on_is_told_once_a_minute() -> None:
    line = meeting(Device(1, key=OTHER_KEY))
    line.run(125)
    assert alarms(line) == [Alarm.WRONG_CRYPTOGRAM] * 3


def test_a_failed_introduction_is_tried_again_soon_and_then_slower() -> None:
    line = meeting(Device(1, key=OTHER_KEY))
    line.run(20)
    tried = [when for when, _ in line.heard(1, Challenge.CODE)]
    pauses = [after - before for before, after in pairwise(tried)]

    assert pauses[: len(PROOF_PAUSES)] == pytest.approx(PROOF_PAUSES, abs=0.05)
    assert pauses[len(PROOF_PAUSES) :] == pytest.approx([PROOF_PAUSES[-1]] * 2, abs=0.05)
    assert line.bus.counters(1).unproved == len(tried)


def test_a_unit_that_gets_its_key_is_secure_soon_after() -> None:
    line = meeting(Device(1, key=OTHER_KEY))
    line.run(20)
    line.device(1).take_key(KEY)
    line.run(PROOF_PAUSES[-1] + 0.2)

    assert line.events(Identified)[-1].proved
    assert line.connection(1)


def test_who_asks_again_is_told_again() -> None:
    line = meeting(Device(1, key=OTHER_KEY))
    line.run(10)
    line.close_gate(1, identify_again=True)
    line.run(0.1)
    assert [event.fault for event in line.events(Identified)] == [
        "the cryptogram proves no knowledge of the key"
    ] * 2


def test_closing_a_closed_gate_does_not_hurry_the_next_try() -> None:
    line = meeting(Device(1, key=OTHER_KEY))
    line.run(12)
    tried = len(line.heard(1))
    line.close_gate(1)
    line.run(0.1)
    assert len(line.heard(1)) == tried


def test_another_fault_is_told_as_such() -> None:
    line = meeting(Device(1, key=OTHER_KEY))
    line.run(10)
    line.place(1).device.take_key(None)
    line.run(6)
    assert [event.fault for event in line.events(Identified)][1:] == [
        "the unit knows of no secure channel (5)"
    ]


@pytest.mark.parametrize("code", [Challenge.CODE, ServerCryptogram.CODE])
def test_a_unit_that_leaves_the_handshake_unanswered_is_told_of(code: int) -> None:
    line = secured()
    device = line.device(1)
    ignores(device, code)
    device.cycle_power()
    line.run(8)

    told = line.events(Identified)[1:]
    assert {(event.proved, event.fault) for event in told} == {
        (False, "the handshake was left unanswered")
    }
    assert not line.connection(1)


def test_a_unit_that_dies_in_its_handshake_is_silent_and_then_offline() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.run_until(lambda: bool(line.heard(1, Challenge.CODE)), 1)
    line.place(1).unplugged = True
    line.run(10)
    kinds = [type(event) for _, event in line.told]
    assert kinds in (
        [Identified, WentSilent, WentOffline],
        [Identified, Identified, WentSilent, WentOffline],
    )


def ignores(device: Device, code: int) -> None:
    """Make a unit deaf for one command."""
    answer = device.answer

    def selective(data: bytes, now: float) -> bytes:
        heard = FrameReader().feed(data)
        return b"" if any(frame.code == code for frame in heard) else answer(data, now)

    device.answer = selective  # type: ignore[method-assign]  # a fault of this one unit


@pytest.mark.parametrize("reason", [3, 4, 5, 6])
@pytest.mark.parametrize("code", [ClientCryptogram.CODE, InitialRMac.CODE])
def test_a_nak_to_the_handshake_is_its_end_and_no_way_around_it(code: int, reason: int) -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.place(1).meddle = editing(instead(code, Nak(reason)))
    line.run(5)

    (told,) = line.events(Identified)
    assert not told.proved
    assert str(reason) in str(told.fault)
    assert not line.connection(1)
    assert {frame.code for _, frame in line.heard(1)} <= IDENTITY | PROOF


def test_a_nak_4_with_another_number_ends_the_handshake_too() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.place(1).meddle = editing(instead(InitialRMac.CODE, Nak(4), sequence=3))
    line.run(5)
    assert [event.fault for event in line.events(Identified)] == [
        "the unit refused with a NAK (4)"
    ]


def test_the_default_key_is_an_alarm_and_no_session() -> None:
    def offer(frame: Frame) -> Frame:
        if frame.code != ClientCryptogram.CODE or frame.security is None:
            return frame
        return replace(frame, security=replace(frame.security, data=b"\x00"))

    line = Line.with_units(1, keys={1: KEY})
    line.place(1).meddle = editing(offer)
    line.run(3)
    assert alarms(line) == [Alarm.DEFAULT_KEY]
    assert not line.connection(1)


@pytest.mark.parametrize(
    ("code", "selector", "alarm"),
    [
        (ClientCryptogram.CODE, b"\x02", Alarm.WRONG_SELECTOR),
        (InitialRMac.CODE, b"\xff", Alarm.CRYPTOGRAM_REFUSED),
    ],
)
def test_what_else_does_not_fit_is_an_alarm(code: int, selector: bytes, alarm: Alarm) -> None:
    def edit(frame: Frame) -> Frame:
        if frame.code != code or frame.security is None:
            return frame
        return replace(frame, security=replace(frame.security, data=selector))

    line = Line.with_units(1, keys={1: KEY})
    line.place(1).meddle = editing(edit)
    line.run(3)
    assert alarms(line) == [alarm]
    assert not line.connection(1)


def test_an_answer_to_the_challenge_in_clear_is_an_alarm() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.place(1).meddle = editing(instead(ClientCryptogram.CODE, Ack()))
    line.run(3)
    assert alarms(line) == [Alarm.CLEAR_ANSWER]


def test_a_handshake_answer_that_cannot_be_read_is_a_fault() -> None:
    def cut(frame: Frame) -> Frame:
        return (
            replace(frame, body=frame.body[:5])
            if frame.code == ClientCryptogram.CODE
            else frame
        )

    line = Line.with_units(1, keys={1: KEY})
    line.place(1).meddle = editing(cut)
    line.run(0.5)
    assert "parts" in str(line.events(Identified)[0].fault)


# --- who is in between ---------------------------------------------------------------------


def test_hiding_the_secure_channel_in_the_capabilities_changes_nothing() -> None:
    line = Line.with_units(1, keys={1: KEY})
    honest = line.device(1).capabilities
    hidden = Capabilities(tuple(each for each in honest.records if each.function != 9))
    line.place(1).meddle = editing(
        lambda frame: (
            instead(Capabilities.CODE, hidden)(frame) if frame.security is None else frame
        )
    )
    line.run(1)

    (told,) = line.events(Identified)
    assert (told.proved, told.capabilities) == (True, honest)
    assert alarms(line) == [Alarm.CAPABILITIES_CHANGED]
    assert line.connection(1)


def test_another_identity_inside_is_an_alarm_and_opens_nothing() -> None:
    line = Line.with_units(1, keys={1: KEY})
    other = replace(line.device(1).identification, serial=99)
    line.place(1).meddle = editing(
        lambda frame: (
            instead(Identification.CODE, other)(frame) if frame.security is None else frame
        )
    )
    line.run(3)

    assert alarms(line) == [Alarm.IDENTITY_CHANGED]
    assert not any(event.proved for event in line.events(Identified))
    assert not line.connection(1)


def test_a_unit_that_becomes_another_in_its_session_is_cut_off() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.admit = False
    line.run(0.5)
    line.device(1).identification = replace(line.device(1).identification, serial=99)
    line.run(1.5)
    assert alarms(line) == [Alarm.IDENTITY_CHANGED]
    assert [event.why for event in line.events(WentOffline)] == ["another unit answers"]


def test_a_unit_that_does_not_say_who_it_is_inside_is_not_known() -> None:
    line = Line.with_units(1, keys={1: KEY})
    device = line.device(1)
    device._duties[Identify] = lambda _command, _now: (
        Nak(3) if device.secure else device.identification
    )
    line.run(0.5)
    (told,) = line.events(Identified)
    assert told.fault == "it does not say who it is inside the session"


def test_a_unit_without_capabilities_is_known_all_the_same() -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.device(1)._duties[ReadCapabilities] = lambda _command, _now: Nak(3)
    line.run(0.5)
    (told,) = line.events(Identified)
    assert (told.proved, told.capabilities) == (True, Capabilities(()))


@pytest.mark.parametrize(
    "report", [RawCard(reader=0, format=1, bits=26, data=CARD), Keypad(reader=0, keys=b"1234")]
)
def test_what_is_reported_in_clear_is_never_believed(report: Message) -> None:
    line = secured()
    line.place(1).meddle = editing(instead(Ack.CODE, report))
    line.run(0.2)
    line.place(1).meddle = None
    line.run(2)

    assert not [event for event in line.events(Replied) if event.reply == report]
    assert Alarm.CLEAR_ANSWER in alarms(line)
    assert {event.why for event in line.events(WentOffline)} == {
        "the session is over: a message came in clear"
    }
    assert line.device(1).secure


def test_a_card_in_clear_before_the_session_is_never_believed() -> None:
    line = Line.with_units(1, keys={1: KEY})
    card = RawCard(reader=0, format=1, bits=26, data=CARD)
    line.place(1).meddle = editing(instead(Identification.CODE, card))
    line.run(3)
    assert not line.events(Replied)
    assert line.events(Unreadable)


def test_a_card_read_in_a_session_cannot_be_replayed() -> None:
    line = secured()
    kept: list[bytes] = []
    line.place(1).meddle = editing(
        lambda frame: kept.append(frame.encode()) or frame  # type: ignore[func-returns-value]  # appends
    )
    line.device(1).present_card(26, CARD)
    line.run(0.2)
    (card,) = [each for each in kept if each[7] == RawCard.CODE]
    line.place(1).meddle = lambda _answer: card
    line.run(3)

    cards = [event for event in line.events(Replied) if isinstance(event.reply, RawCard)]
    assert len(cards) == 1
    assert not line.device(1).pulses


# --- how a session ends --------------------------------------------------------------------


def flip_mac(frame: Frame) -> Frame:
    return replace(frame, mac=bytes(4)) if frame.mac else frame


ENDINGS: dict[str, tuple[Edit, str, Alarm | None]] = {
    "a wrong MAC": (flip_mac, "a MAC does not match", Alarm.WRONG_MAC),
    "clear": (instead(Ack.CODE, Ack()), "a message came in clear", Alarm.CLEAR_ANSWER),
    "clear, numbered 0": (
        instead(Ack.CODE, Ack(), sequence=0),
        "a message came in clear",
        Alarm.CLEAR_ANSWER,
    ),
    "NAK 5": (instead(Ack.CODE, Nak(5)), "a NAK came in clear", None),
    "NAK 6": (instead(Ack.CODE, Nak(6)), "a NAK came in clear", None),
    "NAK 4": (instead(Ack.CODE, Nak(4)), "a NAK came in clear", None),
    "NAK 1": (instead(Ack.CODE, Nak(1)), "a NAK came in clear", None),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_does_not_belong_into_a_session_ends_it(ending: str) -> None:
    edit, why, alarm = ENDINGS[ending]
    line = secured()
    line.place(1).meddle = editing(edit)
    line.run_until(lambda: bool(line.events(WentOffline)), 1)
    line.place(1).meddle = None
    began = line.now
    line.run_until(lambda: len(line.events(Identified)) > 1, 1)

    assert line.now - began < 0.5
    assert line.events(Identified)[-1].proved
    assert [event.why for event in line.events(WentOffline)] == [f"the session is over: {why}"]
    assert alarms(line) == ([] if alarm is None else [alarm])
    assert line.bus.counters(1).lost_sessions == 1


def test_a_sealed_answer_numbered_0_asks_for_a_new_start() -> None:
    line = secured()
    line.place(1).meddle = editing(
        lambda frame: replace(frame, sequence=0) if frame.code == Ack.CODE else frame
    )
    line.run_until(lambda: bool(line.events(WentOffline)), 1)
    assert line.events(WentOffline)[0].why == "the unit asked for a new start"


def test_a_sealed_answer_with_another_number_is_nobodys() -> None:
    line = secured()
    stragglers = line.bus.counters(1).stragglers
    line.place(1).meddle = editing(
        lambda frame: (
            replace(frame, sequence=frame.sequence % 3 + 1) if frame.code == Ack.CODE else frame
        )
    )
    line.run(0.5)
    line.place(1).meddle = None
    line.run(2)
    assert line.bus.counters(1).stragglers > stragglers
    assert len(line.events(Identified)) == 1


def test_a_busy_unit_keeps_its_session() -> None:
    line = secured()
    line.device(1).busy = 5
    assert line.unlock(1, 5)
    line.run(2)
    assert line.endings() == {5: [Delivered()]}
    assert line.bus.counters(1).sessions == 1
    assert not alarms(line)


def test_a_sealed_nak_is_an_answer() -> None:
    line = secured()
    line.device(1)._duties[SetOutputs] = lambda _command, _now: Nak(1)
    line.unlock(1, 5)
    line.run(1)
    ((ending,),) = line.endings().values()
    assert type(ending).__name__ == "Refused"
    assert line.bus.counters(1).sessions == 1


def test_a_command_under_way_when_the_session_ends_is_not_taken_as_done() -> None:
    line = secured()
    line.place(1).meddle = editing(instead(Ack.CODE, Nak(6)))
    line.unlock(1, 5)
    line.run(1)
    assert line.endings() == {5: [Dropped(sent=True)]}


def test_a_retry_is_the_same_bytes() -> None:
    line = secured()
    line.place(1).mute = True
    line.unlock(1, 5)
    line.run(0.5)
    line.place(1).mute = False
    line.run(1)

    wires = [raw for raw in line.raw if raw[1:][7:8] == bytes((SetOutputs.CODE,))]
    assert len(wires) >= 2
    assert len(set(wires)) == 1
    assert line.endings() == {5: [Delivered()]}
    assert len(line.device(1).pulses) == 1
    assert line.bus.counters(1).sessions == 1


def test_a_command_that_is_late_before_it_was_sent_leaves_the_session_whole() -> None:
    line = secured(baud=9600)
    assert line.unlock(1, 5, within=0.005)  # it would not have left the wire by then
    line.run(0.003)
    line.run(1)
    assert line.endings() == {5: [Expired(sent=False)]}
    assert line.unlock(1, 7)
    line.run(1)
    assert line.endings()[7] == [Delivered()]
    assert line.bus.counters(1).sessions == 1


def test_a_command_too_long_for_a_session_is_refused_at_once() -> None:
    line = secured()
    with pytest.raises(UnsendableMessage, match="is the limit"):
        line.bus.send(
            1,
            TransferFile(1, 5000, 0, bytes(1420)),
            priority=Priority.ROUTINE,
            expires=line.now + 1,
            tag=1,
            connection=line.connection(1),
        )


# --- coming back ---------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [0.0, 0.13, 0.31, 0.55])
@pytest.mark.parametrize("power", [True, False])
@pytest.mark.parametrize("outage", [1, 4, 7, 12, 60])
def test_a_unit_that_returns_is_secure_within_a_second(
    outage: float,
    power: bool,  # noqa: FBT001 - drawn by name
    phase: float,
) -> None:
    line = secured(2)
    line.run(phase)
    line.place(1).unplugged = True
    line.run(outage)
    if power:
        line.device(1).cycle_power()
    line.place(1).unplugged = False
    assert secure_again(line, 1.0)
    assert not alarms(line)


@pytest.mark.parametrize("step", [Identify.CODE, ReadCapabilities.CODE, *PROOF])
@pytest.mark.parametrize("outage", [0.3, 1, 4, 7, 12])
def test_a_unit_lost_in_its_introduction_is_secure_soon_after_its_return(
    outage: float, step: int
) -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.run_until(lambda: bool(line.heard(1, step)), 1)
    line.place(1).unplugged = True
    line.run(outage)
    line.device(1).cycle_power()
    line.place(1).unplugged = False
    assert secure_again(line, 1.2)


def test_a_unit_that_loses_power_in_its_session_is_asked_anew() -> None:
    line = secured()
    line.device(1).cycle_power()
    assert secure_again(line, 0.3)
    assert [event.connection for event in line.events(Identified)] == [1, 2]


def test_a_line_that_returns_begins_new_sessions() -> None:
    line = secured(3)
    line.bus.link_down(line.now)
    line.run(1)
    line.bus.link_up(line.now)
    line.run(0.5)
    assert [event.address for event in line.events(Identified)] == [1, 2, 3, 1, 2, 3]
    assert all(event.proved for event in line.events(Identified))


@pytest.mark.parametrize("latency", [0.05, 0.15, 0.25, 0.35])
def test_late_answers_end_no_session(latency: float) -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.place(1).latency = latency
    line.run(30)
    assert not alarms(line)
    assert line.events(Identified)[-1].proved
    assert line.bus.counters(1).lost_sessions == 0


@pytest.mark.parametrize(("share", "least"), [(0.002, 36), (0.01, 5)])
def test_noise_costs_retries_and_raises_no_alarm(share: float, least: int) -> None:
    """On the average of some lines: what is lost just then is chance."""
    lines = [under_noise(share, seed) for seed in range(6)]
    assert sum(lines) >= least * len(lines)


def under_noise(share: float, seed: int) -> int:
    """Return how many of 39 unlocks were delivered."""
    line = secured(2, baud=115_200)
    line.chance = Random(seed)  # noqa: S311 - repeatable
    line.loss = line.flip = share
    for tag in range(1, 40):
        line.unlock(1, tag)
        line.run(0.5)
    line.loss = line.flip = 0.0
    line.run(5)

    assert not alarms(line)
    pulses = [round(each.seconds * 10) for each in line.device(1).pulses]
    assert len(pulses) == len(set(pulses))
    done = [tag for tag, endings in line.endings().items() if endings == [Delivered()]]
    assert set(done) <= set(pulses)
    assert line.device(1).secure
    return len(done)


def test_a_session_in_checksums_works_too() -> None:
    chance = Random(3).randbytes  # noqa: S311 - repeatable
    settings = PeripheralSettings(1, crc=False, secure=True, keys=(BaseKey("own", KEY),))
    bus = Bus([settings], chance=chance)
    line = Line.with_units(1, keys={1: KEY})
    line = Line(bus, line.places)
    line.run(1)
    assert line.events(Identified)[0].proved
    assert not any(frame.crc for _, frame in line.heard(1))


# --- by construction -----------------------------------------------------------------------


@pytest.mark.parametrize("command", [Poll(), pulse(1)])
def test_nothing_but_the_identity_can_be_laid_out_in_clear(command: Message) -> None:
    with pytest.raises(UnsendableMessage, match="belongs into a secure session"):
        ClearIdentity(1, crc=True).seal(0, command.CODE, command.encode())
