"""A session after its handshake, from both sides."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checks import checksum, crc16
from protocol.errors import FrameError, UnsendableMessage
from protocol.osdp.commands import Poll, SetKey
from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.replies import Ack, Busy, Nak, RawCard
from protocol.osdp.secure_session import (
    LONGEST_SECURED,
    Fault,
    PeripheralSession,
    SecureSession,
)
from tests.protocol.osdp.frames import frames
from tests.protocol.osdp.plain_secure import FIRST, MADE_UP, Plain, encrypt, pad

CARD = bytes.fromhex("00 01 1a 00 de ad be c0")
bodies = st.binary(max_size=40) | st.binary(max_size=1400)
codes = st.integers(0, 0xFF).filter(lambda code: code != Busy.CODE)
messages = st.tuples(st.integers(0, 3), codes, bodies)
talks = st.lists(st.tuples(messages, messages), max_size=5)

Words = tuple[int, int, bytes]


def panel(*, crc: bool = True) -> SecureSession:
    return SecureSession(1, MADE_UP, FIRST, crc=crc)


def unit(*, crc: bool = True) -> PeripheralSession:
    return PeripheralSession(1, MADE_UP, FIRST, crc=crc)


def opened(side: SecureSession | PeripheralSession, raw: bytes) -> Frame | None:
    return side.open(Frame.decode(raw))


def asked(side: SecureSession | None = None) -> tuple[SecureSession, Plain]:
    """A panel that polled, and a unit that heard it and does what it is told."""
    side = side or panel()
    other = Plain(unit=True)
    other.open(Frame.decode(side.seal(1, Poll.CODE, b"")))
    return side, other


# --- what goes over the wire --------------------------------------------------------------


def test_a_poll_is_signed_and_has_fourteen_bytes() -> None:
    raw = panel().seal(1, Poll.CODE, b"")
    assert raw == Plain().seal(1, Poll.CODE, b"")
    assert len(raw) == 14
    assert raw[4:8] == bytes((0x0D, 2, 0x15, 0x60))


def test_a_card_is_encrypted() -> None:
    side = unit()
    opened(side, panel().seal(1, Poll.CODE, b""))
    raw = side.seal(1, RawCard.CODE, CARD)
    assert len(raw) == 30
    assert raw[5:8] == bytes((2, 0x18, 0x50))
    assert CARD not in raw


def test_sixteen_bytes_become_thirty_two() -> None:
    assert len(panel().seal(1, SetKey.CODE, bytes(16))) == 46


@given(talk=talks, crc=st.booleans(), address=st.integers(0, 0x7E))
def test_both_sides_understand_each_other(
    *, talk: list[tuple[Words, Words]], crc: bool, address: int
) -> None:
    ours = SecureSession(address, MADE_UP, FIRST, crc=crc)
    theirs = PeripheralSession(address, MADE_UP, FIRST, crc=crc)
    for (number, code, body), (_, answer, said) in talk:
        command = opened(theirs, ours.seal(number, code, body))
        assert command == Frame(address, number, code, body, crc=crc)
        reply = opened(ours, theirs.seal(number, answer, said))
        assert reply == Frame(address, number, answer, said, reply=True, crc=crc)


@given(talk=talks, crc=st.booleans())
def test_both_say_what_the_standard_says(*, talk: list[tuple[Words, Words]], crc: bool) -> None:
    ours, theirs = panel(crc=crc), unit(crc=crc)
    plain, plain_unit = Plain(crc=crc), Plain(unit=True, crc=crc)
    for (number, code, body), (_, answer, said) in talk:
        raw = ours.seal(number, code, body)
        assert raw == plain.seal(number, code, body)
        assert plain_unit.open(Frame.decode(raw)) == opened(theirs, raw)
        raw = theirs.seal(number, answer, said)
        assert raw == plain_unit.seal(number, answer, said)
        assert plain.open(Frame.decode(raw)) == opened(ours, raw)


def test_what_older_units_put_into_the_control_byte_is_signed_too() -> None:
    side, other = asked()
    reply = opened(side, other.seal(1, Ack.CODE, b"", reserved=0x80))
    assert reply is not None
    assert reply.code == Ack.CODE


@pytest.mark.parametrize("padding", [b"", pad(b"")])
def test_nothing_may_come_encrypted(padding: bytes) -> None:
    """Nothing has to be signed only, and some units encrypt it all the same."""
    side, other = asked()
    body = encrypt(other.keys, padding, other.heard)
    reply = opened(side, other.sign(0x18, 1, Ack.CODE, body))
    assert reply == Frame(1, 1, Ack.CODE, b"", reply=True)


# --- turns --------------------------------------------------------------------------------


def test_a_command_is_sealed_once_and_waits_for_its_reply() -> None:
    side = panel()
    side.seal(1, Poll.CODE, b"")
    with pytest.raises(UnsendableMessage, match="waits for the other side"):
        side.seal(1, Poll.CODE, b"")


def test_a_unit_says_nothing_unasked() -> None:
    with pytest.raises(UnsendableMessage, match="waits for the other side"):
        unit().seal(1, Ack.CODE, b"")


def test_a_command_that_never_went_out_can_be_taken_back() -> None:
    side, other = panel(), unit()
    side.seal(1, SetKey.CODE, bytes(18))
    side.withdraw()
    assert opened(other, side.seal(1, Poll.CODE, b"")) == Frame(1, 1, Poll.CODE, b"")


def test_withdrawn_and_sealed_again_it_is_the_same() -> None:
    side = panel()
    once = side.seal(1, SetKey.CODE, bytes(18))
    side.withdraw()
    assert side.seal(1, SetKey.CODE, bytes(18)) == once


@pytest.mark.parametrize(
    ("sequence", "code", "length"),
    [(4, 0x60, 0), (-1, 0x60, 0), (1, 0x100, 0), (1, 0x7C, LONGEST_SECURED + 1)],
)
def test_what_does_not_fit_changes_nothing(sequence: int, code: int, length: int) -> None:
    side = panel()
    with pytest.raises(UnsendableMessage, match="are the limits"):
        side.seal(sequence, code, bytes(length))
    assert side.seal(1, Poll.CODE, b"") == panel().seal(1, Poll.CODE, b"")


@pytest.mark.parametrize("crc", [True, False])
def test_the_longest_body_fits(*, crc: bool) -> None:
    body = bytes(LONGEST_SECURED)
    command = opened(unit(crc=crc), panel(crc=crc).seal(1, 0x7C, body))
    assert command is not None
    assert command.body == body


@pytest.mark.parametrize("address", [-1, 0x7F, 0x80])
def test_only_one_unit_can_have_a_session(address: int) -> None:
    with pytest.raises(ValueError, match="must be 0 to 126"):
        SecureSession(address, MADE_UP, FIRST)


# --- retries ------------------------------------------------------------------------------


def test_a_repeated_reply_to_a_repeated_command_opens_once() -> None:
    """The unit repeats its reply without asking its session; then both go on."""
    side, other = panel(), unit()
    opened(other, side.seal(1, Poll.CODE, b""))
    reply = other.seal(1, RawCard.CODE, CARD)  # lost; the command comes again; and again this
    first = opened(side, reply)
    assert first is not None
    assert first.body == CARD
    assert opened(side, reply) is None
    assert side.fault is None
    assert opened(other, side.seal(2, Poll.CODE, b"")) is not None


def test_a_late_reply_to_the_last_command_hurts_nobody() -> None:
    side, other = asked()
    late = other.seal(1, Ack.CODE, b"")
    opened(side, late)
    command = side.seal(2, Poll.CODE, b"")
    assert opened(side, late) is None
    assert side.fault is None
    other.open(Frame.decode(command))
    assert opened(side, other.seal(2, Ack.CODE, b"")) is not None


def test_busy_is_heard_in_clear_and_moves_nothing() -> None:
    side, other = asked()
    busy = Frame(1, 0, Busy.CODE, b"", reply=True)
    assert side.open(busy) == busy
    assert opened(side, other.seal(1, Ack.CODE, b"")) is not None


def test_busy_moves_nothing_even_when_signed() -> None:
    side, other = asked()
    assert opened(side, other.sign(0x16, 1, Busy.CODE, b"")) is not None
    assert opened(side, other.sign(0x16, 1, Ack.CODE, b"")) is not None


# --- somebody else's frames ---------------------------------------------------------------


def _blocked(code: int, body: bytes, block: SecurityBlock, mac: bytes = b"") -> bytes:
    return Frame(1, 1, code, body, reply=True, security=block, mac=mac).encode()


STRANGE: list[Callable[[Plain], bytes]] = [
    lambda other: Plain(address=2, unit=True, heard=other.heard).seal(1, Ack.CODE, b""),
    lambda other: Plain(unit=False, heard=other.heard).seal(1, Ack.CODE, b""),
    lambda other: other.seal(2, Ack.CODE, b""),
    lambda other: other.sign(0x15, 1, Ack.CODE, b""),
    lambda _: _blocked(0x78, bytes(16), SecurityBlock(0x14, b"\1")),
    lambda _: _blocked(Ack.CODE, b"", SecurityBlock(0x16, b"\1"), bytes(4)),
    lambda _: Frame(2, 1, Ack.CODE, b"", reply=True).encode(),
    lambda _: Frame(1, 1, Poll.CODE, b"").encode(),
]


@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_not_for_us_is_passed_over(strange: Callable[[Plain], bytes]) -> None:
    side, other = asked()
    vector = other.heard
    assert opened(side, strange(other)) is None
    assert side.fault is None
    assert opened(side, Plain(unit=True, heard=vector).seal(1, Ack.CODE, b"")) is not None


def test_nobody_is_answered_before_asking() -> None:
    side = panel()
    assert opened(side, Plain(unit=True).seal(1, Ack.CODE, b"")) is None
    assert side.open(Frame(1, 0, Nak.CODE, b"\5", reply=True)) is None
    assert side.fault is None


def test_a_unit_passes_over_what_is_not_for_it() -> None:
    side = unit()
    assert side.open(Frame(2, 1, Poll.CODE, b"")) is None
    assert side.open(Frame(1, 1, Ack.CODE, b"", reply=True)) is None
    assert opened(side, Plain(address=2).seal(1, Poll.CODE, b"")) is None
    assert side.fault is None
    command = panel().seal(1, Poll.CODE, b"")
    assert opened(side, command) is not None
    assert opened(side, command) is None  # it has to answer first
    assert side.fault is None


# --- what ends a session ------------------------------------------------------------------


def _changed(other: Plain) -> bytes:
    frame = Frame.decode(other.seal(1, RawCard.CODE, CARD))
    return replace(frame, body=bytes((frame.body[0] ^ 1,)) + frame.body[1:]).encode()


def _bad_padding(body: bytes) -> Callable[[Plain], bytes]:
    def seal(other: Plain) -> bytes:
        return other.sign(0x18, 1, RawCard.CODE, encrypt(other.keys, body, other.heard))

    return seal


ENDS: list[tuple[Fault, Callable[[Plain], bytes]]] = [
    (Fault.IN_CLEAR, lambda _: Frame(1, 1, RawCard.CODE, CARD, reply=True).encode()),
    (Fault.IN_CLEAR, lambda _: Frame(1, 0, Ack.CODE, b"", reply=True).encode()),
    (Fault.NAK_IN_CLEAR, lambda _: Frame(1, 1, Nak.CODE, b"\6", reply=True).encode()),
    (Fault.WRONG_MAC, _changed),
    (Fault.WRONG_MAC, lambda _: Plain(unit=True).seal(1, Ack.CODE, b"")),
    (Fault.NOT_ENCRYPTED, lambda other: other.sign(0x16, 1, RawCard.CODE, CARD)),
    (Fault.BAD_PADDING, lambda other: other.sign(0x18, 1, RawCard.CODE, CARD)),
    (Fault.BAD_PADDING, _bad_padding(bytes(16))),
    (Fault.BAD_PADDING, _bad_padding(b"\x01" * 16)),
    (Fault.BAD_PADDING, _bad_padding(b"\x01" * 15 + b"\x80" + bytes(16))),
]


@pytest.mark.parametrize(("fault", "answer"), ENDS)
def test_a_wrong_answer_ends_the_session(
    fault: Fault, answer: Callable[[Plain], bytes]
) -> None:
    side, other = asked()
    vector = other.heard
    assert opened(side, answer(other)) is None
    assert side.fault is fault
    right = Plain(unit=True, heard=vector).seal(1, Ack.CODE, b"")
    assert opened(side, right) is None  # nothing mends it
    side.withdraw()
    with pytest.raises(UnsendableMessage, match=f"the session is over: {fault.value}"):
        side.seal(2, Poll.CODE, b"")


def test_a_command_in_clear_ends_a_units_session() -> None:
    side = unit()
    assert side.open(Frame(1, 1, Poll.CODE, b"")) is None
    assert side.fault is Fault.IN_CLEAR
    assert opened(side, panel().seal(1, Poll.CODE, b"")) is None


def test_a_command_said_twice_under_new_numbers_ends_a_units_session() -> None:
    side, ours = unit(), panel()
    command = ours.seal(1, 0x68, b"\0\2\0\0")
    opened(side, command)
    side.seal(1, Ack.CODE, b"")
    assert opened(side, command) is None
    assert side.fault is Fault.WRONG_MAC


@given(st.integers(0, 27), st.integers(1, 0xFF))
def test_no_byte_of_a_frame_can_be_changed(place: int, change: int) -> None:
    """The check characters are made right again, as somebody on the line would."""
    side, other = asked()
    raw = bytearray(other.seal(1, RawCard.CODE, CARD))
    raw[place] ^= change
    if raw[4] & 4:
        raw[-2:] = crc16(bytes(raw[:-2])).to_bytes(2, "little")
    else:
        raw[-1] = checksum(bytes(raw[:-1]))
    try:
        frame = Frame.decode(bytes(raw))
    except FrameError:
        return
    assert side.open(frame) is None


@given(st.lists(frames(), max_size=6))
def test_any_frames_are_answered_with_a_value(heard: list[Frame]) -> None:
    """Whatever arrives: nothing is opened, nothing raises."""
    side, _ = asked()
    other = unit()
    for frame in heard:
        assert side.open(frame) in (None, frame)
        assert other.open(frame) is None


def test_keys_do_not_show() -> None:
    for side in (panel(), unit()):
        text = f"{side!r} {side!s}"
        assert MADE_UP.encryption.hex() not in text
        assert "bytes" not in text


def test_a_nak_may_be_signed_without_being_encrypted() -> None:
    """As libosdp's units do. Whoever could forge it could forge any answer."""
    ours, other = asked()
    reply = opened(ours, other.sign(0x16, 1, Nak.CODE, b"\x09"))
    assert reply is not None
    assert (reply.code, reply.body, ours.fault) == (Nak.CODE, b"\x09", None)
