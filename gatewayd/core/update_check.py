"""What is wrong with a permission update, all of it at once.

An update is taken whole or not at all, so every mistake is named (up to a bound) and
whoever sent it can mend them in one go.
"""

import re
from collections.abc import Container, Iterator

from gatewayd.core.model import DoorId
from gatewayd.core.permissions import Grant, Permissions, Update

MAX_GRANTS = 10_000  # in one update
MAX_CREDENTIALS = 2_000_000  # held at a time
MAX_DOORS = 1_024  # of one grant
MAX_VERSION = 2**63 - 1  # what every database and JSON reader of ours can hold
YEARS = range(1970, 9999)  # anything else is a mistake, and overflows somewhere
MAX_NAMED = 20  # mistakes named one by one
SHOWN = 48  # characters of a wrong key or holder that are repeated to the sender

_DECODED = re.compile(r"[A-Za-z0-9_.-]{1,32}:(0|[1-9][0-9]{0,19})?:(0|[1-9][0-9]{0,38})")
_RAW = re.compile(r"([1-9][0-9]{0,3}):([0-9a-f]{2,512})")
_HOLDER = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,64}")


def mistakes(update: Update, doors: Container[DoorId], held: Permissions) -> list[str]:
    """Return what is wrong with an update, in sentences; empty when it is sound.

    `doors` are those of the site, `held` is what the update will change.
    """
    found: list[str] = []
    more = 0
    for mistake in _all(update, doors, held):
        if len(found) < MAX_NAMED:
            found.append(mistake)
        else:
            more += 1
    return [*found, f"and {more} more"] if more else found


def _all(update: Update, doors: Container[DoorId], held: Permissions) -> Iterator[str]:
    if not update.base < update.version <= MAX_VERSION:
        yield f"version {update.version} does not come after base {update.base}"
    if len(update.grants) > MAX_GRANTS:
        yield f"{len(update.grants)} credentials in one update, at most {MAX_GRANTS}"
        return
    new = sum(grant is not None and key not in held for key, grant in update.grants.items())
    if new and len(held) + new > MAX_CREDENTIALS:
        yield f"more than {MAX_CREDENTIALS} credentials"
    for key, grant in update.grants.items():
        if not well_formed(key):
            yield f"{key[:SHOWN]!r} is not the key of a card"
        if grant is not None:
            for wrong in _wrong_with(grant, doors):
                yield f"{key[:SHOWN]!r}: {wrong}"


def well_formed(key: str) -> bool:
    """Say whether a string can be `Card.decoded` or `Card.raw`, digit for digit."""
    return _DECODED.fullmatch(key) is not None or _well_formed_raw(key)


def _well_formed_raw(key: str) -> bool:
    match = _RAW.fullmatch(key)
    if match is None:
        return False
    bits, digits = int(match[1]), match[2]
    padding = -bits % 8
    return len(digits) == 2 * ((bits + 7) // 8) and not int(digits, 16) & ((1 << padding) - 1)


def _wrong_with(grant: Grant, doors: Container[DoorId]) -> Iterator[str]:
    if _HOLDER.fullmatch(grant.holder) is None:
        yield f"holder {grant.holder[:SHOWN]!r} is not 1 to 64 printable characters"
    if len(grant.doors) > MAX_DOORS:
        yield f"{len(grant.doors)} doors, at most {MAX_DOORS}"
    elif unknown := sorted(door for door in grant.doors if door not in doors):
        yield f"no such door: {', '.join(door[:SHOWN] for door in unknown[:MAX_NAMED])}"
    times = [when for when in (grant.valid_from, grant.valid_until) if when is not None]
    if any(when.utcoffset() is None for when in times):
        yield "a time without its offset from UTC"
    elif any(when.year not in YEARS for when in times):
        yield f"a time outside the years {YEARS[0]} to {YEARS[-1]}"
    elif len(times) == 2 and times[0] >= times[1]:
        yield "valid_from is not before valid_until"
