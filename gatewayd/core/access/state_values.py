"""The durable part of the state as plain values, for a store of keys and JSON values.

    presence/anna           {"area": "lab", "since": "2026-05-08T10:00:00.000000Z"}
    misses/holder:anna      {"wrong": 3, "lockouts": 0, "since": "…", "until": null}
    uses/H10301:36:1        {"uses": 2}
    first_person/lab        {"holder": "anna", "at": "…"}
    threat_level            {"level": 2}
    lockdown                {"on": true}
    forgiven                {"at": "…"}

Every key says what one thing is; no value (None) forgets it. What is read back is checked:
whatever is not exactly as written raises `ValueError`, naming the key.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from gatewayd.core.access.state import (
    AllForgiven,
    Durable,
    FirstPerson,
    FirstPersonIs,
    LockdownIs,
    Misses,
    MissesAre,
    Presence,
    PresenceIs,
    State,
    Subject,
    ThreatLevelIs,
    UsesAre,
)
from gatewayd.core.model import AreaId, DoorId, HolderId

Value = Mapping[str, object]
Entry = tuple[str, Value | None]

MOST = 2**31 - 1  # of whatever is counted
LONGEST = 512  # characters of an id


def to_entry(change: Durable) -> Entry:
    """Return a change as key and value."""
    entry: Entry
    match change:
        case PresenceIs():
            entry = f"presence/{change.holder}", _of_presence(change.presence)
        case MissesAre():
            entry = f"misses/{change.subject}", _of_misses(change.misses)
        case UsesAre():
            entry = f"uses/{change.credential}", {"uses": change.uses} if change.uses else None
        case FirstPersonIs():
            value = {"holder": change.first.holder, "at": stamp(change.first.at)}
            entry = f"first_person/{change.door}", value
        case ThreatLevelIs():
            entry = "threat_level", {"level": change.level}
        case LockdownIs():
            entry = "lockdown", {"on": change.on}
        case _:
            entry = "forgiven", {"at": stamp(change.at)}
    return entry


def from_entry(key: str, value: Value | None) -> Durable:
    """Return the change that an entry is. Raises `ValueError`, which names the key."""
    try:
        return _read(key, value)
    except ValueError as error:
        raise ValueError(f"state {key[:LONGEST]!r}: {error}") from None


def restore(entries: Iterable[Entry]) -> State:
    """Return the state that was kept, in whatever order. Raises `ValueError`."""
    state = State()
    for key, value in entries:
        state.apply(from_entry(key, value))
    return state


# --- writing ----------------------------------------------------------------------


def _of_presence(presence: Presence | None) -> Value | None:
    if presence is None:
        return None
    value: dict[str, object] = {"area": presence.area, "since": stamp(presence.since)}
    return value | {"forgiven": True} if presence.forgiven else value


def _of_misses(misses: Misses | None) -> Value | None:
    if misses is None:
        return None
    return {
        "wrong": misses.wrong,
        "lockouts": misses.lockouts,
        "since": stamp(misses.since),
        "until": None if misses.until is None else stamp(misses.until),
    }


def stamp(when: datetime) -> str:
    """Return a time as it is kept: "2026-05-08T10:00:00.000000Z"."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# --- reading ----------------------------------------------------------------------


def _read(key: str, value: Value | None) -> Durable:
    kind, _, name = key.partition("/")
    read = _READERS.get(kind)
    if read is None or (kind in _SINGLE) == bool(name) or len(name) > LONGEST:
        raise ValueError("there is no such key")
    fields = None if value is None else Fields(value)
    change = read(name, fields)
    if fields is not None:
        fields.done()
    return change


class Fields:
    """A value, each field of which is read once. What is not as it was kept: `ValueError`."""

    def __init__(self, value: Value) -> None:
        self._left = dict(value)

    def text(self, name: str) -> str:
        """Read what is some text, and not too much."""
        found = self._left.pop(name, None)
        if not isinstance(found, str) or not 0 < len(found) <= LONGEST:
            raise ValueError(f"{name} is no text of 1 to {LONGEST} characters")
        return found

    def count(self, name: str) -> int:
        """Read a number from 0 on."""
        found = self._left.pop(name, None)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MOST:
            raise ValueError(f"{name} is no number of 0 to {MOST}")
        return found

    def flag(self, name: str) -> bool:
        """Read what is true or false."""
        found = self._left.pop(name, None)
        if found is True or found is False:
            return found
        raise ValueError(f"{name} is neither true nor false")

    def time(self, name: str) -> datetime:
        """Read a time, exactly as `stamp` writes it."""
        text = self.text(name)
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            when = None
        if when is None or when.tzinfo is not UTC or stamp(when) != text:
            raise ValueError(f"{name} is no time in UTC with microseconds")
        return when

    def has(self, name: str) -> bool:
        """Say whether a field is there and not null; null is read by this."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return False
        return True

    def done(self) -> None:
        """Refuse fields that nobody has read."""
        if self._left:
            raise ValueError(f"it has no field {min(self._left)!r}")


def _presence(name: str, fields: Fields | None) -> Durable:
    holder = HolderId(name)
    if fields is None:
        return PresenceIs(holder, None)
    area = AreaId(fields.text("area")) if fields.has("area") else None
    forgiven = fields.has("forgiven") and fields.flag("forgiven")
    return PresenceIs(holder, Presence(area, fields.time("since"), forgiven))


def _misses(name: str, fields: Fields | None) -> Durable:
    subject = Subject(name)
    if fields is None:
        return MissesAre(subject, None)
    until = fields.time("until") if fields.has("until") else None
    wrong, lockouts = fields.count("wrong"), fields.count("lockouts")
    return MissesAre(subject, Misses(wrong, lockouts, fields.time("since"), until))


def _uses(name: str, fields: Fields | None) -> Durable:
    return UsesAre(name, 0 if fields is None else fields.count("uses"))


def _first_person(name: str, fields: Fields | None) -> Durable:
    given = _needed(fields)
    first = FirstPerson(HolderId(given.text("holder")), given.time("at"))
    return FirstPersonIs(DoorId(name), first)


def _threat_level(_: str, fields: Fields | None) -> Durable:
    return ThreatLevelIs(_needed(fields).count("level"))


def _lockdown(_: str, fields: Fields | None) -> Durable:
    return LockdownIs(_needed(fields).flag("on"))


def _forgiven(_: str, fields: Fields | None) -> Durable:
    return AllForgiven(_needed(fields).time("at"))


def _needed(fields: Fields | None) -> Fields:
    if fields is None:
        raise ValueError("it has no value")
    return fields


_READERS: dict[str, Callable[[str, Fields | None], Durable]] = {
    "presence": _presence,
    "misses": _misses,
    "uses": _uses,
    "first_person": _first_person,
    "threat_level": _threat_level,
    "lockdown": _lockdown,
    "forgiven": _forgiven,
}
_SINGLE = frozenset({"threat_level", "lockdown", "forgiven"})
