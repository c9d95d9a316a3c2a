"""Grants that nobody has used yet, as far as they speak against another one.

Who is where, and uses, count when a door is opened. So between two grants nothing would be
counted, and one card could let two people through two doors. Whoever was let in somewhere
and is not through yet counts, for the other doors, as if he were: until that door is opened
or its time is over. At the door itself he may try again.
"""

from collections.abc import Mapping

from gatewayd.core.access.attempt import Decision, Person
from gatewayd.core.access.book import Book, Point
from gatewayd.core.access.consequences import people_of
from gatewayd.core.access.model import Flag, Passback
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import State
from gatewayd.core.model import DoorId, HolderId

_REFUSING = frozenset({Passback.HARD, Passback.TIMED})


def objection(
    book: Book, state: State, untaken: Mapping[DoorId, Decision], grant: Decision
) -> Reason | None:
    """Return what untaken grants at other doors say against this one."""
    elsewhere = [
        each
        for door, other in untaken.items()
        if door != grant.door
        for each in people_of(other)
    ]
    if not elsewhere:
        return None
    people = tuple(people_of(grant))
    point = book.point(grant.door, grant.side)
    if point is not None and _counts(point):
        holders = {each.holder for each in elsewhere}
        if any(each.holder in holders and _minds(book, each.holder) for each in people):
            return Reason.PASSBACK
    if any(_used_up(book, state, each, elsewhere) for each in people):
        return Reason.USE_LIMIT
    return None


def _counts(point: Point) -> bool:
    areas = (point.enters, point.leaves)
    return any(each is not None and each.passback in _REFUSING for each in areas)


def _minds(book: Book, holder: HolderId) -> bool:
    known = book.people.holder(holder)
    return known is None or Flag.PASSBACK_EXEMPT not in known.flags


def _used_up(book: Book, state: State, person: Person, elsewhere: list[Person]) -> bool:
    credential = book.people.credential(person.credential)
    if credential is None or credential.max_uses is None:
        return False
    taken = sum(each.credential == person.credential for each in elsewhere)
    return state.uses.get(person.credential, 0) + taken >= credential.max_uses
