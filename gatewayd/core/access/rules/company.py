"""Rules of who comes together with whom: escorts, two people, and supervisors first.

Two people are one after the other at the same point, each with all that is asked for there.
The first of them waits a few seconds; when the second comes, all that was asked about the
first as a person is asked again, as much can change in a few seconds. A wait that is over,
or whose holder may not pass any more, is as none.
"""

from gatewayd.core.access.book import Point
from gatewayd.core.access.case import Case
from gatewayd.core.access.model import Flag
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules import person, point
from gatewayd.core.access.rules.passback import PASSBACK
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.access.state import CompanionWait
from gatewayd.core.schedule import ALWAYS

PERSON_RULES = (
    point.LOCKDOWN,
    point.THREAT_LEVEL,
    person.CREDENTIAL_STATE,
    person.CREDENTIAL_VALIDITY,
    person.CREDENTIAL_LOCKOUT,
    person.HOLDER_STATE,
    person.RIGHTS,
    PASSBACK,
    person.USE_LIMIT,
)


def companion(case: Case) -> CompanionWait | None:
    """Return who waited here and passes together with the holder."""
    wait = case.wait
    if wait is None or wait.holder == case.holder.id:
        return None
    if wait.visitor is case.point.rules.two_person:
        return None  # the point's rules have changed since
    if wait.visitor and not _escorts(case):
        return None
    other = case.of(wait.credential)
    same = other.holder.id == wait.holder
    return wait if same and all(each.ask(other) is None for each in PERSON_RULES) else None


def _escorts(case: Case) -> bool:
    """Say whether the holder is an escort; whoever needs one is none."""
    flags = case.holder.flags
    return Flag.ESCORT in flags and Flag.VISITOR not in flags


def somebody_follows(case: Case) -> bool:
    """Say whether the holder cannot pass before somebody else comes."""
    pairs = case.point.rules.two_person or Flag.VISITOR in case.holder.flags
    return pairs and companion(case) is None


def escort(case: Case) -> Reason | None:
    """A visitor waits for an escort; nobody else passes in between."""
    wait = case.wait
    flags = case.holder.flags
    if wait is not None and wait.visitor and wait.holder != case.holder.id:
        return None if _escorts(case) else Reason.WRONG_ESCORT
    return Reason.ESCORT_AWAITED if flags and Flag.VISITOR in flags else None


def _escort(case: Case, reason: Reason | None) -> str:
    if reason is Reason.ESCORT_AWAITED:
        seconds = case.point.rules.escort_seconds
        return f"a visitor; the escort's card is awaited for {seconds:g} s"
    if reason and case.wait is not None:
        return f"the visitor {case.wait.holder} waits for an escort, and this holder is none"
    if companion(case) is not None:
        return "the holder is the escort of the visitor who waits"
    return "the holder needs no escort, and no visitor waits for one"


def two_person(case: Case) -> Reason | None:
    """Two different holders, neither of them a visitor."""
    if Flag.VISITOR in case.holder.flags:
        return Reason.SECOND_PERSON_REQUIRED
    return Reason.SECOND_PERSON_AWAITED if companion(case) is None else None


def _two_person(case: Case, reason: Reason | None) -> str:
    if reason is Reason.SECOND_PERSON_REQUIRED:
        return "two people are asked for, and a visitor is none of them"
    other = companion(case)
    if other is None:
        seconds = case.point.rules.two_person_seconds
        return f"two people are asked for; the other one is awaited for {seconds:g} s"
    return f"the other person is {other.holder}"


def first_person(case: Case) -> Reason | None:
    """While its schedule is active, nobody passes before a supervisor has, since it began.

    A supervisor who is yet to come, by a clock that was put back since, has not come.
    """
    hours = case.hours
    if not hours.first_person or _leads_or_is_exempt(case):
        return None
    if not hours.certain and case.point.rules.first_person != ALWAYS:
        return Reason.TIME_UNCERTAIN
    first = case.state.first_persons.get(case.point.door)
    came = first is not None and hours.first_person_since <= first.at <= case.now.utc
    return None if came else Reason.SUPERVISOR_ABSENT


def _leads_or_is_exempt(case: Case) -> bool:
    flags = case.holder.flags
    if Flag.SUPERVISOR in flags or Flag.FIRST_PERSON_EXEMPT in flags:
        return True
    other = companion(case)
    holder = None if other is None else case.book.people.holder(other.holder)
    return holder is not None and Flag.SUPERVISOR in holder.flags


def _first_person(case: Case, reason: Reason | None) -> str:
    if reason is Reason.TIME_UNCERTAIN:
        return "a supervisor must come first, and the clock may be wrong"
    if reason:
        came = case.point.door in case.state.first_persons
        return "no supervisor has come in" + (" since the hours began" if came else "")
    return "no supervisor is missing"


def _pairs(point: Point, _: Policy) -> bool:
    return point.rules.two_person


def _singles(point: Point, _: Policy) -> bool:
    return not point.rules.two_person


def _led(point: Point, _: Policy) -> bool:
    return point.rules.first_person is not None


FIRST_PERSON = Rule("first person", About.COMPANY, first_person, _first_person, at=_led)
ESCORT = Rule("escort", About.COMPANY, escort, _escort, at=_singles)
TWO_PERSON = Rule("two-person", About.COMPANY, two_person, _two_person, at=_pairs)
