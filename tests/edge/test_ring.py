"""The ring of events outlives its process, whatever instant that ends at."""

from collections.abc import Iterator
from pathlib import Path
from typing import SupportsIndex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gatewayd.edge.ring import LONGEST, SMALLEST, Ring, blank
from gatewayd.errors import DamagedState

SALT = bytes(range(16))
SIZE = 4096


def memory(size: int = SIZE) -> bytearray:
    return bytearray(blank(size, SALT) + bytes(size))


class Recorded:
    """Memory that remembers every store, in order, with what it overwrote."""

    def __init__(self, content: bytearray) -> None:
        self.content = content
        self.stores: list[tuple[int, bytes, bytes]] = []

    def __len__(self) -> int:
        return len(self.content)

    def __getitem__(self, key: slice, /) -> bytes:
        return bytes(self.content[key])

    def __setitem__(self, key: slice, value: bytes, /) -> None:
        start: SupportsIndex = key.start
        assert len(value) == key.stop - key.start, "a store has exactly the size of its place"
        self.stores.append((int(start), bytes(self.content[key]), value))
        self.content[key] = value


def kept(content: bytes | bytearray) -> list[tuple[int, bytes]]:
    """What the next start finds."""
    return Ring(bytearray(content)).take_left()


def torn(before: bytes, stores: list[tuple[int, bytes, bytes]]) -> Iterator[bytes]:
    """Every content a killed process can leave: bytes are stored forwards or backwards."""
    content = bytearray(before)
    for at, _, new in stores:
        for count in range(len(new) + 1):
            half = bytearray(content)
            half[at : at + count] = new[:count]
            yield bytes(half)
            half = bytearray(content)
            half[at + len(new) - count : at + len(new)] = new[len(new) - count :]
            yield bytes(half)
        content[at : at + len(new)] = new


def test_what_was_appended_is_found_by_the_next_start() -> None:
    content = memory()
    ring = Ring(content)
    assert ring.append(1, b"one")
    assert ring.append(2, b"")
    assert kept(content) == [(1, b"one"), (2, b"")]


def test_the_next_start_goes_on_behind_what_it_found() -> None:
    content = memory()
    Ring(content).append(1, b"one")
    again = Ring(content)
    assert again.append(2, b"two")
    assert kept(content) == [(1, b"one"), (2, b"two")]


def test_what_is_freed_is_gone() -> None:
    content = memory()
    ring = Ring(content)
    for seq in range(1, 6):
        ring.append(seq, b"x" * seq)
    ring.free(3)
    assert kept(content) == [(4, b"xxxx"), (5, b"xxxxx")]
    ring.free(99)
    assert kept(content) == []
    assert ring.append(6, b"six")


def test_freeing_what_was_freed_before_does_nothing() -> None:
    content = Recorded(memory())
    ring = Ring(content)
    ring.append(1, b"one")
    ring.free(1)
    stores = len(content.stores)
    ring.free(1)
    assert len(content.stores) == stores


def test_a_full_ring_refuses_and_overwrites_nothing() -> None:
    content = memory()
    ring = Ring(content)
    seq = 0
    while ring.append(seq + 1, b"e" * 100):
        seq += 1
    assert seq == SIZE // 116
    assert kept(content) == [(number, b"e" * 100) for number in range(1, seq + 1)]
    ring.free(1)
    assert ring.append(seq + 1, b"f" * 100)
    assert kept(content)[-1] == (seq + 1, b"f" * 100)


def test_a_record_may_fill_the_ring_to_the_last_byte() -> None:
    content = memory()
    ring = Ring(content)
    assert not ring.append(1, b"x" * (SIZE - 15))
    assert ring.append(1, b"x" * (SIZE - 16))
    assert kept(content) == [(1, b"x" * (SIZE - 16))]


def test_a_record_has_a_longest_size() -> None:
    ring = Ring(memory(4 * LONGEST))
    assert not ring.append(1, bytes(LONGEST + 1))
    assert ring.append(1, bytes(LONGEST))


def test_a_number_out_of_turn_is_a_broken_promise() -> None:
    ring = Ring(memory())
    with pytest.raises(ValueError, match="record 2 cannot follow 0"):
        ring.append(2, b"")


def test_a_reset_ring_goes_on_with_another_number() -> None:
    content = memory()
    ring = Ring(content)
    ring.append(1, b"one")
    ring.reset(1000)
    assert kept(content) == []
    assert ring.append(1000, b"thousand")
    assert kept(content) == [(1000, b"thousand")]


def test_records_of_an_earlier_lap_never_come_back() -> None:
    content = memory()
    ring = Ring(content)
    for seq in range(1, 500):
        assert ring.append(seq, b"same body")
        ring.free(seq)
    assert kept(content) == []


def test_a_body_that_looks_like_a_record_is_only_a_body() -> None:
    content = memory()
    ring = Ring(content)
    ring.append(1, b"first")
    record = bytes(content[4096 : 4096 + 21])
    ring.append(2, record * 3)
    assert kept(content) == [(1, b"first"), (2, record * 3)]


@example(SIZE - 8, [b"wraps inside its head"])
@example(SIZE - 20, [b"wraps inside its body", b"x"])
@given(st.integers(0, SIZE - 1), st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_a_kill_at_any_byte_of_any_store_loses_nothing_and_invents_nothing(
    turned: int, bodies: list[bytes]
) -> None:
    content = memory()
    ring = Ring(content)
    first = turn_to(ring, turned)
    recorded = Recorded(content)
    ring = Ring(recorded)
    ring.reset(first)
    held: list[tuple[int, bytes]] = []
    for seq, body in enumerate(bodies, first):
        before, recorded.stores = bytes(content), []
        assert ring.append(seq, body)
        for image in torn(before, recorded.stores):
            assert kept(image) in (held, [*held, (seq, body)])
        held.append((seq, body))
    for seq in range(first, first + len(bodies), 2):
        before, recorded.stores = bytes(content), []
        ring.free(seq)
        after = [record for record in held if record[0] > seq]
        for image in torn(before, recorded.stores):
            assert kept(image) in (held, after)
        held = after


def turn_to(ring: Ring, position: int) -> int:
    """Bring the ring near a position, so that records wrap; return the next number."""
    seq = 1
    while position >= 16:
        step = min(position - 16, 500)
        assert ring.append(seq, bytes(step))
        ring.free(seq)
        seq, position = seq + 1, position - 16 - step
    return seq


class RingMachine(RuleBasedStateMachine):
    """Against a list: whatever is done in whatever order, a restart finds what is held."""

    def __init__(self) -> None:
        super().__init__()
        self.content = memory(SMALLEST)
        self.ring = Ring(self.content)
        self.held: list[tuple[int, bytes]] = []
        self.next = 1

    @rule(body=st.binary(max_size=900))
    def append(self, body: bytes) -> None:
        used = sum(16 + len(each) for _, each in self.held)
        fits = used + 16 + len(body) <= SMALLEST
        assert self.ring.append(self.next, body) == fits
        if fits:
            self.held.append((self.next, body))
            self.next += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        seq = data.draw(st.integers(self.held[0][0] - 1, self.next))
        self.ring.free(seq)
        self.held = [record for record in self.held if record[0] > seq]

    @rule()
    def restart(self) -> None:
        self.ring = Ring(self.content)
        assert self.ring.take_left() == self.held
        assert self.ring.take_left() == []

    @rule(skipped=st.integers(0, 5))
    def reset(self, skipped: int) -> None:
        self.held.clear()
        self.next += skipped
        self.ring.reset(self.next)

    @invariant()
    def a_restart_would_find_what_is_held(self) -> None:
        assert kept(self.content) == self.held
        assert self.ring.next == self.next


TestRingMachine = RingMachine.TestCase


# --- the file ---------------------------------------------------------------------


def test_a_ring_file_is_private_allocated_and_survives_reopening(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    ring = Ring.open(path, 8192)
    ring.append(1, b"one")
    ring.close()
    status = path.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_size == 4096 + 8192
    assert status.st_blocks * 512 >= status.st_size
    again = Ring.open(path, 1 << 20)  # the size counts only when the file is made
    assert again.take_left() == [(1, b"one")]
    assert path.stat().st_size == status.st_size
    again.close()
    assert [each.name for each in tmp_path.iterdir()] == ["ring"]


def test_a_half_made_file_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "ring.new").write_bytes(b"half")
    Ring.open(tmp_path / "ring", SIZE).close()
    assert [each.name for each in tmp_path.iterdir()] == ["ring"]


@pytest.mark.parametrize("content", [b"", bytes(5000), bytes(20000), memory()[:-1]])
def test_a_file_that_is_no_ring_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ring"
    path.write_bytes(content)
    with pytest.raises(DamagedState, match="ring"):
        Ring.open(path)
    assert path.read_bytes() == content


def test_a_ring_without_a_whole_mark_is_refused() -> None:
    content = memory()
    content[512:1200] = bytes(688)
    with pytest.raises(DamagedState, match="both marks"):
        Ring(content)


@given(st.integers(0, 4096 + 200), st.integers(1, 255))
def test_a_flipped_byte_never_invents_a_record(at: int, flip: int) -> None:
    content = memory()
    ring = Ring(content)
    held = [(seq, bytes([seq]) * 30) for seq in range(1, 5)]
    for seq, body in held:
        ring.append(seq, body)
    content[at] ^= flip
    try:
        found = kept(content)
    except DamagedState:
        return
    assert found == held[: len(found)]
