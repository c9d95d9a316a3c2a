"""Why, in words; and who could. The rules are those of the decision, and nothing changes.

`explain` asks all rules that have a say at a point, also those behind the one that decides,
so that an operator sees every obstacle at once. `who_can_open` and `what_can_open` ask what
was set up: states, validity, clearance, rights and hours at a time. What happens at the
doors (modes, lockdown, passback, interlock) is of its own moment, and left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.core.access.attempt import Around, Attempt, Decision, DoorNow
from gatewayd.core.access.book import Book, Point
from gatewayd.core.access.case import Case
from gatewayd.core.access.decide import decide, facility_counts
from gatewayd.core.access.model import Authentication, Flag, Side
from gatewayd.core.access.pins import PIN_ALONE
from gatewayd.core.access.reasons import MEANING, Reason
from gatewayd.core.access.rules import DEGRADED, ORDER, person, point, presented
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.access.state import State
from gatewayd.core.model import DoorId, HolderId, Moment

STANDING = (
    point.POINT_ENABLED,
    point.THREAT_LEVEL,
    person.CREDENTIAL_STATE,
    person.CREDENTIAL_VALIDITY,
    person.HOLDER_STATE,
    person.RIGHTS,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says; no reason: nothing against it."""

    rule: str
    reason: Reason | None
    words: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be decided, why in a sentence, and what every rule says of it."""

    decision: Decision
    words: str
    findings: tuple[Finding, ...]


class Need(StrEnum):
    """What somebody needs beside a credential."""

    PIN = "pin"
    SECOND_PERSON = "second_person"
    ESCORT = "escort"
    SUPERVISOR_FIRST = "supervisor_first"


@dataclass(frozen=True, slots=True)
class Opening:
    """A holder can pass an access point by a credential."""

    door: DoorId
    side: Side
    holder: HolderId
    credential: str
    needs: tuple[Need, ...] = ()


def explain(book: Book, state: State, around: Around, attempt: Attempt) -> Explanation:
    """Say what would be decided and why. Nothing is changed by asking.

    So no wrong PIN is counted either: whoever lets people ask takes no PIN from them.
    """
    decision = decide(book, state, around, attempt)
    words = MEANING[decision.reason]
    here = book.point(attempt.door, attempt.side)
    if here is None:
        return Explanation(decision, words, ())
    try:
        case = Case(book, state, around, attempt, here)
        rules = DEGRADED if facility_counts(case) else ORDER
    except Exception as error:  # noqa: BLE001 - the decision denied it for the same reason
        failed = Finding("looking up", Reason.INTERNAL_ERROR, f"failed: {type(error).__name__}")
        return Explanation(decision, words, (failed,))
    asked = [rule for rule in rules if rule.at(here, book.policy)]
    return Explanation(decision, words, tuple(_ask_all(asked, case)))


def _ask_all(rules: list[Rule], case: Case) -> Iterator[Finding]:
    """Ask one after the other; about people only until it turns out that nobody is known."""
    unknown = False
    for rule in rules:
        if unknown and rule.about in (About.PERSON, About.COMPANY):
            yield Finding(rule.name, None, "not asked: no credential is known")
        else:
            yield _ask(rule, case)
        unknown = unknown or (rule is presented.CREDENTIAL_KNOWN and not case.known)


def _ask(rule: Rule, case: Case) -> Finding:
    try:
        reason = rule.ask(case)
        return Finding(rule.name, reason, rule.words(case, reason))
    except Exception as error:  # noqa: BLE001 - a rule that fails denies, and says so
        words = f"failed: {type(error).__name__}"
        return Finding(rule.name, Reason.INTERNAL_ERROR, words)


def who_can_open(book: Book, door: DoorId, side: Side, at: Moment) -> Iterator[Opening | None]:
    """Yield by which credentials an access point can be passed, one after the other.

    None stands for one that cannot: with many credentials this takes its time, and whoever
    asks can stop at each of them.
    """
    here = book.point(door, side)
    if here is not None and not here.rules.muster:
        case = _standing(book, here, at)
        for each in book.people.credentials():
            yield _opening(case.of(each.key))


def what_can_open(book: Book, holder: HolderId, at: Moment) -> Iterator[Opening | None]:
    """Yield which access points a holder can pass, and by which credential; None: not this."""
    credentials = [each.key for each in book.people.credentials_of(holder)]
    for here in book.points():
        if not here.rules.muster:
            case = _standing(book, here, at)
            for each in credentials:
                yield _opening(case.of(each))


def _standing(book: Book, here: Point, at: Moment) -> Case:
    around = Around({here.door: DoorNow()})
    return Case(book, State(), around, Attempt(here.door, here.side, at), here)


def _opening(case: Case) -> Opening | None:
    if not _fits(case) or any(rule.ask(case) is not None for rule in STANDING):
        return None
    here, holder = case.point, case.holder
    flags = holder.flags
    needs = {
        Need.PIN: case.compares,
        Need.SECOND_PERSON: here.rules.two_person,
        Need.ESCORT: Flag.VISITOR in flags,
        Need.SUPERVISOR_FIRST: case.hours.first_person
        and flags.isdisjoint((Flag.SUPERVISOR, Flag.FIRST_PERSON_EXEMPT)),
    }
    found = tuple(need for need, needed in needs.items() if needed)
    return Opening(here.door, here.side, holder.id, case.credential.key, found)


def _fits(case: Case) -> bool:
    """Say whether this kind of credential, with the holder's PIN if need be, is enough."""
    asked = case.hours.authentication
    if case.credential.key.startswith(PIN_ALONE):
        return asked in (Authentication.PIN, Authentication.CARD_OR_PIN)
    if asked is Authentication.PIN:
        return False
    if case.point.rules.two_person and Flag.VISITOR in case.holder.flags:
        return False
    return not case.compares or case.holder.pin is not None
