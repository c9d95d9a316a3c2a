"""Every message, hardly any by name."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from enum import IntEnum
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedMessage, MessageError, UnknownMessage, UnsendableMessage
from protocol.message import LONGEST_BODY, Bare, Message, Record, Records
from protocol.osdp import commands, replies
from protocol.osdp.commands import (
    COMMANDS,
    Challenge,
    ChallengeAuthenticate,
    Identify,
    LedColour,
    LedRecord,
    ManufacturerCommand,
    OutputAction,
    OutputRecord,
    Poll,
    ReadPiv,
    SetKey,
    SetLeds,
    SetOutputs,
    ShowText,
    TransferFile,
    decode_command,
)
from protocol.osdp.frame import Frame
from protocol.osdp.replies import (
    REPLIES,
    Ack,
    Capabilities,
    Capability,
    ClientCryptogram,
    Entry,
    ExtendedIdentification,
    Function,
    Keypad,
    Nak,
    NakReason,
    PivData,
    RawCard,
    Tag,
    TransferResult,
    TransferStatus,
    decode_reply,
    entries_of,
)
from tests.protocol.osdp.messages import KINDS, bodies_of, messages
from tests.protocol.vectors import vectors

Given = TypeVar("Given")

number = st.integers(-1, 0x100)
word = st.integers(-1, 0x10000)


def slowly(message: Record) -> bytes:
    """Encode by the layout, whatever faster path there is."""
    if isinstance(message, Records):
        return Records.encode(message)
    return Record.encode(message)


# --- both ways --------------------------------------------------------------------------


@given(messages)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert type(message).decode(message.encode()) == message


@given(st.sampled_from(KINDS), st.binary(max_size=60))
def test_any_body_is_one_message_or_malformed(kind: type[Message], body: bytes) -> None:
    """What was read says the same when it is sent again, tolerated rubbish apart."""
    with suppress(MalformedMessage):
        message = kind.decode(body)
        assert kind.decode(message.encode()) == message


@given(st.sampled_from(KINDS), st.binary(max_size=60))
def test_what_needs_no_tolerance_is_sent_as_it_was_read(
    kind: type[Message], body: bytes
) -> None:
    with suppress(MalformedMessage):
        message = kind.decode(body)
        if kind not in (RawCard, ReadPiv):
            assert message.encode() == body


@given(messages, st.integers(0, 60), st.binary(max_size=3))
def test_a_body_that_is_cut_or_followed_by_more_is_never_misread(
    message: Message, cut: int, more: bytes
) -> None:
    body = message.encode()
    for changed in (body[:cut], body + more):
        with suppress(MalformedMessage):
            again = type(message).decode(changed)
            assert type(message).decode(again.encode()) == again


@given(st.integers(0, 0xFF), st.binary(max_size=60), st.booleans())
def test_any_code_is_a_message_or_a_message_error(code: int, body: bytes, reply: bool) -> None:  # noqa: FBT001  # hypothesis passes it by position
    decode, kinds = (decode_reply, REPLIES) if reply else (decode_command, COMMANDS)
    frame = Frame(1, 0, code, body, reply=reply)
    with suppress(MessageError):
        assert type(decode(frame)) in kinds
    if code not in {kind.CODE for kind in kinds}:
        with pytest.raises(UnknownMessage, match=f"{code:#04x}"):
            decode(frame)


@pytest.mark.parametrize("kinds", [COMMANDS, REPLIES])
def test_no_two_messages_share_a_code(kinds: tuple[type[Message], ...]) -> None:
    assert len({kind.CODE for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_can_be_found_by_the_name_the_standard_gives_it(
    kind: type[Message],
) -> None:
    assert (kind.__doc__ or "").startswith("osdp_")


@pytest.mark.parametrize(
    "vector", vectors("osdp_frames"), ids=lambda vector: f"{vector['message']} {vector['wire']}"
)
def test_other_peoples_frames_say_what_they_meant(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["wire"])
    frame = Frame.decode(raw)
    expected = made(vector["message"], vector["fields"])
    assert (decode_reply if frame.reply else decode_command)(frame) == expected
    assert expected.encode().hex() == vector.get("encodes_to", frame.body.hex())
    assert frame.encode() == raw


def made(name: str, given: dict[str, Any]) -> Message:
    """Build a message from the plain values of a vector."""
    kind: type[Message] = getattr(replies, name, None) or getattr(commands, name)
    values = {
        key: bytes.fromhex(value["hex"])
        if isinstance(value, dict)
        else tuple(LedRecord(**each) for each in value)
        if isinstance(value, list)
        else value
        for key, value in given.items()
    }
    return kind(**values)


# --- by hand and by layout --------------------------------------------------------------


@given(st.binary(max_size=12) | st.just(bytes(LONGEST_BODY + 1)))
def test_a_card_read_by_hand_is_a_card_read_by_its_layout(body: bytes) -> None:
    assert outcome(RawCard.decode, body) == outcome(super(RawCard, RawCard).decode, body)


@given(st.integers(0, 0xFF), st.integers(0, 90), st.binary(max_size=12))
def test_a_likely_card_too(form: int, bits: int, data: bytes) -> None:
    body = bytes((0, form, bits, 0)) + data[: (bits + 7) // 8]
    fast = outcome(RawCard.decode, body)
    assert fast == outcome(super(RawCard, RawCard).decode, body)
    if isinstance(fast, RawCard):
        assert type(fast.format) is type(super(RawCard, RawCard).decode(body).format)


@given(st.sampled_from([Poll, Ack]), st.binary(max_size=2))
def test_messages_without_a_body_are_what_their_layout_says(
    kind: type[Bare], body: bytes
) -> None:
    assert outcome(kind.decode, body) == outcome(super(Bare, kind).decode, body)
    assert kind().encode() == slowly(kind())


@given(st.lists(st.builds(OutputRecord, number, number, word), max_size=4))
def test_outputs_by_hand_are_outputs_by_layout(records: list[OutputRecord]) -> None:
    command = SetOutputs(tuple(records))
    assert outcome(SetOutputs.encode, command) == outcome(slowly, command)


leds = st.builds(
    LedRecord, **{each.name: number for each in fields(LedRecord)} | {"timer": word}
)


@given(st.lists(leds | bodies_of(LedRecord), max_size=3))
def test_lights_by_hand_are_lights_by_layout(records: list[LedRecord]) -> None:
    command = SetLeds(tuple(records))
    assert outcome(SetLeds.encode, command) == outcome(slowly, command)


def outcome(work: Callable[[Given], object], given: Given) -> object:
    try:
        return work(given)
    except (MalformedMessage, UnsendableMessage) as exc:
        return type(exc)


# --- numbers with names -----------------------------------------------------------------


def test_known_numbers_get_their_names_and_others_stay_numbers() -> None:
    assert Nak.decode(b"\x04").reason is NakReason.SEQUENCE
    assert Nak.decode(b"\xff") == Nak(0xFF)
    assert SetOutputs.decode(b"\0\x05\0\0").records[0].action is OutputAction.PULSE_ON
    assert not isinstance(SetOutputs.decode(b"\0\x07\0\0").records[0].action, IntEnum)
    assert TransferStatus.decode(bytes.fromhex("00 0000 fdff 0000")).status is (
        TransferResult.MALFORMED
    )


@pytest.mark.parametrize("kind", [*KINDS, OutputRecord, LedRecord, Capability, Entry])
def test_names_are_given_to_fields_that_exist(kind: type[Record]) -> None:
    assert set(kind.CHOICES) <= {each.name for each in fields(kind)}


# --- what readers really send -----------------------------------------------------------


def test_rubbish_behind_the_last_bit_of_a_card_is_cleared() -> None:
    assert RawCard.decode(bytes.fromhex("ff 01 1a 00 cd 22 c7 16")) == RawCard(
        0xFF, 1, 26, bytes.fromhex("cd 22 c7 00")
    )


def test_a_piv_offset_in_one_byte_is_an_offset() -> None:
    assert ReadPiv.decode(bytes.fromhex("5fc102 01 40")) == ReadPiv(b"\x5f\xc1\x02", 1, 0x40)


def test_algorithm_and_key_may_stand_before_the_first_part_uncounted() -> None:
    counted = ChallengeAuthenticate.decode(bytes.fromhex("0500 0000 0500 07 9e aabbcc"))
    uncounted = ChallengeAuthenticate.decode(bytes.fromhex("0300 0000 0300 07 9e aabbcc"))
    for part in (counted, uncounted):
        assert (part.algorithm, part.key, part.data[2:].hex()) == (0x07, 0x9E, "aabbcc")
    later = ChallengeAuthenticate(5, 2, 3, b"abc")
    assert (later.algorithm, later.key) == (None, None)
    assert ChallengeAuthenticate(5, 0, 1, b"a").key is None
    assert ChallengeAuthenticate(5, 0, 0, b"").algorithm is None


@pytest.mark.parametrize("body", ["0300 0000 0200 aabbcc", "0900 0400 0300 aabbccddee"])
def test_a_part_whose_length_is_wrong_is_malformed(body: str) -> None:
    with pytest.raises(MalformedMessage, match="length does not match"):
        ChallengeAuthenticate.decode(bytes.fromhex(body))


@pytest.mark.parametrize(
    "part",
    [
        PivData(4, 2, b"abc"),
        ChallengeAuthenticate(4, 2, 3, b"abc"),
        TransferFile(1, 4, 2, b"abc"),
    ],
)
def test_a_part_that_ends_behind_its_whole_is_none(
    part: PivData | ChallengeAuthenticate | TransferFile,
) -> None:
    with pytest.raises(UnsendableMessage, match="ends behind"):
        part.encode()
    with pytest.raises(MalformedMessage, match="ends behind"):
        type(part).decode(slowly(replace(part, total=9)).replace(b"\x09", b"\x04", 1))


def test_a_part_without_data_may_say_that_there_is_no_more() -> None:
    assert PivData.decode(bytes.fromhex("0400 0900 0000")) == PivData(4, 9, b"")


# --- the extended identification --------------------------------------------------------


@given(st.lists(bodies_of(Entry), max_size=4))
def test_entries_are_read_from_the_whole(entries: list[Record]) -> None:
    assert list(entries_of(b"".join(entry.encode() for entry in entries))) == entries


@given(st.binary(max_size=20))
def test_any_bytes_are_entries_or_malformed(whole: bytes) -> None:
    with suppress(MalformedMessage):
        assert b"".join(entry.encode() for entry in entries_of(whole)) == whole


@pytest.mark.parametrize("cut", ["00", "00 05", "00 05 00 41", "01 00 00 02 01 00"])
def test_an_entry_that_is_cut_off_is_malformed(cut: str) -> None:
    with pytest.raises(MalformedMessage, match="is cut off"):
        entries_of(bytes.fromhex(cut))


def test_an_entry_that_is_no_text_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="not UTF-8"):
        entries_of(bytes.fromhex("01 0100 ff"))


def test_an_extended_identification_comes_in_parts() -> None:
    whole = Entry(Tag.MAKER, "Türen".encode()).encode()
    part = ExtendedIdentification(len(whole), 0, whole)
    assert entries_of(ExtendedIdentification.decode(part.encode()).data) == (
        Entry(Tag.MAKER, "Türen".encode()),
    )


# --- capabilities -----------------------------------------------------------------------


def test_a_capability_about_bytes_has_a_size() -> None:
    (line,) = Capabilities.decode(bytes.fromhex("0a a0 05")).records
    assert (line.function, line.size) == (Function.RECEIVE_SIZE, 1440)


def test_half_a_capability_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="3 bytes"):
        Capabilities.decode(bytes(4))


# --- our own mistakes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "blamed"),
    [
        (SetOutputs((OutputRecord(0, OutputAction.PULSE_ON, 70_000),)), "OutputRecord: tenths"),
        (SetLeds((LedRecord(led=256),)), "LedRecord: led"),
        (Identify(-1), "Identify: type"),
        (Challenge(b"short"), "Challenge: random must have 8 bytes"),
        (ClientCryptogram(bytes(7), bytes(9), bytes(16)), "unit must have 8 bytes"),
        (ShowText(0, 1, 0, 1, 1, bytes(256)), "ShowText: text does not fit the wire"),
        (ManufacturerCommand(b"abc", bytes(LONGEST_BODY - 2)), "is too long"),
        (SetOutputs((OutputRecord(0, 0),) * (LONGEST_BODY // 4 + 1)), "is too long"),
        (RawCard(0, 0, 9, b"a"), "number of bits"),
        (RawCard(0, 0, 7, b"\x01"), "behind the last bit"),
    ],
)
def test_what_the_wire_cannot_carry_is_named(message: Message, blamed: str) -> None:
    with pytest.raises(UnsendableMessage, match=blamed):
        message.encode()


def test_what_is_no_value_at_all_is_refused_too() -> None:
    nothing: Any = None
    with pytest.raises(UnsendableMessage, match="text"):
        ShowText(0, 1, 0, 1, 1, nothing).encode()
    with pytest.raises(UnsendableMessage, match="a field does not fit"):
        Challenge(8).encode()  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.LAYOUT.subcons])
def test_a_body_beyond_every_frame_is_malformed(kind: type[Message]) -> None:
    with pytest.raises(MalformedMessage):
        kind.decode(bytes(LONGEST_BODY + 1))


def test_records_beyond_every_frame_are_malformed() -> None:
    with pytest.raises(MalformedMessage, match="is the longest"):
        Capabilities.decode(bytes(3 * 500))


# --- secrets ----------------------------------------------------------------------------

SECRET = b"0123456789abcdef"


@pytest.mark.parametrize(
    "message",
    [
        SetKey(1, SECRET),
        Keypad(0, SECRET),
        ManufacturerCommand(b"abc", SECRET),
        ClientCryptogram(bytes(8), bytes(8), SECRET),
        Frame(1, 0, 0x75, SECRET),
    ],
)
def test_keys_and_pins_are_not_shown(message: object) -> None:
    assert "0123" not in repr(message)
    assert SECRET.hex() not in repr(message)


@pytest.mark.parametrize(
    "work",
    [
        lambda: SetKey.decode(b"\x01\x0f" + SECRET),
        lambda: Keypad.decode(b"\x00\x0f" + SECRET),
        lambda: Keypad.decode(b"0"),
        lambda: SetKey(1, SECRET * 16).encode(),
        lambda: SetKey(300, SECRET).encode(),
        lambda: Keypad(300, SECRET).encode(),
        lambda: Challenge(SECRET).encode(),
    ],
)
def test_keys_and_pins_are_not_in_errors_either(work: Callable[[], object]) -> None:
    with pytest.raises((MalformedMessage, UnsendableMessage)) as caught:
        work()
    assert "012345" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert SECRET.hex() not in str(caught.value)


def test_a_colour_nobody_knows_can_be_sent_all_the_same() -> None:
    """Some makers have more than eight."""
    lights = SetLeds((LedRecord(permanent_on_colour=9, permanent_off_colour=LedColour.RED),))
    assert SetLeds.decode(lights.encode()) == lights
