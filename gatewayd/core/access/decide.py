"""The decision: the first rule that speaks gives the reason, and if none does, it is a grant.

It reads nothing but its arguments and changes none of them: the same question gets the same
answer. It is total. Whatever goes wrong on the way denies with `internal_error`, also what
the answer would change: a wrong PIN that cannot be counted opens nothing either.

What a decision changes is in it, to be applied at once. What follows when the door was
opened says `consequences.taken`, what follows when nobody came says `consequences.over`.
"""

from gatewayd.core.access.attempt import Around, Attempt, Decision
from gatewayd.core.access.book import Book, Point
from gatewayd.core.access.case import Case
from gatewayd.core.access.consequences import answer, grant, granted_by_facility
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules import DEGRADED, asked_at
from gatewayd.core.access.state import State
from gatewayd.core.fault import named


def decide(book: Book, state: State, around: Around, attempt: Attempt) -> Decision:
    """Say whether what was presented opens the door now, and why."""
    try:
        point = book.point(attempt.door, attempt.side)
        if point is None:
            return Decision(attempt.door, attempt.side, Reason.POINT_DISABLED, attempt.card)
        return _decide(Case(book, state, around, attempt, point), point)
    except Exception as error:  # noqa: BLE001 - what cannot be evaluated denies, whatever it is
        door, side, card = attempt.door, attempt.side, attempt.card
        return Decision(door, side, Reason.INTERNAL_ERROR, card, fault=named(error))


def _decide(case: Case, point: Point) -> Decision:
    if case.around.degraded and facility_counts(case):
        return _degraded(case)
    asked = point.asked
    if not asked:
        asked = point.asked = asked_at(point, case.book.policy)
    for ask in asked:
        reason = ask(case)
        if reason is not None:
            return answer(case, reason)
    return grant(case)


def facility_counts(case: Case) -> bool:
    """Say whether it is about a facility code alone, as there is nothing better."""
    policy = case.book.policy
    return (
        case.around.degraded
        and policy.facility_only
        and not case.known
        and case.card is not None
        and case.card.facility is not None
        and bool(policy.facilities)
    )


def _degraded(case: Case) -> Decision:
    for rule in DEGRADED:
        reason = rule.ask(case)
        if reason is not None:
            return answer(case, reason)
    return granted_by_facility(case)
