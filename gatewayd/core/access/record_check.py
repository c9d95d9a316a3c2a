"""What is wrong with a permission update, all of it at once.

An update is taken whole or not at all, so every mistake is named (up to a bound) and whoever
sent it can mend them in one go. Two places name them: here is all that can be said without
looking up people, before anything is done; `people.worked_out` says the rest on the thread of
the people's store, as looking up thousands of people would hold up everything else.
"""

import re
from collections.abc import Container, Iterator, Mapping
from datetime import datetime

from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.access.pins import PIN_ALONE, shown
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.access.rules_check import too_many, wrong_rules
from gatewayd.core.model import AreaId, DoorId, HolderId
from gatewayd.core.named import SHOWN, listed, named

MAX_ROWS = 10_000  # of people in one update; more are to be replaced as a whole
MAX_VERSION = 2**63 - 1  # what every database and JSON reader of ours can hold
YEARS = range(1970, 9999)  # anything else is a mistake, and overflows somewhere

_DECODED = re.compile(r"[A-Za-z0-9_.-]{1,32}:(0|[1-9][0-9]{0,19})?:(0|[1-9][0-9]{0,38})")
_RAW = re.compile(r"([1-9][0-9]{0,3}):([0-9a-f]{2,512})")
_PIN = re.compile(PIN_ALONE + r"[0-9a-f]{64}")


def mistakes(
    update: Update, after: Rules, doors: Container[DoorId], areas: Container[AreaId]
) -> list[str]:
    """Return what is wrong with an update, in sentences; empty when it is sound so far.

    `after` are the rules that it leads to, `doors` and `areas` are those of the site.
    """
    return named(_all(update, after, doors, areas))


def mistakes_of_rules(
    rules: Rules, doors: Container[DoorId], areas: Container[AreaId]
) -> list[str]:
    """Return what is wrong with rules that stand in for all there were."""
    update = Update(
        0, 1, rules.schedules, rules.special_days, rules.levels, rules.doors, rules.areas
    )
    return mistakes(update, rules, doors, areas)


def mistakes_of_people(
    holders: Mapping[HolderId, Holder | None], credentials: Mapping[str, Credential | None]
) -> list[str]:
    """Return what is wrong with some people in themselves, whoever else there is."""
    return named(_people(holders, credentials))


def levels_gone(update: Update) -> frozenset[LevelId]:
    """Return the levels it takes away, which nobody may have afterwards."""
    return frozenset(level for level, record in update.levels.items() if record is None)


def well_formed(key: str) -> bool:
    """Say whether a string can be the key of a credential, digit for digit.

    That is `Card.decoded`, `Card.raw`, or what `SiteKey.key_of` makes of a PIN alone.
    """
    return (
        _DECODED.fullmatch(key) is not None
        or _well_formed_raw(key)
        or _PIN.fullmatch(key) is not None
    )


def _well_formed_raw(key: str) -> bool:
    match = _RAW.fullmatch(key)
    if match is None:
        return False
    bits, digits = int(match[1]), match[2]
    padding = -bits % 8
    return len(digits) == 2 * ((bits + 7) // 8) and not int(digits, 16) & ((1 << padding) - 1)


# --- all of it --------------------------------------------------------------------


def _all(
    update: Update, after: Rules, doors: Container[DoorId], areas: Container[AreaId]
) -> Iterator[str]:
    if not update.base < update.version <= MAX_VERSION:
        yield f"version {update.version} does not come after base {update.base}"
    absurd = [*too_many(update, after)]
    rows = len(update.holders) + len(update.credentials)
    if rows > MAX_ROWS:
        absurd.append(f"{rows} holders and credentials in one update, at most {MAX_ROWS}")
    if absurd:
        yield from absurd
        return
    yield from wrong_rules(update, after, doors, areas)
    yield from _people(update.holders, update.credentials)
    yield from _levels_missing(update, after)


def _people(
    holders: Mapping[HolderId, Holder | None], credentials: Mapping[str, Credential | None]
) -> Iterator[str]:
    for whoever, holder in holders.items():
        if holder is not None:
            for wrong in _wrong_times(holder.valid_from, holder.valid_until):
                yield f"holder {whoever[:SHOWN]!r}: {wrong}"
    for key, credential in credentials.items():
        if not well_formed(key):
            yield f"{shown(key)[:SHOWN]!r} is not the key of a credential"
        if credential is not None:
            for wrong in _wrong_times(credential.valid_from, credential.valid_until):
                yield f"credential {shown(key)[:SHOWN]!r}: {wrong}"


def _levels_missing(update: Update, after: Rules) -> Iterator[str]:
    for whoever, holder in update.holders.items():
        if holder is None:
            continue
        unknown = {level for level in holder.levels if level not in after.levels}
        if unknown:
            yield f"holder {whoever[:SHOWN]!r}: no such level: {listed(unknown)}"


def _wrong_times(since: datetime | None, until: datetime | None) -> Iterator[str]:
    times = [when for when in (since, until) if when is not None]
    if any(when.utcoffset() is None for when in times):
        return  # `people.unfit` says so
    if any(when.year not in YEARS for when in times):
        yield f"a time outside the years {YEARS[0]} to {YEARS[-1]}"
    elif since is not None and until is not None and since >= until:
        yield "valid_from is not before valid_until"
