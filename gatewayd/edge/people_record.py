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
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from mmap import mmap
from typing import Any, TypeVar
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
_UNIT = layout.UNIT
_PLAIN = layout.FORCED  # a credential below this shape has a state and nothing else
_BODY = layout.RECORD.size - _CHECK_SIZE  # where the levels begin in what is checked

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_unpack = layout.RECORD.unpack_from
_number = layout.MICROSECONDS.unpack_from
_new: Any = tuple.__new__
_holder_of: Callable[[type[Holder], tuple[object, ...]], Holder] = _new  # in half the time of
_credential_of: Callable[[type[Credential], tuple[object, ...]], Credential] = _new  # a call


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


class Reader:
    """Reads the records of one file. Any thread; the shared values are only ever added to."""

    def __init__(self, memory: Memory, seed: int, levels: Sequence[LevelId]) -> None:
        self._memory, self._seed, self._levels = memory, seed, levels
        self._sets: dict[bytes, tuple[LevelId, ...]] = {b"": ()}
        self._flags: dict[int, frozenset[Flag]] = {0: frozenset()}
        self._times: dict[bytes, datetime] = {}

    def find(self, place: int, name: bytes, key: str) -> Found | None:
        """Return a credential and its holder if the record at this place has the key.

        `name` is the key in UTF-8. Raises DamagedRecord, and whatever unpacking raises, if
        there is no such record. All in one piece: a call more costs a tenth of it.
        """
        memory, at = self._memory, place * _UNIT
        check, units, size, levels, count, shape, flags = _unpack(memory, at)
        body = memory[at + 4 : at + units * _UNIT]
        if crc32(body, self._seed ^ place) != check:
            raise _mismatch(at)
        ends = _BODY + levels * 2 + size
        at, length = ends + _SIZES[shape], len(name)
        while count:
            if body[at] == length and body[at + 2 : at + 2 + length] == name:
                break
            at += 2 + body[at] + _CREDENTIAL_SIZES[body[at + 1] >> 4]
            count -= 1
        else:
            return None
        holder = self._holder(body, ends - size, ends, shape, flags)
        shape = body[at + 1]
        if shape < _PLAIN:
            state = _STATES[shape]
            return _credential_of(
                Credential, (key, holder[0], state, None, None, None, False)
            ), holder
        return self._credential(body, at, holder[0])[0], holder

    def person(self, place: int, name: bytes | None = None) -> Person | None:
        """Return all of a record; None if it is somebody's of another name. Raises as above."""
        at = place * _UNIT
        check, units, size, levels, count, shape, flags = _unpack(self._memory, at)
        body = self._memory[at + 4 : at + units * _UNIT]
        if crc32(body, self._seed ^ place) != check:
            raise _mismatch(at)
        begins = _BODY + levels * 2
        ends = begins + size
        if name is not None and body[begins:ends] != name:
            return None
        holder, credentials = self._holder(body, begins, ends, shape, flags), []
        at = ends + _SIZES[shape]
        for _ in range(count):
            credential, at = self._credential(body, at, holder[0])
            credentials.append(credential)
        return Person(holder, tuple(credentials))

    def after(self, place: int) -> int:
        """Return where the record behind a sound one begins."""
        return place + int(_unpack(self._memory, place * _UNIT)[1])

    def _holder(self, body: bytes, begins: int, ends: int, shape: int, flags: int) -> Holder:
        """Return the holder whose id is there."""
        levels = self._sets.get(numbers := body[_BODY:begins])
        if levels is None:
            levels = self._set(numbers)
        special = self._flags.get(flags)
        if special is None:
            special = self._flag(flags)
        whoever = body[begins:ends].decode()
        if shape == layout.ENABLED:
            return _holder_of(
                Holder, (whoever, True, None, None, levels, None, None, 0, special)
            )
        since, until, clearance, pin, duress = self._optional(body, shape, ends)
        enabled = shape & layout.ENABLED != 0
        return _holder_of(
            Holder,
            (whoever, enabled, since, until, levels, pin, duress, clearance, special),
        )

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
        return _credential_of(Credential, (key, holder, state, since, until, uses, forced)), at

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


def _mismatch(at: int) -> DamagedRecord:
    return DamagedRecord(f"the record at {at} does not fit its check")


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
