"""People as upstream sends them: a holder with all credentials, and what a change does.

A change from `base` to `version` puts and removes holders and credentials, all or nothing.
`worked_out` says what becomes of each person it touches, or names every mistake. Removing
what is not there is none: a change may be sent twice. A holder who goes takes PINs that are
credentials along: nobody else can name them. `KEPT` in place of what is kept of a PIN stands
for what this holder has when the change is worked out; who is new has none.

The digest lets both sides compare what they hold without sending it. It is the sum, modulo
2^256, of the SHA-256 of one line for every holder and every credential, as 64 hexadecimal
digits; so it does not depend on order, and a change moves it by its own lines only. A line
is UTF-8, its fields separated by tabs:

    holder  id  enabled  valid_from  valid_until  levels  pin  duress_pin  clearance  flags
    credential  key  holder  state  valid_from  valid_until  max_uses  duress

Lists are in ascending order, separated by commas. Yes and no are "1" and "0", also for the
PINs: whether there is one. The key of a PIN alone is "PIN": only the site can tell one PIN from
another. Times are UTC with microseconds, "2030-01-01T00:00:00.000000Z",
what is not there is empty.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple, Protocol

from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.access.pins import PIN_ALONE, shown
from gatewayd.core.model import HolderId

CREDENTIALS_OF_ONE = 255
LEVELS_OF_ONE = 255
LONGEST_ID = 255  # bytes of UTF-8
PIN_BYTES = 32
KEPT = b"kept"  # of no PIN: the wrong length, so that it can never be written or matched
MISTAKES = 100  # that are named; there may be more
MODULUS = 1 << 256

_CLEARANCE = 1 << 31
_USES = 1 << 32


class Person(NamedTuple):
    """A holder and all that this holder presents."""

    holder: Holder
    credentials: tuple[Credential, ...] = ()


@dataclass(frozen=True, slots=True)
class PeopleChange:
    """What leads from `base` to `version`; None takes a holder or a credential away.

    `rest` is whatever else must change in the very same moment, or None to leave it;
    `levels_gone` are levels that it takes away, which nobody may have afterwards.
    """

    base: int
    version: int
    holders: Mapping[HolderId, Holder | None] = field(default_factory=dict)
    credentials: Mapping[str, Credential | None] = field(default_factory=dict)
    rest: bytes | None = None
    levels_gone: frozenset[LevelId] = frozenset()


class Held(Protocol):
    """Who is held now."""

    def credential(self, key: str) -> Credential | None:
        """Return the credential of this key."""

    def person(self, holder: HolderId) -> Person | None:
        """Return a holder with all credentials."""


class Outcome(NamedTuple):
    """What becomes of everybody a change touches; or `mistakes`, and then of nobody."""

    before: Mapping[HolderId, Person | None] = {}
    after: Mapping[HolderId, Person | None] = {}
    gone: tuple[str, ...] = ()  # keys that are nobody's any more
    moved: int = 0  # to be added to the sum of the digest
    mistakes: tuple[str, ...] = ()

    @property
    def more(self) -> tuple[int, int]:
        """How many holders and credentials there are more than before."""
        (holders, credentials), (had, had_of) = _count(self.after), _count(self.before)
        return holders - had, credentials - had_of


def _count(people: Mapping[HolderId, Person | None]) -> tuple[int, int]:
    some = [each for each in people.values() if each is not None]
    return len(some), sum(len(each.credentials) for each in some)


def worked_out(held: Held, change: PeopleChange) -> Outcome:
    """Say what a change does to those who are held."""
    if misplaced := _named(_misplaced(change)):
        return Outcome(mistakes=misplaced)
    before: dict[HolderId, Person | None] = {}
    after: dict[HolderId, Person | None] = {}
    mistakes: list[str] = []
    moved, put = 0, _by_holder(change.credentials.values())
    for each in _touched(held, change):
        before[each] = held.person(each)
        becoming = _become(change, each, before[each], put)
        mistakes += _wrong(each, becoming)
        person = after[each] = _sound(becoming)
        if not mistakes:
            moved += weight(person) - weight(before[each])
    mistakes += _taken_over(held, change)
    if mistakes:
        return Outcome(mistakes=tuple(mistakes[:MISTAKES]))
    have = {key for person in after.values() for key in keys_of(person)}
    had = [key for person in before.values() for key in keys_of(person)]
    return Outcome(before, after, tuple(key for key in had if key not in have), moved)


def keys_of(person: Person | None) -> Iterable[str]:
    """Return the keys of all credentials."""
    return () if person is None else [each.key for each in person.credentials]


def unfit(person: Person) -> Iterator[str]:
    """Name what nobody could keep: sizes and characters."""
    holder, credentials = person
    yield from _of_holder(holder)
    if len(credentials) > CREDENTIALS_OF_ONE:
        yield f"holder {holder.id!r} has more than {CREDENTIALS_OF_ONE} credentials"
    if len({each.key for each in credentials}) < len(credentials):
        yield f"holder {holder.id!r} has a credential twice"
    for each in credentials:
        if each.holder != holder.id:
            whose = f"credential {shown(each.key)!r} of {each.holder!r}"
            yield f"{whose} stands with {holder.id!r}"
        yield from _of_credential(each)


# --- the digest -------------------------------------------------------------------


def weight(person: Person | None) -> int:
    """Return what somebody adds to the sum of the digest."""
    if person is None:
        return 0
    lines = [_holder_line(person.holder), *map(_credential_line, person.credentials)]
    return sum(int.from_bytes(sha256(line.encode()).digest()) for line in lines)


def digest(total: int) -> str:
    """Return the digest that belongs to a sum of weights."""
    return f"{total % MODULUS:064x}"


def _holder_line(holder: Holder) -> str:
    whoever, enabled, since, until, levels, pin, duress, clearance, flags = holder
    return (
        f"holder\t{whoever}\t{enabled:d}\t{_stamp(since)}\t{_stamp(until)}\t"
        f"{_listed(levels)}\t{pin is not None:d}\t{duress is not None:d}\t"
        f"{clearance}\t{_listed(flags)}"
    )


def _credential_line(credential: Credential) -> str:
    key, holder, state, since, until, uses, duress = credential
    return (
        f"credential\t{shown(key)}\t{holder}\t{state}\t{_stamp(since)}\t{_stamp(until)}\t"
        f"{'' if uses is None else uses}\t{duress:d}"
    )


def _listed(names: Iterable[str]) -> str:
    return ",".join(sorted(names))


def _stamp(when: datetime | None) -> str:
    if when is None:
        return ""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# --- what a change does -----------------------------------------------------------


def _touched(held: Held, change: PeopleChange) -> list[HolderId]:
    """Return everybody whose record changes, once each."""
    touched = list(change.holders)
    for key, credential in change.credentials.items():
        had = held.credential(key)
        touched += [each.holder for each in (had, credential) if each is not None]
    return list(dict.fromkeys(touched))


def _by_holder(credentials: Iterable[Credential | None]) -> dict[HolderId, list[Credential]]:
    found: dict[HolderId, list[Credential]] = {}
    for each in credentials:
        if each is not None:
            found.setdefault(each.holder, []).append(each)
    return found


class _Becoming(NamedTuple):
    holder: Holder | None
    kept: tuple[Credential, ...]
    put: tuple[Credential, ...]


def _become(
    change: PeopleChange,
    whoever: HolderId,
    before: Person | None,
    put: Mapping[HolderId, list[Credential]],
) -> _Becoming:
    had = None if before is None else before.holder
    holder = change.holders.get(whoever, had)
    if holder is not None:
        holder = with_kept_pins(holder, had)
    kept = tuple(
        each
        for each in (() if before is None else before.credentials)
        if each.key not in change.credentials
        and not (holder is None and each.key.startswith(PIN_ALONE))
    )
    return _Becoming(holder, kept, tuple(put.get(whoever, ())))


def with_kept_pins(holder: Holder, had: Holder | None) -> Holder:
    """Put what is kept of PINs in the place of `KEPT`; `had` None: the holder is new."""
    pin, duress = (None, None) if had is None else (had.pin, had.duress_pin)
    if holder.pin == KEPT:
        holder = holder._replace(pin=pin)
    if holder.duress_pin == KEPT:
        holder = holder._replace(duress_pin=duress)
    return holder


def _sound(becoming: _Becoming) -> Person | None:
    holder, kept, put = becoming
    return None if holder is None else Person(holder, kept + put)


# --- mistakes ---------------------------------------------------------------------


def _named(mistakes: Iterator[str]) -> tuple[str, ...]:
    """Take as many as are named."""
    return tuple(mistake for mistake, _ in zip(mistakes, range(MISTAKES), strict=False))


def _misplaced(change: PeopleChange) -> Iterator[str]:
    if change.version <= change.base:
        yield f"a change from {change.base} to {change.version} leads nowhere"
    for whoever, holder in change.holders.items():
        if holder is not None and holder.id != whoever:
            yield f"holder {whoever!r} is put under another id, {holder.id!r}"
    for key, credential in change.credentials.items():
        if credential is not None and credential.key != key:
            other = shown(credential.key)
            yield f"credential {shown(key)!r} is put under another key, {other!r}"


def _wrong(whoever: HolderId, becoming: _Becoming) -> Iterator[str]:
    holder, kept, put = becoming
    if holder is not None:
        yield from unfit(Person(holder, kept + put))
        return
    for each in kept:
        yield f"holder {whoever!r} goes, but credential {shown(each.key)!r} stays"
    for each in put:
        yield f"credential {shown(each.key)!r} belongs to {whoever!r}, who does not exist"


def _taken_over(held: Held, change: PeopleChange) -> Iterator[str]:
    """Name PINs alone that somebody else has: to move one is never meant, unlike a card."""
    for key, credential in change.credentials.items():
        if credential is None or not key.startswith(PIN_ALONE):
            continue
        had = held.credential(key)
        if had is None or had.holder == credential.holder:
            continue
        if change.holders.get(had.holder, had) is not None:  # who goes leaves it to others
            yield f"holder {credential.holder!r}: this PIN alone is somebody else's"


def _of_holder(holder: Holder) -> Iterator[str]:
    whose = f"holder {holder.id!r}"
    if not _is_name(holder.id):
        yield f"{whose}: no id of 1 to {LONGEST_ID} bytes without control characters"
    if len(holder.levels) > LEVELS_OF_ONE:
        yield f"{whose} has more than {LEVELS_OF_ONE} levels"
    for level in holder.levels:
        if not _is_name(level) or "," in level:
            yield f"{whose}: {level!r} is no id of a level"
    if holder.pin is not None or holder.duress_pin is not None:
        yield from _of_pins(whose, holder.pin, holder.duress_pin)
    if not -_CLEARANCE <= holder.clearance < _CLEARANCE:
        yield f"{whose}: a clearance has 32 bits"
    yield from _of_times(whose, holder.valid_from, holder.valid_until)


def _of_pins(whose: str, pin: bytes | None, duress_pin: bytes | None) -> Iterator[str]:
    pins = [each for each in (pin, duress_pin) if each is not None]
    if KEPT in pins:
        yield f"{whose}: no PIN is held that could be kept"
    elif any(len(each) != PIN_BYTES for each in pins):
        yield f"{whose}: what is kept of a PIN has {PIN_BYTES} bytes"
    elif len(set(pins)) < len(pins):
        yield f"{whose}: the PIN for duress is the usual one"


def _of_credential(credential: Credential) -> Iterator[str]:
    which = f"credential {shown(credential.key)!r}"
    if not _is_name(credential.key):
        yield f"{which}: no key of 1 to {LONGEST_ID} bytes without control characters"
    if credential.max_uses is not None and not 0 <= credential.max_uses < _USES:
        yield f"{which}: max_uses is 0 to {_USES - 1}"
    yield from _of_times(which, credential.valid_from, credential.valid_until)


def _of_times(what: str, *times: datetime | None) -> Iterator[str]:
    if any(each is not None and each.tzinfo is None for each in times):
        yield f"{what}: a time without a zone"


def _is_name(name: str) -> bool:
    """Say whether it fits into a line and into a record."""
    if name.isascii():
        size = len(name)
    else:
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            return False
    if not 0 < size <= LONGEST_ID:
        return False
    return name.isprintable() or not any(each < " " or each == "\x7f" for each in name)
