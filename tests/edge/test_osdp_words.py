"""OSDP's words and the brain's."""

import pickle
from dataclasses import replace
from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatewayd.core.actions import Latch, Release, Signal, Tone
from gatewayd.core.facts import (
    CardRead,
    HealthRead,
    InputsRead,
    InputState,
    KeysRead,
    Outcome,
    OutputsRead,
    ReadersRead,
    ReaderState,
)
from gatewayd.core.model import Card, ControllerId, OrderId
from gatewayd.core.pin_entry import Keys, PinEntry
from gatewayd.edge.osdp_words import (
    UNTAGGED,
    Capabilities,
    commands_for,
    facts_from,
    identity_of,
    outcome_of,
    strange_keys,
)
from protocol import wiegand
from protocol.errors import MalformedMessage
from protocol.message import Message
from protocol.osdp.commands import (
    OutputAction,
    OutputRecord,
    Poll,
    SetLeds,
    SetOutputs,
    SoundBuzzer,
)
from protocol.osdp.frame import Frame
from protocol.osdp.happenings import (
    Delivered,
    Dropped,
    Ending,
    Expired,
    Identified,
    Refused,
    Replied,
)
from protocol.osdp.orders import Priority
from protocol.osdp.replies import (
    Ack,
    Capability,
    Identification,
    InputStatus,
    Keypad,
    LocalStatus,
    Nak,
    OutputStatus,
    RawCard,
    ReaderStatus,
    decode_reply,
)
from protocol.osdp.replies import Capabilities as CapabilitiesReply

LOBBY = ControllerId("lobby")
ORDER = OrderId(7)
LIGHT_AND_SOUND: Capabilities = ((4, 1, 1), (5, 1, 1))


def card(name: str, facility: int, number: int, reader: int = 0) -> RawCard:
    bits, data = wiegand.encode(name, facility, number)
    return RawCard(reader=reader, format=1, bits=bits, data=data)


def facts(reply: Message, formats: dict[int, tuple[str, ...]] | None = None) -> list[object]:
    return list(facts_from(Replied(1, 3, Poll(), reply), LOBBY, formats or {}))


def test_a_card_is_read_by_the_formats_of_its_reader() -> None:
    read = card("H10304", 5, 77, reader=1)

    first = facts(read, {1: ("H10304",)})
    other = facts(read, {1: ("H10302",)})

    assert first == [CardRead(LOBBY, 3, 1, Card("37:00028004d8", "H10304", 5, 77))]
    assert isinstance(other[0], CardRead)
    assert other[0].card.facility is None


def test_a_reader_that_does_not_number_itself_is_the_first() -> None:
    [fact] = facts(card("H10301", 12, 345, reader=0xFF))
    assert isinstance(fact, CardRead)
    assert fact.reader == 0
    assert facts(Keypad(reader=0xFF, keys=b"1")) == [KeysRead(LOBBY, 3, 0, Keys("1"))]


def test_a_card_of_no_known_length_keeps_its_bits() -> None:
    read = RawCard(reader=0, format=0, bits=9, data=b"\xab\x80")
    assert facts(read) == [CardRead(LOBBY, 3, 0, Card("9:ab80"))]


def test_a_damaged_card_is_no_number_to_look_up() -> None:
    read = RawCard(reader=0, format=1, bits=26, data=bytes.fromhex("ffffffc0"))
    [fact] = facts(read)
    assert isinstance(fact, CardRead)
    assert not fact.card.parity_ok
    assert fact.card.decoded is None


def test_keys_are_digits_enter_and_clear() -> None:
    pressed = Keypad(reader=1, keys=b"0123456789\r\x7f")
    assert facts(pressed) == [KeysRead(LOBBY, 3, 1, Keys("0123456789#*"))]


def test_keys_that_mean_nothing_here_are_left_out_and_counted() -> None:
    pressed = Keypad(reader=0, keys=b"1A2\x00#\xff")
    assert facts(pressed) == [KeysRead(LOBBY, 3, 0, Keys("12"))]
    assert strange_keys(pressed) == 4
    assert facts(Keypad(reader=0, keys=b"ABCD")) == []
    assert facts(Keypad(reader=0, keys=b"")) == []


@example(b"\x00\x0412\r3")
@given(st.binary(max_size=300))
def test_whatever_a_keypad_reports_it_is_keys_or_nothing_and_told_to_nobody(
    body: bytes,
) -> None:
    try:
        reply = decode_reply(Frame(1, 0, Keypad.CODE, body, reply=True))
    except MalformedMessage:
        return
    assert isinstance(reply, Keypad)
    entry = PinEntry()
    for fact in facts(reply):
        assert isinstance(fact, KeysRead)
        keys = fact.keys.reveal()
        assert keys
        assert set(keys) <= set("0123456789#*")
        assert len(keys) + strange_keys(reply) == len(reply.keys)
        assert repr(replace(fact, reader=0)) == (
            "KeysRead(controller='lobby', connection=3, reader=0, keys=<keys>, "
            "waited=0.0, heard=None)"
        )
        for event in (*entry.press(keys, 0.0), *entry.tick(1000.0)):
            assert repr(event) in PIN_EVENTS
        with pytest.raises(TypeError, match="keys cannot be pickled"):
            pickle.dumps(fact)


PIN_EVENTS = ("PinEntered(digits=<digits>)", "PinTooLong()", "PinCancelled()", "PinTimedOut()")


def test_an_input_is_on_or_off_or_its_wiring_is_at_fault_in_a_way_of_its_own() -> None:
    states = "inactive", "active", "short", "cut", "fault", "unknown", "unknown"
    assert facts(InputStatus(bytes([0, 1, 2, 3, 4, 5, 9]))) == [
        InputsRead(LOBBY, 3, tuple(map(InputState, states)))
    ]


def test_how_old_a_report_may_be_is_passed_on() -> None:
    read = RawCard(reader=0, format=0, bits=9, data=b"\xab\x80")
    (late,) = facts_from(Replied(1, 3, Poll(), read, waited=7.0), LOBBY, {}, 100.0)
    assert late == CardRead(LOBBY, 3, 0, Card("9:ab80"), 7.0, 100.0)
    pressed = Keypad(reader=0, keys=b"1")
    (late,) = facts_from(Replied(1, 3, Poll(), pressed, waited=inf), LOBBY, {}, 100.0)
    assert late == KeysRead(LOBBY, 3, 0, Keys("1"), inf, 100.0)
    assert late.age(100.0) == inf
    levels = InputStatus(bytes([0]))
    assert list(facts_from(Replied(1, 3, Poll(), levels, waited=7.0), LOBBY, {}, 100.0)) == [
        InputsRead(LOBBY, 3, (InputState.INACTIVE,), 7.0)
    ]


def test_outputs_and_health_are_passed_on() -> None:
    assert facts(OutputStatus(bytes([0, 1]))) == [OutputsRead(LOBBY, 3, (False, True))]
    assert facts(LocalStatus(tamper=1, power=0)) == [
        HealthRead(LOBBY, 3, tamper=True, power=False)
    ]


def test_readers_behind_a_unit_are_passed_on() -> None:
    normal, gone, opened = ReaderState.NORMAL, ReaderState.NOT_CONNECTED, ReaderState.TAMPER
    assert facts(ReaderStatus(bytes([0, 1, 2, 9]))) == [
        ReadersRead(LOBBY, 3, (normal, gone, opened, ReaderState.UNKNOWN))
    ]


def test_what_means_nothing_to_the_brain_is_not_told() -> None:
    assert facts(Ack()) == []


def test_an_identity_keeps_its_evidence() -> None:
    said = Identification(b"\x02\x47\x5f", 1, 2, 0xCAFE, 1, 2, 3)
    able = CapabilitiesReply((Capability(9, 1, 0),))
    identity = identity_of(Identified(1, 3, said, able, (b"\x53\x01", b"\x53\x02")))

    assert identity.vendor == "02475f"
    assert identity.serial == "0000cafe"
    assert identity.firmware == (1, 2, 3)
    assert identity.capabilities == ((9, 1, 0),)
    assert identity.evidence == "5301 5302"
    assert not identity.proved
    assert identity_of(
        Identified(1, 3, said, able, (b"\x53\x01", b"\x53\x02"), proved=True)
    ).proved


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (Delivered(), Outcome.DELIVERED),
        (Refused(Nak(9)), Outcome.REFUSED),
        (Expired(sent=False), Outcome.EXPIRED),
        (Expired(sent=True), Outcome.UNCONFIRMED),
        (Dropped(sent=True), Outcome.UNCONFIRMED),
        (Dropped(sent=False), Outcome.NOT_SENT),
    ],
)
def test_what_was_sent_and_not_acknowledged_may_have_happened(
    ending: Ending, outcome: Outcome
) -> None:
    assert outcome_of(ending)[0] is outcome


@pytest.mark.parametrize(
    ("seconds", "tenths"), [(5.0, 50), (0.01, 1), (6553.5, 65535), (9999.0, 65535)]
)
def test_a_release_is_a_pulse_that_ends_by_itself(seconds: float, tenths: int) -> None:
    order = Release(ORDER, LOBBY, 3, output=1, seconds=seconds, expires=2.0)
    pulse = SetOutputs((OutputRecord(1, OutputAction.PULSE_ON, tenths),))
    assert commands_for(order, ()) == [(pulse, Priority.UNLOCK, ORDER)]


@pytest.mark.parametrize(("on", "action"), [(True, OutputAction.ON), (False, OutputAction.OFF)])
def test_a_latch_lasts(on: bool, action: OutputAction) -> None:  # noqa: FBT001  parametrized
    order = Latch(ORDER, LOBBY, 3, output=0, on=on, expires=2.0)
    [(command, _, tag)] = commands_for(order, ())
    assert command == SetOutputs((OutputRecord(0, action),))
    assert tag == ORDER


def test_what_is_ordered_of_one_lock_keeps_its_order_on_the_bus() -> None:
    lock = Latch(ORDER, LOBBY, 3, output=0, on=False, expires=2.0)
    unlock = Latch(ORDER, LOBBY, 3, output=0, on=True, expires=2.0)
    release = Release(ORDER, LOBBY, 3, output=0, seconds=5.0, expires=2.0)
    assert len({commands_for(each, ())[0][1] for each in (lock, unlock, release)}) == 1


@pytest.mark.parametrize("tone", Tone)
def test_a_signal_is_light_then_sound_and_the_last_of_them_is_told_of(tone: Tone) -> None:
    order = Signal(ORDER, LOBBY, 3, reader=0, tone=tone, expires=2.0)
    light, sound = commands_for(order, LIGHT_AND_SOUND)

    assert isinstance(light[0], SetLeds)
    assert isinstance(sound[0], SoundBuzzer)
    assert (light[2], sound[2]) == (UNTAGGED, ORDER)
    assert light[0].encode()
    assert sound[0].encode()


def test_a_reader_without_light_or_sound_is_asked_for_neither() -> None:
    order = Signal(ORDER, LOBBY, 3, reader=0, tone=Tone.GRANTED, expires=2.0)
    assert commands_for(order, ((4, 0, 0),)) == []
    assert len(commands_for(order, ((5, 1, 1),))) == 1
