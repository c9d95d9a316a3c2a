"""One person as bytes, and back. See people_layout for where they lie.

    check, length, sizes, shape and flags
    numbers of the levels, two bytes each
    the holder's id
    valid_from, valid_until, clearance, PIN, PIN for duress: those that the shape has
    for each credential: bytes of the key, state and shape, the key,
        valid_from, valid_until, max_uses: those that its shape has

Reading is what a card waits for: it makes the values and next to nothing else. What many
people share (levels, flags, times) is made once and kept, within bounds.
"""

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from mmap import mmap
from typing import NamedTuple, TypeVar
from zlib import crc32

from gatewayd.core.access.model import Credential, CredentialState, Flag, Holder, LevelId
from gatewayd.core.access.people import PIN_BYTES, Person
from gatewayd.core.model import HolderId
from gatewayd.edge import people_layout as layout
from gatewayd.edge.people_layout import DamagedRecord

Memory = mmap | bytes
Found = tuple[Credential, Holder]

KEPT = 4096  # values of each kind that are shared
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STATES = tuple(CredentialState)
_STATE_NUMBERS = {state: number for number, state in enumerate(_STATES)}
_FLAGS = tuple(Flag)
_CHECK_SIZE = 4
_BODY = layout.RECORD.size - _CHECK_SIZE  # where the levels begin in what is checked

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_unpack = layout.RECORD.unpack_from
_number = layout.MICROSECONDS.unpack_from
_make = tuple.__new__


def microseconds(when: datetime) -> int:
    """Return the time since 1970."""
    return (when - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """Return the time so many microseconds after 1970. Raise OverflowError."""
    return _EPOCH + timedelta(microseconds=number)


# --- writing ----------------------------------------------------------------------


def pack(person: Person, levels: Mapping[LevelId, int], seed: int, place: int) -> bytes:
    """Return the record, of a whole number of units. Nobody who is `unfit`."""
    holder, credentials = person
    name = holder.id.encode()
    shape, optional = _shape(holder)
    numbers = struct.pack(f"<{len(holder.levels)}H", *(levels[each] for each in holder.levels))
    tail = b"".join([numbers, name, optional, *map(_pack_credential, credentials)])
    units = -(-(layout.RECORD.size + len(tail)) // layout.UNIT)
    sizes = len(name), len(holder.levels), len(credentials)
    head = layout.RECORD.pack(0, units, *sizes, shape, _mask(holder.flags))
    body = (head + tail).ljust(units * layout.UNIT, b"\0")[_CHECK_SIZE:]
    return layout.check_of(body, seed, place).to_bytes(_CHECK_SIZE, "little") + body


def _shape(holder: Holder) -> tuple[int, bytes]:
    shape, parts = layout.ENABLED if holder.enabled else 0, []
    times = ((layout.SINCE, holder.valid_from), (layout.UNTIL, holder.valid_until))
    for bit, when in times:
        if when is not None:
            shape |= bit
            parts.append(layout.MICROSECONDS.pack(microseconds(when)))
    if holder.clearance:
        shape |= layout.CLEARED
        parts.append(layout.CLEARANCE.pack(holder.clearance))
    for bit, pin in ((layout.PIN, holder.pin), (layout.DURESS_PIN, holder.duress_pin)):
        if pin is not None:
            shape |= bit
            parts.append(pin)
    return shape, b"".join(parts)


def _pack_credential(credential: Credential) -> bytes:
    name = credential.key.encode()
    shape = _STATE_NUMBERS[credential.state] | (layout.FORCED if credential.duress else 0)
    parts = [name]
    for bit, when in (
        (layout.VALID_FROM, credential.valid_from),
        (layout.VALID_UNTIL, credential.valid_until),
    ):
        if when is not None:
            shape |= bit
            parts.append(layout.MICROSECONDS.pack(microseconds(when)))
    if credential.max_uses is not None:
        shape |= layout.LIMITED
        parts.append(layout.USES.pack(credential.max_uses))
    return layout.CREDENTIAL.pack(len(name), shape) + b"".join(parts)


def _mask(flags: frozenset[Flag]) -> int:
    return sum(1 << number for number, flag in enumerate(_FLAGS) if flag in flags)


# --- reading ----------------------------------------------------------------------


class _Raw(NamedTuple):
    body: bytes
    shape: int
    flags: int
    id_begins: int
    id_ends: int
    credentials: int
    begin: int  # of the first credential


class Reader:
    """Reads the records of one file. Any thread; the shared values are only ever added to."""

    def __init__(self, memory: Memory, seed: int, levels: Sequence[LevelId]) -> None:
        self._memory, self._seed, self._levels = memory, seed, levels
        self._sets: dict[bytes, tuple[LevelId, ...]] = {b"": ()}
        self._flags: dict[int, frozenset[Flag]] = {0: frozenset()}
        self._times: dict[bytes, datetime] = {}

    def find(self, place: int, key: bytes) -> Found | None:
        """Return a credential and its holder if the record at this place has the key.

        Raises DamagedRecord, and whatever unpacking raises, if there is no such record.
        """
        raw = self._raw(place)
        body, at = raw[0], raw[6]
        for _ in range(raw[5]):
            size = body[at]
            if size == len(key) and body[at + 2 : at + 2 + size] == key:
                holder = self._holder(raw)
                return self._credential(body, at, holder[0])[0], holder
            at += _length(size, body[at + 1])
        return None

    def person(self, place: int, name: bytes | None = None) -> Person | None:
        """Return all of a record; None if it is somebody's of another name. Raises as above."""
        raw = self._raw(place)
        body, at = raw[0], raw[6]
        if name is not None and body[raw[3] : raw[4]] != name:
            return None
        holder, credentials = self._holder(raw), []
        for _ in range(raw[5]):
            credential, at = self._credential(body, at, holder[0])
            credentials.append(credential)
        return Person(holder, tuple(credentials))

    def after(self, place: int) -> int:
        """Return where the record behind a sound one begins."""
        return place + int(_unpack(self._memory, place * layout.UNIT)[1])

    def _raw(self, place: int) -> _Raw:
        at = place * layout.UNIT
        check, units, size, levels, credentials, shape, flags = _unpack(self._memory, at)
        body = self._memory[at + _CHECK_SIZE : at + units * layout.UNIT]
        if crc32(body, self._seed ^ place) != check:
            raise DamagedRecord(f"the record at {at} does not fit its check")
        name = _BODY + levels * 2
        begin = name + size
        if shape != layout.ENABLED:
            begin += _SIZES[shape]
        made: _Raw = _make(_Raw, (body, shape, flags, name, name + size, credentials, begin))
        return made

    def _holder(self, raw: _Raw) -> Holder:
        body, shape, flags, name, end, _, _ = raw
        since = until = pin = duress = None
        clearance = 0
        if shape != layout.ENABLED:
            since, until, clearance, pin, duress = self._optional(body, shape, end)
        levels = self._sets.get(numbers := body[_BODY:name])
        known = self._flags.get(flags)
        made: Holder = _make(
            Holder,
            (
                HolderId(body[name:end].decode()),
                shape & 1 == 1,
                since,
                until,
                self._set(numbers) if levels is None else levels,
                pin,
                duress,
                clearance,
                self._flag(flags) if known is None else known,
            ),
        )
        return made

    def _optional(
        self, body: bytes, shape: int, at: int
    ) -> tuple[datetime | None, datetime | None, int, bytes | None, bytes | None]:
        since = until = pin = duress = None
        clearance = 0
        if shape & layout.SINCE:
            since, at = self._time(body[at : at + 8]), at + 8
        if shape & layout.UNTIL:
            until, at = self._time(body[at : at + 8]), at + 8
        if shape & layout.CLEARED:
            (clearance,), at = layout.CLEARANCE.unpack_from(body, at), at + 4
        if shape & layout.PIN:
            pin, at = body[at : at + PIN_BYTES], at + PIN_BYTES
        if shape & layout.DURESS_PIN:
            duress = body[at : at + PIN_BYTES]
        return since, until, clearance, pin, duress

    def _credential(self, body: bytes, at: int, holder: HolderId) -> tuple[Credential, int]:
        """Return the credential that begins there, and where the next one does."""
        size, shape = body[at], body[at + 1]
        at += 2 + size
        key = body[at - size : at].decode()
        since = until = uses = None
        if shape & layout.VALID_FROM:
            since, at = self._time(body[at : at + 8]), at + 8
        if shape & layout.VALID_UNTIL:
            until, at = self._time(body[at : at + 8]), at + 8
        if shape & layout.LIMITED:
            (uses,), at = layout.USES.unpack_from(body, at), at + 4
        state = _STATES[shape & layout.STATE]
        forced = shape & layout.FORCED != 0
        made: Credential = _make(Credential, (key, holder, state, since, until, uses, forced))
        return made, at

    def _time(self, raw: bytes) -> datetime:
        found = self._times.get(raw)
        return _keep(self._times, raw, moment(_number(raw)[0])) if found is None else found

    def _set(self, raw: bytes) -> tuple[LevelId, ...]:
        numbers = struct.unpack(f"<{len(raw) // 2}H", raw)
        found = tuple(self._levels[number] for number in numbers)
        return _keep(self._sets, raw, found)

    def _flag(self, mask: int) -> frozenset[Flag]:
        found = frozenset(flag for number, flag in enumerate(_FLAGS) if mask >> number & 1)
        return _keep(self._flags, mask, found)


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    """Remember a value that many share, and not too many of them."""
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = value
    return value


def _length(size: int, shape: int) -> int:
    """Return the bytes of a credential."""
    return layout.CREDENTIAL.size + size + _CREDENTIAL_SIZES[shape >> 4]


_SIZES = tuple(
    8 * (shape >> 1 & 1)
    + 8 * (shape >> 2 & 1)
    + PIN_BYTES * (shape >> 3 & 1)
    + PIN_BYTES * (shape >> 4 & 1)
    + 4 * (shape >> 5 & 1)
    for shape in range(256)
)  # what else a holder of each shape has
_CREDENTIAL_SIZES = tuple(
    8 * (shape >> 1 & 1) + 8 * (shape >> 2 & 1) + 4 * (shape >> 3 & 1) for shape in range(16)
)
