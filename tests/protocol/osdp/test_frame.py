"""Frames on the wire."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checks import checksum, crc16
from protocol.errors import BadCheck, FrameError, UnsendableMessage
from protocol.osdp import frame_layout
from protocol.osdp.frame import LONGEST, MARK, Frame, SecurityBlock, made, sealed
from tests.protocol.osdp.frames import byte, frames


def opened(raw: bytes) -> tuple[object, object]:
    """What both ways of reading make of the same bytes."""
    results: list[object] = []
    for read in (Frame.decode, frame_layout.parse):
        try:
            results.append(read(raw))
        except FrameError as exc:
            results.append((type(exc), vars(exc)))
    return results[0], results[1]


def laid_out(frame: Frame) -> tuple[object, object]:
    """What both ways of writing make of the same frame."""
    results: list[object] = []
    for write in (Frame.encode, frame_layout.build):
        try:
            results.append(write(frame))
        except UnsendableMessage:
            results.append(UnsendableMessage)
    return results[0], results[1]


# --- the wire ---------------------------------------------------------------------------


def test_a_poll_is_the_eight_bytes_other_panels_send() -> None:
    assert Frame(0x65, 0, 0x60, b"").encode().hex(" ") == "53 65 08 00 04 60 60 90"


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (
            Frame(0x7F, 0, 0x6E, bytes.fromhex("00 80 25 00 00")),
            "53 7f 0d 00 04 6e 00 80 25 00 00 6e 38",
        ),
        (Frame(0, 0, 0x61, b"\0"), "53 00 09 00 04 61 00 c0 66"),
        (
            Frame(0x7F, 0, 0x6E, bytes.fromhex("00 80 25 00 00"), crc=False),
            "53 7f 0c 00 00 6e 00 80 25 00 00 0f",
        ),
        (Frame(0, 0, 0x61, b"\0", crc=False), "53 00 08 00 00 61 00 44"),
    ],
)
def test_the_examples_of_the_standard_go_both_ways(frame: Frame, wire: str) -> None:
    """SIA OSDP 2.2, Annex E."""
    assert frame.encode() == bytes.fromhex(wire)
    assert Frame.decode(bytes.fromhex(wire)) == frame


@given(frames())
def test_a_frame_survives_the_wire(frame: Frame) -> None:
    assert Frame.decode(frame.encode()) == frame


@given(frames(), st.data())
def test_a_flipped_bit_is_noticed(frame: Frame, data: st.DataObject) -> None:
    """One wrong bit anywhere is an error, never another frame; unless it is the bit that
    says which check there is, and the other check happens to be right."""
    raw = bytearray(frame.encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    if bool(raw[4] & 4) is frame.crc:
        with pytest.raises(FrameError):
            Frame.decode(bytes(raw))


@given(frames(), st.binary(max_size=40))
def test_whatever_is_read_is_written_again_byte_for_byte(frame: Frame, noise: bytes) -> None:
    """Evidence is kept as frames; it must be what was on the line."""
    for raw in (frame.encode(), noise):
        try:
            read = Frame.decode(raw)
        except FrameError:
            continue
        assert read.encode() == raw


def test_a_wrong_check_names_both_sums() -> None:
    """The log line tells noise from a wrong algorithm."""
    with pytest.raises(BadCheck, match="check is 0000, should be 9060"):
        Frame.decode(bytes.fromhex("53 65 08 00 04 60 00 00"))


@pytest.mark.parametrize("control", range(0x04, 0x105, 0x10))
def test_reserved_control_bits_are_kept_not_judged(control: int) -> None:
    covered = bytes((MARK, 0x81, 8, 0, control & 0xFF, 0x40))
    frame = Frame.decode(covered + crc16(covered).to_bytes(2, "little"))
    assert frame.reserved == control & 0xF0
    assert frame.head() == covered


# --- security blocks --------------------------------------------------------------------


def test_a_mac_is_over_everything_from_the_mark_to_the_end_of_the_body() -> None:
    """And over the final length, so it can be asked for before the MAC is known."""
    draft = Frame(1, 2, 0x60, b"", security=SecurityBlock(0x15))
    assert draft.head().hex(" ") == "53 01 0e 00 0e 02 15 60"
    whole = replace(draft, mac=b"abcd")
    assert whole.encode()[:-6] == draft.head() == whole.head()
    assert whole.encode()[-6:-2] == b"abcd"
    assert len(whole.encode()) == 14


@pytest.mark.parametrize("kind", [0x15, 0x16, 0x17, 0x18])
def test_only_data_frames_of_a_session_carry_a_mac(kind: int) -> None:
    assert SecurityBlock(kind).has_mac
    assert not SecurityBlock(kind - 4).has_mac
    with pytest.raises(UnsendableMessage, match="MAC of 0 bytes"):
        Frame(1, 0, 0x60, b"", security=SecurityBlock(kind)).encode()


def test_a_mac_needs_a_block_that_announces_it() -> None:
    with pytest.raises(UnsendableMessage, match="without a security block"):
        Frame(1, 0, 0x60, b"", mac=b"abcd").encode()


@pytest.mark.parametrize(
    "content",
    [
        "",  # not even a length
        "00 11 76",
        "01 11 76",
        "02 11",  # nothing behind the block
        "04 11 76",
        "ff 11 76",
        "02 15",
        "02 15 01 02 03 04",  # a MAC and no code
        "02 15 60 01 02 03",
    ],
)
@pytest.mark.parametrize("crc", [True, False])
def test_a_security_block_that_does_not_fit_is_no_frame(content: str, *, crc: bool) -> None:
    raw = envelope(bytes.fromhex(content), control=0x08, crc=crc)
    with pytest.raises(FrameError):
        Frame.decode(raw)
    fast, defined = opened(raw)
    assert fast == defined


def envelope(content: bytes, *, control: int, crc: bool) -> bytes:
    """A frame with the right length and check around any content."""
    length = 5 + len(content) + 1 + crc
    covered = bytes((MARK, 1, length & 0xFF, length >> 8, control | crc << 2)) + content
    return covered + (
        crc16(covered).to_bytes(2, "little") if crc else bytes((checksum(covered),))
    )


# --- limits -----------------------------------------------------------------------------


@pytest.mark.parametrize("crc", [True, False])
def test_the_longest_frame_has_1440_bytes(*, crc: bool) -> None:
    room = LONGEST - 7 - crc
    assert len(Frame(1, 0, 0x80, bytes(room), crc=crc).encode()) == LONGEST
    with pytest.raises(UnsendableMessage, match="1441 bytes"):
        Frame(1, 0, 0x80, bytes(room + 1), crc=crc).encode()
    with pytest.raises(UnsendableMessage, match="1441 bytes"):
        sealed(1, 0, 0x80, bytes(room + 1), crc=crc)


def test_a_frame_that_says_it_is_longer_is_none() -> None:
    with pytest.raises(FrameError):
        Frame.decode(envelope(bytes(LONGEST), control=0, crc=True))


@pytest.mark.parametrize(
    "frame",
    [
        Frame(0x80, 0, 0x60, b""),
        Frame(-1, 0, 0x60, b""),
        Frame(0, 4, 0x60, b""),
        Frame(0, 0, 0x100, b""),
        Frame(0, 0, 0x60, b"", reserved=0x04),
        Frame(0, 0, 0x60, b"", reserved=0x100),
        Frame(0, 0, 0x60, b"", security=SecurityBlock(0x11, bytes(254))),
        Frame(0, 0, 0x60, b"", security=SecurityBlock(0x100)),
        Frame(0, 0, 0x60, b"", mac=b"abcd"),
    ],
)
def test_what_a_frame_cannot_carry_is_our_mistake(frame: Frame) -> None:
    assert laid_out(frame) == (UnsendableMessage, UnsendableMessage)


def test_a_frame_without_room_for_a_code_is_none() -> None:
    for raw in (b"", b"\x53\x01\x07\x00", envelope(b"", control=0, crc=True)):
        with pytest.raises(FrameError):
            Frame.decode(raw)


def test_a_body_never_shows() -> None:
    """It may be a key or a PIN."""
    assert "secret" not in repr(Frame(1, 0, 0x75, b"secret"))


@given(frames())
def test_a_frame_made_quickly_is_a_frame_like_any_other(frame: Frame) -> None:
    quick = made(*(getattr(frame, each.name) for each in fields(frame)))
    assert type(quick) is Frame
    assert quick == frame
    assert hash(quick) == hash(frame)
    assert repr(quick) == repr(frame)
    with pytest.raises(FrozenInstanceError):
        quick.code = 0  # type: ignore[misc]  # that is the point


# --- by hand and by definition ----------------------------------------------------------


@given(frames())
def test_writing_by_hand_is_writing_by_definition(frame: Frame) -> None:
    fast, defined = laid_out(frame)
    assert fast == defined


@given(
    st.builds(
        Frame,
        st.integers(-1, 0x81),
        st.integers(-1, 5),
        st.integers(-1, 0x101),
        st.binary(max_size=4) | st.just(bytes(LONGEST - 8)),
        st.booleans(),
        st.booleans(),
        st.none() | st.builds(SecurityBlock, st.integers(-1, 0x101), st.binary(max_size=3)),
        st.sampled_from([b"", b"abcd", b"abc"]),
        st.integers(-1, 0x101),
    )
)
def test_what_cannot_be_written_by_hand_cannot_by_definition(frame: Frame) -> None:
    fast, defined = laid_out(frame)
    assert fast == defined


@given(
    frames().map(Frame.encode),
    st.lists(st.tuples(st.integers(0, 20), byte), max_size=2),
    st.integers(0, 3),
)
def test_reading_by_hand_is_reading_by_definition(
    raw: bytes, damage: list[tuple[int, int]], cut: int
) -> None:
    """Sound frames, damaged ones, and short ones."""
    damaged = bytearray(raw)
    for at, value in damage:
        damaged[at % len(damaged)] = value
    fast, defined = opened(bytes(damaged[: len(damaged) - cut]))
    assert fast == defined


@given(content=st.binary(max_size=12), control=st.integers(0, 0xFF), crc=st.booleans())
def test_reading_any_content_by_hand_is_reading_it_by_definition(
    content: bytes, control: int, *, crc: bool
) -> None:
    """The check is right, so what stands before it is looked at."""
    fast, defined = opened(envelope(content, control=control & ~0x04, crc=crc))
    assert fast == defined


@given(
    address=st.integers(-1, 0x80),
    sequence=st.integers(-1, 4),
    code=st.integers(-1, 0x100),
    crc=st.booleans(),
)
def test_a_command_sealed_at_once_is_the_frame_encoded(
    address: int, sequence: int, code: int, *, crc: bool
) -> None:
    try:
        expected: object = Frame(address, sequence, code, b"body", crc=crc).encode()
    except UnsendableMessage:
        expected = UnsendableMessage
    try:
        found: object = sealed(address, sequence, code, b"body", crc=crc)
    except UnsendableMessage:
        found = UnsendableMessage
    assert found == expected
