"""Nothing but questions for the identity passes a closed gate."""

import pytest

from gatewayd.simulate.device import Device
from protocol.message import Message
from protocol.osdp.bus import (
    Delivered,
    Done,
    Dropped,
    Identified,
    PeripheralSettings,
    Replied,
    Unreadable,
    WentOffline,
)
from protocol.osdp.commands import (
    Challenge,
    Identify,
    Poll,
    ReadCapabilities,
    ReadLocalStatus,
    ServerCryptogram,
    SetCommunication,
    SetKey,
    SetOutputs,
)
from protocol.osdp.frame import Frame
from protocol.osdp.gate import CLOSED, COMMISSIONING, Gate, Open
from protocol.osdp.replies import Busy, Capabilities, LocalStatus, Nak, RawCard
from tests.simulate.line import Line, pulse

CARD = bytes.fromhex("de ad be c0")
QUESTIONS = (
    Identify(),
    ReadCapabilities(),
    Challenge(bytes(8)),
    ServerCryptogram(bytes(16)),
)
SETTING_UP = (SetCommunication(1, 9600), SetKey(1, bytes(16)))
THE_REST = (Poll(), ReadLocalStatus(), pulse(1))


@pytest.mark.parametrize(
    ("gate", "by_default_key", "admitted"),
    [
        (CLOSED, False, QUESTIONS),
        (COMMISSIONING, False, QUESTIONS),
        (COMMISSIONING, True, QUESTIONS + SETTING_UP),
        (Open(1), False, QUESTIONS + SETTING_UP + THE_REST),
        (CLOSED, True, ()),
        (Open(1), True, ()),
    ],
)
def test_each_gate_admits_what_it_is_for(
    gate: Gate,
    by_default_key: bool,  # noqa: FBT001 - drawn by name
    admitted: tuple[Message, ...],
) -> None:
    for command in QUESTIONS + SETTING_UP + THE_REST:
        passes = gate.admits(command, by_default_key=by_default_key)
        assert passes == (command in admitted)


def test_a_unit_nobody_approved_is_asked_for_its_identity_once_a_second() -> None:
    line = Line.with_units(1)
    line.admit = False
    line.run(0.5)
    line.device(1).present_card(26, CARD)
    line.run(9.5)

    assert {frame.code for _, frame in line.heard(1)} == {Identify.CODE, ReadCapabilities.CODE}
    assert 10 <= len(line.heard(1, Identify.CODE)) <= 11
    assert line.device(1).waiting == 1
    assert not line.unlock(1, 5, connection=1)


def test_a_gate_opens_only_for_the_connection_that_stands() -> None:
    line = Line.with_units(1)
    line.admit = False
    line.run(1)

    assert not line.open_gate(1, 0)
    assert not line.open_gate(1, 2)
    line.place(1).unplugged = True
    line.run(10)
    assert not line.open_gate(1, 1)
    line.place(1).unplugged = False
    line.run(2)
    assert not line.open_gate(1, 1)
    assert line.open_gate(1, 2)


def test_opening_an_open_gate_again_changes_nothing() -> None:
    line = Line.with_units(1)
    line.run(0.2)
    asked = len(line.heard(1, ReadLocalStatus.CODE))

    assert line.open_gate(1, 1)
    line.run(0.2)
    assert len(line.heard(1, ReadLocalStatus.CODE)) == asked


def test_a_command_of_an_older_connection_is_not_taken() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.close_gate(1, identify_again=True)
    line.run(0.1)

    assert not line.unlock(1, 5, connection=1)
    assert line.unlock(1, 5, connection=2)


def test_a_closing_gate_ends_what_is_queued() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.unlock(1, 5)
    line.close_gate(1)
    line.run(2)

    assert line.endings() == {5: [Dropped(sent=False)]}
    assert not line.device(1).pulses
    assert not line.events(WentOffline)


def test_an_answer_that_was_under_way_when_the_gate_closed_is_honest() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.unlock(1, 5)
    line.bus.outgoing(line.now + 0.04)  # goes to nobody; the retry is what the unit hears
    line.run_until(lambda: bool(line.device(1).pulses), 1)
    line.close_gate(1)
    line.run(1)

    assert line.endings() == {5: [Delivered()]}


def test_a_card_that_comes_after_the_gate_closed_is_not_passed_on_but_told_of() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.device(1).present_card(26, CARD)
    line.run_until(lambda: line.device(1).waiting == 0, 1)
    line.close_gate(1)
    told = line.run(1)

    assert told == [Unreadable(1, 1, RawCard.CODE, "the gate is closed")]
    assert line.bus.counters(1).unwanted == 1


def test_an_unanswered_command_is_not_repeated_through_a_closed_gate() -> None:
    """The gate closes while an unlock is in flight; its retry is never written."""
    line = Line.with_units(1)
    line.run(0.1)
    line.place(1).unplugged = True
    line.unlock(1, 5)
    line.run(0.01)
    line.close_gate(1)
    line.place(1).unplugged = False
    line.run(3)

    assert len(line.heard(1, SetOutputs.CODE)) == 1
    assert line.endings() == {5: [Dropped(sent=True)]}
    assert [event.why for event in line.events(WentOffline)] == [
        "the gate closed on an unanswered command"
    ]
    assert line.events(Identified)[-1].connection == 2


def test_nor_is_one_that_waited_for_its_retry() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.device(1).busy = 1
    line.unlock(1, 5)
    line.run(0.01)
    line.close_gate(1)

    assert Done(5, Dropped(sent=True), 1) in line.run(3)
    assert len(line.heard(1, SetOutputs.CODE)) == 1


@pytest.mark.parametrize("excuse", [Busy(), Nak(1)])
def test_nor_is_one_in_flight_that_the_unit_wants_repeated(excuse: Busy | Nak) -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.place(1).mute = True
    line.unlock(1, 5)
    line.run(0.01)
    line.place(1).mute = False
    line.close_gate(1)
    _, frame = line.heard(1, SetOutputs.CODE)[0]
    answer = Frame(1, frame.sequence, excuse.CODE, excuse.encode(), reply=True)
    line.bus.receive(answer.encode(), line.now)

    assert Done(5, Dropped(sent=True), 1) in line.run(3)
    assert len(line.heard(1, SetOutputs.CODE)) == 1


def test_an_identity_is_read_again_on_demand_under_a_new_number() -> None:
    line = Line.with_units(1)
    line.run(1)
    line.close_gate(1, identify_again=True)
    assert not line.open_gate(1, 1)  # an approval of what was read before
    line.run(1)

    assert [event.connection for event in line.events(Identified)] == [1, 2]
    assert not line.events(WentOffline)
    assert line.heard(1)[-1][1].code == Poll.CODE  # admitted again


def test_a_unit_that_dies_while_its_identity_is_read_again_goes_offline() -> None:
    line = Line.with_units(1)
    line.run(1)
    line.place(1).unplugged = True
    line.close_gate(1, identify_again=True)
    line.run(10)

    assert [event.connection for event in line.events(WentOffline)] == [1]


def test_the_identity_may_be_asked_for_again_in_the_middle_of_reading_it() -> None:
    line = Line.with_units(1)
    asked = {Identify.CODE, ReadCapabilities.CODE}
    for code in asked:
        line.run_until(lambda wanted=code: line.written[-1][1].code == wanted, 1)  # type: ignore[misc]  # a default binds the loop's value
        line.close_gate(1, identify_again=True)
    line.run(1)

    assert [event.connection for event in line.events(Identified)] == [2]


def test_another_unit_at_the_same_address_begins_a_new_connection() -> None:
    """Swapped while the gate was closed, without missing a beat."""
    line = Line.with_units(1)
    line.admit = False
    line.run(1.5)
    other = Device(1, serial=99)
    other._expected = line.device(1)._expected
    other._heard_at = line.now
    line.place(1).device = other
    line.run(3)

    assert [event.identification.serial for event in line.events(Identified)] == [0x1001, 99]
    assert [event.why for event in line.events(WentOffline)] == ["another unit answers"]


def test_a_swapped_unit_is_not_driven_before_it_is_identified() -> None:
    line = Line.with_units(1)
    line.run(1)
    line.admit = False
    line.place(1).device = other = Device(1, serial=99)
    line.unlock(1, 5)
    line.run(3)

    assert not other.pulses
    assert line.events(Identified)[-1].identification.serial == 99


def test_a_unit_that_cannot_tell_its_capabilities_has_none() -> None:
    line = Line.with_units(1)
    del line.device(1)._duties[ReadCapabilities]
    line.run(1)

    (told,) = line.events(Identified)
    assert told.capabilities == Capabilities(())
    assert bytes([Nak.CODE, 3]) in told.evidence[1]


def test_a_unit_that_answers_something_else_than_capabilities_is_reported() -> None:
    line = Line.with_units(1)
    device = line.device(1)
    device._duties[ReadCapabilities] = lambda _command, _now: LocalStatus(0, 0)
    line.run(1)

    assert [event.why for event in line.events(Unreadable)] == ["the gate is closed"]
    assert line.events(Identified)[0].capabilities == Capabilities(())


@pytest.mark.parametrize("reply", [Nak(3), LocalStatus(0, 0)])
def test_a_unit_that_does_not_say_who_it_is_stays_outside(reply: Nak | LocalStatus) -> None:
    line = Line.with_units(1)
    device = line.device(1)
    device._duties[Identify] = lambda _command, _now: reply
    line.run(5)

    assert not line.events(Identified)
    assert 5 <= len(line.heard(1)) <= 7
    assert {frame.sequence for _, frame in line.heard(1)} == {0}


def test_a_known_unit_may_refuse_to_say_it_again() -> None:
    line = Line.with_units(1)
    line.admit = False
    line.run(0.5)
    line.device(1)._duties[Identify] = lambda _command, _now: Nak(9)
    line.run(5)

    assert not line.events(WentOffline)
    assert line.bus.counters(1).naks == {9: 5}


def test_a_gate_may_open_while_a_question_for_the_identity_is_in_flight() -> None:
    line = Line.with_units(1)
    line.admit = False
    line.run_until(lambda: len(line.heard(1, Identify.CODE)) == 3, 5)
    line.open_gate(1, 1)
    line.run(0.01)

    assert isinstance(line.told[-1][1], Replied)


@pytest.mark.parametrize("address", [-1, 0x7F, 300])
def test_an_address_no_unit_can_have_is_refused(address: int) -> None:
    with pytest.raises(ValueError, match="address is"):
        PeripheralSettings(address)


@pytest.mark.parametrize("interval", [-0.1, 6.0])
def test_a_poll_interval_that_loses_the_unit_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="poll_interval is"):
        PeripheralSettings(1, poll_interval=interval)
