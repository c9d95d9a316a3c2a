"""Holders and credentials as rows of JSON: what parts and logs hold.

    holder      [id, enabled, valid_from, valid_until, levels, pin, duress_pin, clearance,
                 flags]
    credential  [key, holder, state, valid_from, valid_until, max_uses, duress]

Times are microseconds since 1970, what is kept of PINs is hexadecimal. They come from our own
files, behind a check: whatever does not fit raises ValueError or TypeError, without the row.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gatewayd.core.access.model import Credential, CredentialState, Flag, Holder, LevelId
from gatewayd.core.access.people import Person
from gatewayd.core.model import HolderId
from gatewayd.edge.people_record import microseconds, moment

Row = list[Any]

_STATES: Mapping[str, CredentialState] = {each.value: each for each in CredentialState}


def holder_row(holder: Holder) -> Row:
    """Return the row of a holder."""
    return [
        holder.id,
        holder.enabled,
        _number(holder.valid_from),
        _number(holder.valid_until),
        list(holder.levels),
        None if holder.pin is None else holder.pin.hex(),
        None if holder.duress_pin is None else holder.duress_pin.hex(),
        holder.clearance,
        sorted(holder.flags),
    ]


def credential_row(credential: Credential) -> Row:
    """Return the row of a credential."""
    return [
        credential.key,
        credential.holder,
        credential.state.value,
        _number(credential.valid_from),
        _number(credential.valid_until),
        credential.max_uses,
        credential.duress,
    ]


def holder_of(row: Row) -> Holder:
    """Return the holder of a row."""
    whoever, enabled, since, until, levels, pin, duress, clearance, flags = row
    return Holder(
        HolderId(_text(whoever)),
        enabled is True,
        _moment(since),
        _moment(until),
        tuple(LevelId(_text(each)) for each in levels),
        None if pin is None else bytes.fromhex(pin),
        None if duress is None else bytes.fromhex(duress),
        int(clearance),
        frozenset(map(Flag, flags)) if flags else frozenset(),
    )


def credential_of(row: Row) -> Credential:
    """Return the credential of a row."""
    key, holder, state, since, until, uses, duress = row
    if state not in _STATES:
        raise ValueError("no state of a credential")
    return Credential(
        _text(key),
        HolderId(_text(holder)),
        _STATES[state],
        _moment(since),
        _moment(until),
        None if uses is None else int(uses),
        duress is not False,
    )


def person_row(person: Person) -> Row:
    """Return a person as a row of rows."""
    return [holder_row(person.holder), [credential_row(each) for each in person.credentials]]


def person_of(row: Row) -> Person:
    """Return the person of a row of rows."""
    holder, credentials = row
    return Person(holder_of(holder), tuple(map(credential_of, credentials)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a name that is no text")
    return value


def _number(when: datetime | None) -> int | None:
    return None if when is None else microseconds(when)


def _moment(number: int | None) -> datetime | None:
    return None if number is None else moment(number)
