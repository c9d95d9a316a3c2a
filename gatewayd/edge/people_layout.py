"""How a table of people lies in its file. All numbers are little endian.

    header      one page: what the file is, where its sections are, a check over itself
    people      one record for each person: holder and credentials, under one check
    levels      the ids of all access levels, as JSON; records have numbers instead
    rest        bytes of the caller's, versioned together with the people
    key tags, key places          open addressing over the credentials' keys
    holder tags, holder places    the same over the holders' ids
    checks      CRC-32 of each block of everything between header and here

An index has three slots for every two entries: a byte that is part of the hash (0: empty),
and the place of the record, in units of four bytes. Slots are probed one by one, `CHAIN` at
most; a table in which that does not do is not made.

The hash is BLAKE2b under a key of the file. Whoever chooses card numbers does not know it,
so nobody can choose such as must be searched for long.

The check of a record covers its place and the salt of its file, so that it holds for no
other record, no older file and no bytes in the middle of one.
"""

import struct
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

from gatewayd.errors import DamagedState

MAGIC = b"gwpeople"
FORMAT = 1
HEADER = 4096  # bytes
BLOCK = 64 << 10  # bytes under one check
UNIT = 4  # bytes a place counts in
CHAIN = 1024  # slots from where the hash points to where an entry is, at most
SALT = 16
LONGEST_REST = 4 << 20  # bytes
MOST = 50_000_000  # people; a file has at most 16 GiB

# check, length in units; bytes of the id, levels, credentials, shape, flags
RECORD = struct.Struct("<IHBBBBH")
# bytes of the key, state and shape
CREDENTIAL = struct.Struct("<BB")
MICROSECONDS = struct.Struct("<q")
CLEARANCE = struct.Struct("<i")
USES = struct.Struct("<I")
LONGEST_RECORD = 0xFFFF * UNIT

# the shape of a holder
ENABLED, SINCE, UNTIL, PIN, DURESS_PIN, CLEARED = (1 << bit for bit in range(6))
# the shape of a credential, above its state
STATE = 0x0F
FORCED, VALID_FROM, VALID_UNTIL, LIMITED = (0x10 << bit for bit in range(4))

_CHECK = struct.Struct("<I")
_HEADER = struct.Struct("<8sI16s16sQQ32sQQQQ14Q")


class DamagedRecord(DamagedState):
    """A record does not hold what was written. Nobody passes on it."""


class Section(NamedTuple):
    """Where something is: `begin` and `length` in bytes."""

    begin: int
    length: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.begin + self.length


class Sections(NamedTuple):
    """All parts of a file but its header, in the order they lie in."""

    people: Section
    levels: Section
    rest: Section
    key_tags: Section
    key_places: Section
    holder_tags: Section
    holder_places: Section

    @property
    def end(self) -> int:
        """Where the checks begin."""
        return self.holder_places.end


class Header(NamedTuple):
    """What a file says of itself. `digest` as in `core.access.people`."""

    salt: bytes
    hash_key: bytes
    generation: int
    version: int
    digest: bytes
    holders: int
    credentials: int
    key_slots: int
    holder_slots: int
    sections: Sections

    @property
    def seed(self) -> int:
        """What every check begins with."""
        return crc32(self.salt)

    @property
    def length(self) -> int:
        """Bytes of the whole file."""
        return self.sections.end + blocks(self.sections.end) * _CHECK.size


def slots_for(entries: int) -> int:
    """Return how many slots the hash spreads so many over; CHAIN more lie behind them."""
    return max(8, entries + entries // 2)


def blocks(end: int) -> int:
    """Count the blocks between the header and `end`."""
    return -(-(end - HEADER) // BLOCK)


def hashing(key: bytes) -> "blake2b":
    """Return what is copied to hash one key."""
    return blake2b(key=key, digest_size=8)


def check_of(body: bytes, seed: int, place: int) -> int:
    """Return the check of a record: all of it but the check, at its place."""
    return crc32(body, seed ^ place)


def pack_header(header: Header) -> bytes:
    """Return the first page of a file."""
    where = [number for section in header.sections for number in section]
    plain = _HEADER.pack(MAGIC, FORMAT, *header[:-1], *where)
    return (plain + _CHECK.pack(crc32(plain))).ljust(HEADER, b"\0")


def unpack_header(page: bytes, length: int) -> Header:
    """Read the first page of a file of `length` bytes. Raise DamagedState without its name."""
    if not page.startswith(MAGIC):
        raise DamagedState("it is no table of people")
    if len(page) < HEADER:
        raise DamagedState(f"it ends after {len(page)} bytes")
    plain = page[: _HEADER.size]
    (check,) = _CHECK.unpack_from(page, _HEADER.size)
    if check != crc32(plain) or any(page[_HEADER.size + _CHECK.size : HEADER]):
        raise DamagedState("its header does not fit its check")
    _, layout, *fields = _HEADER.unpack(plain)
    if layout != FORMAT:
        raise DamagedState(f"its layout is {layout}, this gatewayd knows {FORMAT}")
    first, where = fields[:9], fields[9:]
    pairs = zip(where[::2], where[1::2], strict=True)
    sections = Sections(*(Section(*each) for each in pairs))
    header = Header._make([*first, sections])
    _plausible(header, length)
    return header


def _plausible(header: Header, length: int) -> None:
    """Check what fits the check of the header, but maybe not the file."""
    parts = header.sections
    in_order = all(one.end <= two.begin for one, two in pairwise(parts))
    if not in_order or parts.people.begin < HEADER or parts.key_places.begin % UNIT:
        raise DamagedState("its sections make no sense")
    if length != header.length:
        raise DamagedState(f"it has {length} bytes instead of {header.length}")
