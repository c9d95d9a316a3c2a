"""Finding frames in a stream of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.osdp.frame import LONGEST, Frame, FrameReader
from tests.protocol.osdp.frames import frames

ACK = Frame(1, 0, 0x40, b"", reply=True)
CARD = Frame(1, 1, 0x50, bytes.fromhex("00 01 1a 00 de ad be c0"), reply=True)
FALSE_HEAD = bytes.fromhex("53 81 a0 05")  # says 1440 bytes


def quiet(noise: bytes) -> bytes:
    """Noise in which no frame can begin."""
    return noise.replace(b"\x53", b"\x52")


@given(st.lists(frames(), max_size=4), st.integers(1, 9))
def test_it_does_not_matter_how_bytes_arrive(sent: list[Frame], size: int) -> None:
    stream = b"".join(b"\xff" + frame.encode() for frame in sent)
    reader = FrameReader()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == sent
    assert reader.dropped == reader.pending == 0


@given(
    st.lists(st.tuples(st.binary(max_size=20).map(quiet), frames()), max_size=4),
    st.binary(max_size=3).map(quiet),
)
def test_noise_between_frames_loses_none(sent: list[tuple[bytes, Frame]], end: bytes) -> None:
    reader = FrameReader()
    stream = b"".join(noise + frame.encode() for noise, frame in sent) + end
    assert list(reader.feed(stream)) == [frame for _, frame in sent]
    noise = b"".join(noise for noise, _ in sent) + end
    assert reader.dropped == len(noise) - noise.count(0xFF)


@given(st.binary(max_size=4000), st.integers(1, 2000))
def test_noise_never_hurts(noise: bytes, size: int) -> None:
    """Whatever arrives, the reader neither raises nor grows without bound."""
    reader = FrameReader()
    for at in range(0, len(noise), size):
        list(reader.feed(noise[at : at + size]))
        assert reader.pending <= LONGEST
    list(reader.rescan())
    assert reader.pending == 0


@given(st.lists(st.sampled_from([b"\x53", b"\x53\x81", FALSE_HEAD, b"\xff", ACK.encode()])))
def test_every_byte_is_a_frame_or_counted(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    reader = FrameReader()
    found = [*reader.feed(stream), *reader.rescan()]
    framed = sum(len(frame.encode()) for frame in found)
    assert framed + reader.dropped <= len(stream)
    assert framed + reader.dropped + stream.count(0xFF) >= len(stream)


@given(st.binary(max_size=200), st.lists(st.integers(1, 30), max_size=10))
def test_slicing_changes_nothing_about_noise_either(noise: bytes, cuts: list[int]) -> None:
    stream = noise + CARD.encode() + noise
    whole, sliced = FrameReader(), FrameReader()
    expected = list(whole.feed(stream))
    found: list[Frame] = []
    at = 0
    for cut in [*cuts, len(stream)]:
        found += sliced.feed(stream[at : at + cut])
        at += cut
    assert found == expected
    assert (sliced.dropped, sliced.bad_checks) == (whole.dropped, whole.bad_checks)


def test_a_wrong_check_is_counted_apart_from_noise() -> None:
    reader = FrameReader()
    damaged = bytearray(CARD.encode())
    damaged[-1] ^= 1
    assert list(reader.feed(bytes(damaged) + ACK.encode())) == [ACK]
    assert (reader.bad_checks, reader.dropped) == (1, len(damaged))


def test_a_damaged_frame_alone_is_counted_once() -> None:
    reader = FrameReader()
    damaged = bytearray(CARD.encode())
    damaged[7] ^= 1
    assert list(reader.feed(b"\xff" + damaged)) == []
    assert (reader.bad_checks, reader.dropped, reader.pending) == (1, len(damaged), 0)


def test_marks_between_frames_are_not_noise() -> None:
    reader = FrameReader()
    assert list(reader.feed(b"\xff\xff" + ACK.encode() + b"\xff\xff\xff")) == [ACK]
    assert reader.dropped == 0


def test_a_false_head_hides_a_frame_until_enough_bytes_have_come() -> None:
    reader = FrameReader()
    assert list(reader.feed(FALSE_HEAD + CARD.encode())) == []
    found = [frame for _ in range(200) for frame in reader.feed(ACK.encode())]
    assert found == [CARD, *[ACK] * 200]


def test_a_silence_shows_the_frame_behind_a_false_head() -> None:
    reader = FrameReader()
    assert list(reader.feed(FALSE_HEAD + CARD.encode() + FALSE_HEAD + ACK.encode())) == []
    assert list(reader.rescan()) == [CARD, ACK]
    assert (reader.pending, reader.dropped) == (0, 2 * len(FALSE_HEAD))


@pytest.mark.parametrize("length", range(1, len(CARD.encode())))
def test_after_a_silence_half_a_frame_is_noise(length: int) -> None:
    reader = FrameReader()
    list(reader.feed(CARD.encode()[:length]))
    assert list(reader.rescan()) == []
    assert list(reader.feed(ACK.encode())) == [ACK]
    assert reader.dropped == length


def test_what_is_forgotten_does_not_come_back() -> None:
    reader = FrameReader()
    list(reader.feed(FALSE_HEAD + CARD.encode()))
    reader.forget()
    assert (reader.pending, reader.dropped) == (0, len(FALSE_HEAD + CARD.encode()))
    assert list(reader.feed(ACK.encode())) == [ACK]


def test_a_frame_inside_a_frame_is_not_found() -> None:
    """A body may hold the image of a frame; it is not one."""
    outer = Frame(1, 0, 0x90, b"abc" + CARD.encode(), reply=True)
    for size in (1, 5, 100):
        reader = FrameReader()
        wire = outer.encode()
        found = [
            frame
            for at in range(0, len(wire), size)
            for frame in reader.feed(wire[at : at + size])
        ]
        assert found == [outer]


@pytest.mark.parametrize(
    "pattern",
    [b"\x53", FALSE_HEAD, FALSE_HEAD + b"\x04", b"\x53\x00\x00\x01", b"\x53\x00\x07\x00\x00"],
)
def test_hostile_bytes_cost_no_more_the_more_there_are(pattern: bytes) -> None:
    """Every head is looked at once, and a look is bounded by the longest frame."""
    reader = CountingReader()
    size = 20_000
    list(reader.feed((pattern * size)[:size]))
    assert reader.looks <= size
    assert reader.pending <= LONGEST


class CountingReader(FrameReader):
    """Counts how often it tries to open a frame."""

    looks = 0

    def _open(self, at: int, length: int) -> Frame | None:
        self.looks += 1
        return FrameReader._open(self, at, length)
