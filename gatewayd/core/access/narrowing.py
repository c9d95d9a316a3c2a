"""What a change takes away, before the disk has it.

While a change is on its way to the disk, and if the disk fails, what it takes away denies
already and what it gives is not given yet. So of what somebody was and what somebody is to
be, only that holds which both allow.
"""

from datetime import datetime

from gatewayd.core.access.model import Credential, CredentialState, Flag, Holder
from gatewayd.core.access.people import Person

_RESTRICTING = frozenset({Flag.VISITOR})


def narrowed(before: Person | None, after: Person | None) -> Person | None:
    """Return the person with what both allow; None if there is nothing."""
    if before is None or after is None:
        return None
    later = {each.key: each for each in after.credentials}
    both = ((each, later.get(each.key)) for each in before.credentials)
    return Person(
        _holder(before.holder, after.holder),
        tuple(_credential(old, new) for old, new in both if new is not None),
    )


def _holder(old: Holder, new: Holder) -> Holder:
    return Holder(
        new.id,
        old.enabled and new.enabled,
        _later(old.valid_from, new.valid_from),
        _earlier(old.valid_until, new.valid_until),
        tuple(level for level in old.levels if level in new.levels),
        old.pin if old.pin == new.pin else None,
        old.duress_pin if old.duress_pin == new.duress_pin else None,
        min(old.clearance, new.clearance),
        (old.flags & new.flags) | ((old.flags | new.flags) & _RESTRICTING),
    )


def _credential(old: Credential, new: Credential) -> Credential:
    uses = [each.max_uses for each in (old, new) if each.max_uses is not None]
    return Credential(
        new.key,
        new.holder,
        new.state if old.state is CredentialState.ENABLED else old.state,
        _later(old.valid_from, new.valid_from),
        _earlier(old.valid_until, new.valid_until),
        min(uses, default=None),
        old.duress or new.duress,
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    times = [each for each in (one, other) if each is not None]
    return max(times, default=None)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    times = [each for each in (one, other) if each is not None]
    return min(times, default=None)
