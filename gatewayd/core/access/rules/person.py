"""Rules of a credential and its holder: whether they are in order, and may pass here."""

from datetime import datetime

from gatewayd.core.access.case import NOBODY, Case
from gatewayd.core.access.model import CredentialState
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules.presented import shown_until
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.access.state import pins_of_holder
from gatewayd.core.schedule import Basis, ScheduleId
from gatewayd.core.schedule_words import in_words

_ENABLED = CredentialState.ENABLED
_STATES = {
    CredentialState.DISABLED: Reason.CREDENTIAL_DISABLED,
    CredentialState.LOST: Reason.CREDENTIAL_LOST,
    CredentialState.STOLEN: Reason.CREDENTIAL_STOLEN,
    CredentialState.DAMAGED: Reason.CREDENTIAL_DAMAGED,
    CredentialState.DESTROYED: Reason.CREDENTIAL_DESTROYED,
    CredentialState.INACTIVE: Reason.CREDENTIAL_INACTIVE,
    CredentialState.UNASSIGNED: Reason.CREDENTIAL_UNASSIGNED,
    CredentialState.LOCKED_OUT: Reason.CREDENTIAL_LOCKED_OUT,
}


def credential_state(case: Case) -> Reason | None:
    """Only an enabled credential of somebody opens."""
    if case.credential.state is not _ENABLED:
        return _STATES[case.credential.state]
    return Reason.CREDENTIAL_UNASSIGNED if case.holder is NOBODY else None


def _credential_state(case: Case, _: Reason | None) -> str:
    if case.holder is NOBODY:
        return f"the credential is {case.credential.state}, and nobody's"
    return f"the credential is {case.credential.state}"


def credential_validity(case: Case) -> Reason | None:
    """Its validity includes its first moment, not its last."""
    since, until = case.credential.valid_from, case.credential.valid_until
    if since is None and until is None:
        return None
    return _outside(
        case, since, until, Reason.CREDENTIAL_NOT_YET_ACTIVE, Reason.CREDENTIAL_EXPIRED
    )


def _credential_validity(case: Case, _: Reason | None) -> str:
    return _validity(
        case, "credential", case.credential.valid_from, case.credential.valid_until
    )


def credential_lockout(case: Case) -> Reason | None:
    """Too many wrong PINs lock out all credentials of their holder, everywhere."""
    if not case.state.misses:
        return None
    locked = case.locked(pins_of_holder(case.holder.id), case.book.policy.holder_pins)
    return Reason.CREDENTIAL_LOCKED_OUT if locked else None


def _credential_lockout(case: Case, reason: Reason | None) -> str:
    if reason:
        until = shown_until(case, pins_of_holder(case.holder.id))
        return f"too many wrong PINs of the holder; until {until}"
    return "the holder is not locked out for wrong PINs"


def holder_state(case: Case) -> Reason | None:
    """An enabled holder, within the holder's own validity."""
    holder = case.holder
    if not holder.enabled:
        return Reason.HOLDER_DISABLED
    since, until = holder.valid_from, holder.valid_until
    if since is None and until is None:
        return None
    return _outside(case, since, until, Reason.HOLDER_NOT_YET_ACTIVE, Reason.HOLDER_EXPIRED)


def _holder_state(case: Case, reason: Reason | None) -> str:
    if reason is Reason.HOLDER_DISABLED:
        return "the holder is disabled"
    return _validity(case, "holder", case.holder.valid_from, case.holder.valid_until)


def _outside(
    case: Case, since: datetime | None, until: datetime | None, early: Reason, late: Reason
) -> Reason | None:
    now = case.now.utc
    if since is not None and now < since:
        return early
    if until is not None and now >= until:
        return late
    if case.hours.certain:
        return None
    margin = case.book.policy.clock_margin
    near = (since is not None and now - since < margin) or (
        until is not None and until - now <= margin
    )
    return Reason.TIME_UNCERTAIN if near else None


def _validity(case: Case, what: str, since: datetime | None, until: datetime | None) -> str:
    shown = case.book.schedules.clock.shown
    bounds = [
        f"{word} {shown(each):%Y-%m-%d %H:%M}"
        for word, each in (("from", since), ("until", until))
        if each is not None
    ]
    said = f"the {what} is valid {' '.join(bounds) or 'without end'}"
    now = f", it is {shown(case.now.utc):%Y-%m-%d %H:%M}" if bounds else ""
    return said + now + _clock(case)


def rights(case: Case) -> Reason | None:
    """One of the holder's levels includes this point, and is open at this hour."""
    levels = case.holder.levels
    if not case.hours.open.isdisjoint(levels):
        return None
    if not case.point.levels.keys().isdisjoint(levels):
        return _out_of_hours(case)
    to = case.point.to
    if to is None or not case.point.moves or case.book.reachable(to, levels):
        return Reason.NO_RIGHTS_POINT
    return Reason.NO_RIGHTS_ZONE


def _out_of_hours(case: Case) -> Reason:
    if not case.hours.certain:
        return Reason.TIME_UNCERTAIN
    state = case.book.schedules.state
    special = all(
        state(each, case.now.utc).why.basis is Basis.SPECIAL_DAYS for each in _schedules(case)
    )
    return Reason.SPECIAL_DAY if special else Reason.OUT_OF_SCHEDULE


def _schedules(case: Case) -> list[ScheduleId]:
    """Return the schedules by which the holder may pass here, each once."""
    found = (each for level in case.holder.levels for each in case.point.levels.get(level, ()))
    return list(dict.fromkeys(found))


def _rights(case: Case, reason: Reason | None) -> str:
    if reason is Reason.NO_RIGHTS_ZONE:
        return f"no access level of the holder leads into {case.point.to}"
    if reason is Reason.NO_RIGHTS_POINT:
        return f"no access level of the holder includes {case.point.id}"
    said = [in_words(case.book.schedules, each, case.now.utc) for each in _schedules(case)]
    return "; ".join(said) + _clock(case)


def _clock(case: Case) -> str:
    return "" if case.hours.certain else "; the clock may be wrong"


def use_limit(case: Case) -> Reason | None:
    """A credential opens so many times; a use counts when the door was opened."""
    limit = case.credential.max_uses
    if limit is None or case.state.uses.get(case.credential.key, 0) < limit:
        return None
    return Reason.USE_LIMIT


def _use_limit(case: Case, _: Reason | None) -> str:
    limit = case.credential.max_uses
    if limit is None:
        return "the credential has no limit of uses"
    return f"used {case.state.uses.get(case.credential.key, 0)} of {limit} times"


CREDENTIAL_STATE = Rule("credential state", About.PERSON, credential_state, _credential_state)
CREDENTIAL_VALIDITY = Rule(
    "credential validity",
    About.PERSON,
    credential_validity,
    _credential_validity,
)
CREDENTIAL_LOCKOUT = Rule(
    "credential lockout", About.PERSON, credential_lockout, _credential_lockout
)
HOLDER_STATE = Rule("holder", About.PERSON, holder_state, _holder_state)
RIGHTS = Rule("rights and hours", About.PERSON, rights, _rights)
USE_LIMIT = Rule("use limit", About.PERSON, use_limit, _use_limit)
