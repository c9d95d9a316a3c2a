"""A ring of records in a memory-mapped file: what a killed process leaves behind.

A store into the mapping is in the page cache at once, so it outlives the process, at any
instant, without one system call; it does not outlive a power cut. The file is laid out as

    0     magic, capacity, salt, check           written once, before the file gets its name
    512   mark A   turn, start, seq, check       the older of the two marks is overwritten,
    1024  mark B                                 so one of them is always whole
    4096  data     check, length, seq, body …    positions only rise, modulo the capacity

A record counts if its check fits, and the check covers the salt, its position and its
number: a half-written record, one of an earlier lap or bytes inside a body never pass.
Reading starts at the newest mark and ends at the first record that does not count, so
there is no head to keep. `free` moves the mark before its room can be used again.
Every store may be interrupted after any byte, in any order of bytes.

One thread only. The blocks are allocated beforehand: a full disk cannot fault a store.
"""

import mmap
import os
import struct
from collections import deque
from pathlib import Path
from typing import Protocol, Self
from zlib import crc32

from gatewayd.errors import DamagedState

SIZE = 8 << 20  # bytes of data in a new ring; some 30,000 events
SMALLEST = 4096
LONGEST = 64 << 10  # bytes of one record's body

_MAGIC = b"gwring1\n"
_DATA = 4096
_MARKS = (512, 1024)
_FILE = struct.Struct("<8sQ16sI")
_MARK = struct.Struct("<QQQI")
_RECORD = struct.Struct("<IIQ")
_SEALED = struct.Struct("<QIQ")
_SALT = 16


class Memory(Protocol):
    """What a ring lives in: a mapping, or bytes of a test."""

    def __len__(self) -> int:
        """Count its bytes."""

    def __getitem__(self, key: slice, /) -> bytes | bytearray:
        """Load bytes."""

    def __setitem__(self, key: slice, value: bytes, /) -> None:
        """Store as many bytes as the slice has."""


def blank(size: int, salt: bytes) -> bytes:
    """Return the head of an empty ring for `size` bytes of data. `salt` is 16 random bytes."""
    head = bytearray(_DATA)
    plain = _FILE.pack(_MAGIC, size, salt, 0)[:-4]
    head[: _FILE.size] = plain + struct.pack("<I", crc32(plain))
    head[_MARKS[0] : _MARKS[0] + _MARK.size] = _sealed_mark(crc32(salt), 1, 0, 1)
    return bytes(head)


class Ring:
    """Records with consecutive numbers, oldest first, in a fixed amount of memory."""

    def __init__(self, memory: Memory) -> None:
        """Take over what an earlier run left. Raise `DamagedState` if this is no ring."""
        self._memory = memory
        self._capacity, self._seed = _read_head(memory)
        self._turn, self._start, self._first = _read_mark(memory, self._seed)
        self._head = self._start
        self._ends: deque[int] = deque()  # the position behind each record that is held
        self._left: list[tuple[int, bytes]] = []
        while (found := self._read(self._head, self.next)) is not None:
            self._left.append((self.next, found))
            self._head += _RECORD.size + len(found)
            self._ends.append(self._head)

    @classmethod
    def open(cls, path: Path, size: int = SIZE) -> Self:
        """Map the file; make one for `size` bytes if there is none. Raise OSError."""
        if not path.exists():
            _create(path, max(size, SMALLEST))
        with path.open("r+b") as file:
            length = os.fstat(file.fileno()).st_size
            if length < _DATA + SMALLEST:
                raise DamagedState(f"{path} is no ring of events: only {length} bytes")
            os.posix_fallocate(file.fileno(), 0, length)  # a copy may have come back sparse
            mapping = mmap.mmap(
                file.fileno(), length, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE
            )
        try:
            return cls(mapping)
        except DamagedState as error:
            mapping.close()
            raise DamagedState(f"{path}: {error}") from error

    @property
    def next(self) -> int:
        """The number the next record must have."""
        return self._first + len(self._ends)

    @property
    def room(self) -> int:
        """How long the body of the next record may be, in bytes; negative: none fits."""
        used = self._head - self._start
        return min(LONGEST, self._capacity - used - _RECORD.size)

    def take_left(self) -> list[tuple[int, bytes]]:
        """Return, once, the records an earlier run left. They stay held until freed."""
        left, self._left = self._left, []
        return left

    def append(self, seq: int, body: bytes) -> bool:
        """Keep a record; False if it does not fit. Never waits, never overwrites a held one."""
        if seq != self.next:
            raise ValueError(f"record {seq} cannot follow {self.next - 1}")
        length = len(body)
        if length > self.room:
            return False
        check = crc32(body, crc32(_SEALED.pack(self._head, length, seq), self._seed))
        self._store(self._head, _RECORD.pack(check, length, seq) + body)
        self._head += _RECORD.size + length
        self._ends.append(self._head)
        return True

    def free(self, seq: int) -> None:
        """Release every record up to and including `seq`."""
        if seq < self._first:
            return
        while self._ends and self._first <= seq:
            self._start = self._ends.popleft()
            self._first += 1
        self._mark()

    def reset(self, next_seq: int) -> None:
        """Release everything and go on with another number."""
        self._start = self._head
        self._ends.clear()
        self._first = next_seq
        self._mark()

    def close(self) -> None:
        """Unmap. What is held stays in the file."""
        if isinstance(self._memory, mmap.mmap):
            self._memory.close()

    def _mark(self) -> None:
        self._turn += 1
        at = _MARKS[(self._turn - 1) % 2]
        sealed = _sealed_mark(self._seed, self._turn, self._start, self._first)
        self._memory[at : at + _MARK.size] = sealed

    def _store(self, position: int, data: bytes) -> None:
        at = position % self._capacity
        if at + len(data) <= self._capacity:
            self._memory[_DATA + at : _DATA + at + len(data)] = data
            return
        before_end, rest = data[: self._capacity - at], data[self._capacity - at :]
        self._memory[_DATA + at : _DATA + at + len(before_end)] = before_end
        self._memory[_DATA : _DATA + len(rest)] = rest

    def _load(self, position: int, length: int) -> bytes:
        at = position % self._capacity
        before_end = bytes(self._memory[_DATA + at : _DATA + min(at + length, self._capacity)])
        return before_end + bytes(self._memory[_DATA : _DATA + length - len(before_end)])

    def _read(self, position: int, seq: int) -> bytes | None:
        """Return the body of the record at a position, or None if there is none to trust."""
        if self._capacity - (position - self._start) < _RECORD.size:
            return None
        check, length, number = _RECORD.unpack(self._load(position, _RECORD.size))
        if number != seq or length > self.room:
            return None
        body = self._load(position + _RECORD.size, length)
        sealed = crc32(body, crc32(_SEALED.pack(position, length, seq), self._seed))
        return body if sealed == check else None


def _sealed_mark(seed: int, turn: int, start: int, seq: int) -> bytes:
    plain = _MARK.pack(turn, start, seq, 0)[:-4]
    return plain + struct.pack("<I", crc32(plain, seed))


def _read_head(memory: Memory) -> tuple[int, int]:
    """Return capacity and the seed of every check."""
    raw = bytes(memory[0 : _FILE.size])
    magic, capacity, salt, check = _FILE.unpack(raw)
    if magic != _MAGIC or check != crc32(raw[:-4]) or capacity != len(memory) - _DATA:
        raise DamagedState("the head of the ring of events is damaged")
    return capacity, crc32(salt)


def _read_mark(memory: Memory, seed: int) -> tuple[int, int, int]:
    """Return turn, start and first number of the newest whole mark."""
    marks = []
    for at in _MARKS:
        turn, start, seq, _ = _MARK.unpack(raw := bytes(memory[at : at + _MARK.size]))
        if raw == _sealed_mark(seed, turn, start, seq) and turn:
            marks.append((turn, start, seq))
    if not marks:
        raise DamagedState("both marks of the ring of events are damaged")
    return max(marks)


def _create(path: Path, size: int) -> None:
    """Write the whole file under another name first: it appears complete or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(handle, 0, _DATA + size)
        os.pwrite(handle, blank(size, os.urandom(_SALT)), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.rename(path)
