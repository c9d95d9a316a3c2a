"""What follows from a decision: what it changes at once, when the door was opened, or not.

Every change says what something is from now on (`state`), so it can be kept as it is. Who is
where, uses and first persons change when access was *taken*: who was granted and did not
open the door is still where he was.
"""

from collections.abc import Iterator
from datetime import timedelta

from gatewayd.core.access.attempt import Decision, Person
from gatewayd.core.access.book import Book
from gatewayd.core.access.case import NOBODY, Case
from gatewayd.core.access.model import Flag, Passback, Side
from gatewayd.core.access.policy import PinLimit
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules.company import companion
from gatewayd.core.access.rules.passback import violated
from gatewayd.core.access.state import (
    SITE,
    CardWait,
    CardWaits,
    CompanionWait,
    CompanionWaits,
    FirstPerson,
    FirstPersonIs,
    Misses,
    MissesAre,
    Presence,
    PresenceIs,
    State,
    StateChange,
    Subject,
    UsesAre,
    pins_of_holder,
)
from gatewayd.core.model import HolderId, Moment

_GRANTED = Reason.GRANTED
_GUESSING = (Reason.UNKNOWN_CREDENTIAL, Reason.LOCKDOWN)  # an exempt holder's PIN would do
_CHANGING = (Reason.SECOND_PERSON_AWAITED, Reason.ESCORT_AWAITED)  # whatever went before


def answer(case: Case, reason: Reason) -> Decision:
    """Return a decision that is no grant."""
    state = case.state
    changes: list[StateChange] = []
    if case.compares or state.cards or state.companions or reason in _CHANGING:
        changes += [*_pins(case, reason), *_cards(case, reason), *_companions(case, reason)]
    until = None
    for each in changes:
        if isinstance(each, CardWaits | CompanionWaits) and each.wait is not None:
            until = each.wait.until
    if reason is Reason.MUSTERED:
        to = case.point.portal.inside
        changes.append(PresenceIs(case.holder.id, Presence(to, state.moment(case.now.utc))))
    point = case.point
    return Decision(
        point.door,
        point.side,
        reason,
        case.card,
        None if case.holder is NOBODY else case.holder.id,
        case.credential.key or None,
        changes=tuple(changes),
        duress=case.duress,
        until=until,
    )


def grant(case: Case) -> Decision:
    """Return a grant to the holder, and to whoever comes along."""
    point, holder = case.point, case.holder
    state = case.state
    if holder.flags or case.compares or point.told or state.cards or state.companions:
        return _grant(case)
    portal, credential = point.portal, case.credential
    return Decision(
        point.door,
        point.side,
        _GRANTED,
        case.card,
        holder.id,
        credential.key,
        portal.release_seconds,
        portal.open_seconds,
        (),
        None,
        credential.duress,
    )


def _grant(case: Case) -> Decision:
    point = case.point
    portal = point.portal
    other = companion(case)
    everybody = [case]
    if other is not None:
        everybody.append(case.of(other.credential))
    longer = any(Flag.EXTENDED_TIME in each.holder.flags for each in everybody)
    return Decision(
        point.door,
        point.side,
        Reason.GRANTED,
        case.card,
        case.holder.id,
        case.credential.key,
        portal.extended_release_seconds if longer else portal.release_seconds,
        portal.extended_open_seconds if longer else portal.open_seconds,
        changes=(
            *_pins(case, Reason.GRANTED),
            *_cards(case, Reason.GRANTED),
            *_companions(case, Reason.GRANTED),
        ),
        companion=None if other is None else Person(other.holder, other.credential),
        duress=case.duress or (other is not None and other.duress),
        passback=tuple(each.holder.id for each in everybody if violated(each) is Passback.SOFT),
    )


def granted_by_facility(case: Case) -> Decision:
    """Return a grant to whoever it is."""
    portal = case.point.portal
    return Decision(
        portal.door,
        case.point.side,
        Reason.GRANTED,
        case.card,
        release_seconds=portal.release_seconds,
        open_seconds=portal.open_seconds,
        changes=tuple(_cards(case, Reason.GRANTED)),
        degraded=True,
    )


# --- at once ----------------------------------------------------------------------


def _pins(case: Case, reason: Reason) -> Iterator[StateChange]:
    """Count a wrong PIN wherever it counts, or forget the holder's."""
    policy = case.book.policy
    mine = pins_of_holder(case.holder.id)
    if reason is Reason.WRONG_PIN:
        yield _missed(case, mine, policy.holder_pins)
    elif case.forgives and mine in case.state.misses:
        yield MissesAre(mine, None)
    if reason is Reason.WRONG_PIN or (case.guessed and reason in _GUESSING):
        yield _missed(case, case.point.pins, policy.point_pins)
        yield _missed(case, SITE, policy.site_pins)


def _missed(case: Case, subject: Subject, limit: PinLimit) -> MissesAre:
    now = case.now.utc
    window = timedelta(seconds=limit.window_seconds)
    before = case.state.misses.get(subject) or Misses(0, 0, now)
    ended = before.until
    if now - before.since >= window:
        before = Misses(0, before.lockouts, now)
    wrong = before.wrong + 1
    if wrong < limit.wrong:
        return MissesAre(subject, Misses(wrong, before.lockouts, before.since, ended))
    row = before.lockouts if ended is not None and now - ended < window else 0
    seconds = min(limit.lock_seconds * 2.0 ** min(row, 30), limit.longest_seconds)
    until = now + timedelta(seconds=seconds)
    return MissesAre(subject, Misses(0, row + 1, now, until))


def _cards(case: Case, reason: Reason) -> Iterator[StateChange]:
    """Let a card wait for its PIN; whatever waited before was only for this attempt."""
    point = case.point
    if reason is Reason.PIN_AWAITED and case.card is not None:
        until = case.now.mono + point.rules.factor_seconds
        yield CardWaits(point.id, CardWait(case.card, until))
    elif point.id in case.state.cards:
        yield CardWaits(point.id, None)


def _companions(case: Case, reason: Reason) -> Iterator[StateChange]:
    """Let somebody wait for company, or end a wait that company or a stranger ended."""
    rules, point = case.point.rules, case.point.id
    if reason in (Reason.SECOND_PERSON_AWAITED, Reason.ESCORT_AWAITED):
        visitor = reason is Reason.ESCORT_AWAITED
        seconds = rules.escort_seconds if visitor else rules.two_person_seconds
        wait = CompanionWait(
            case.holder.id,
            case.credential.key,
            case.duress,
            visitor,
            case.now.mono + seconds,
        )
        yield CompanionWaits(point, wait)
    elif reason in (Reason.GRANTED, Reason.WRONG_ESCORT) and point in case.state.companions:
        yield CompanionWaits(point, None)


# --- later ------------------------------------------------------------------------


def taken(book: Book, decision: Decision, state: State, now: Moment) -> tuple[StateChange, ...]:
    """Return what changes because the door was opened after a grant."""
    point = book.point(decision.door, decision.side)
    if point is None or not decision.granted:
        return ()
    changes: list[StateChange] = []
    for each in people_of(decision):
        if point.moves:
            changes.append(PresenceIs(each.holder, Presence(point.to, state.moment(now.utc))))
        if _is_limited(book, each.credential):
            uses = state.uses.get(each.credential, 0) + 1
            changes.append(UsesAre(each.credential, uses))
        if point.side is Side.IN and _is_supervisor(book, each.holder):
            changes.append(FirstPersonIs(point.door, FirstPerson(each.holder, now.utc)))
    return tuple(changes)


def _is_limited(book: Book, key: str) -> bool:
    """Say whether uses are counted; they are if that cannot be read any more."""
    try:
        credential = book.people.credential(key)
    except Exception:  # noqa: BLE001 - the door was opened: who passed must not be lost
        return True
    return credential is not None and credential.max_uses is not None


def _is_supervisor(book: Book, name: HolderId) -> bool:
    """Say whether a supervisor has come in; not if that cannot be read any more."""
    try:
        holder = book.people.holder(name)
    except Exception:  # noqa: BLE001 - nor who passed lost for that
        return False
    return holder is not None and Flag.SUPERVISOR in holder.flags


def people_of(decision: Decision) -> Iterator[Person]:
    """Yield everybody who passes by this decision, and by what; nobody if nobody is known."""
    if decision.holder is not None and decision.credential is not None:
        yield Person(decision.holder, decision.credential)
    if decision.companion is not None:
        yield decision.companion


def over(book: Book, state: State, now: Moment) -> tuple[Decision, ...]:
    """Return the denials of all who have waited for too long, in no special order."""
    found: list[Decision] = []
    for point in book.points():
        card, other = state.cards.get(point.id), state.companions.get(point.id)
        if card is not None and now.mono >= card.until:
            changes = (CardWaits(point.id, None),)
            found.append(
                Decision(
                    point.door, point.side, Reason.FACTOR_TIMEOUT, card.card, changes=changes
                )
            )
        if other is not None and now.mono >= other.until:
            reason = Reason.ESCORT_REQUIRED if other.visitor else Reason.SECOND_PERSON_REQUIRED
            ended = (CompanionWaits(point.id, None),)
            found.append(
                Decision(
                    point.door,
                    point.side,
                    reason,
                    holder=other.holder,
                    credential=other.credential,
                    changes=ended,
                )
            )
    return tuple(found)
