"""Grants that nobody has used yet, as far as they speak against another one.

Who is where and uses count when a door is opened. So between two grants nothing would be
counted: one card could let two people through two doors, two people could fill the last
place, and two could leave one alone who must not be. Whoever was let in somewhere and is not
through yet counts, for the other doors, as if he were: until that door is opened or its time
is over. At the door itself he may try again. (For an interlock the door itself counts: it may
be open any moment, see `doors`.)
"""

from collections.abc import Mapping

from gatewayd.core.access.attempt import Decision, Person
from gatewayd.core.access.book import Book, Point
from gatewayd.core.access.consequences import people_of
from gatewayd.core.access.model import Flag, Passback
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import State
from gatewayd.core.model import AreaId, DoorId, HolderId

_REFUSING = frozenset({Passback.HARD, Passback.TIMED})


def objection(
    book: Book, state: State, untaken: Mapping[DoorId, Decision], grant: Decision
) -> Reason | None:
    """Return what untaken grants at other doors say against this one."""
    others = [each for door, each in untaken.items() if door != grant.door]
    point = book.point(grant.door, grant.side)
    if not others or point is None:
        return None
    elsewhere = [each for other in others for each in people_of(other)]
    people = tuple(people_of(grant))
    if _counts(point) and _moves_twice(book, people, elsewhere):
        return Reason.PASSBACK
    if _fills(book, state, point, others, people):
        return Reason.OCCUPANCY_MAX
    if _empties(book, state, point, others, people):
        return Reason.OCCUPANCY_MIN
    if any(_used_up(book, state, each, elsewhere) for each in people):
        return Reason.USE_LIMIT
    return None


def _fills(
    book: Book, state: State, point: Point, others: list[Decision], people: tuple[Person, ...]
) -> bool:
    """Say whether there is no place for everybody who is on the way into the area."""
    area = point.enters
    if area is None or area.max_occupancy is None:
        return False
    coming = {each.holder for each in people}
    if all(_is_in(state, area.area, each) for each in coming):
        return False  # who is inside already takes no place
    for other in others:
        way = book.point(other.door, other.side)
        if way is not None and way.moves and way.to == area.area:
            coming.update(each.holder for each in people_of(other))
    new = sum(not _is_in(state, area.area, each) for each in coming)
    return state.occupancy.get(area.area, 0) + new > area.max_occupancy


def _empties(
    book: Book, state: State, point: Point, others: list[Decision], people: tuple[Person, ...]
) -> bool:
    """Say whether too few would be left once everybody who is on the way out has gone."""
    area = point.leaves
    if area is None or not area.min_occupancy:
        return False
    going = {each.holder for each in people}
    for other in others:
        way = book.point(other.door, other.side)
        if way is not None and way.moves and way.frm == area.area:
            going.update(each.holder for each in people_of(other))
    gone = sum(_is_in(state, area.area, each) for each in going)
    return 0 < state.occupancy.get(area.area, 0) - gone < area.min_occupancy


def _is_in(state: State, area: AreaId, holder: HolderId) -> bool:
    presence = state.presences.get(holder)
    return presence is not None and presence.area == area


def _counts(point: Point) -> bool:
    areas = (point.enters, point.leaves)
    return any(each is not None and each.passback in _REFUSING for each in areas)


def _moves_twice(book: Book, people: tuple[Person, ...], elsewhere: list[Person]) -> bool:
    moving = {each.holder for each in people} & {each.holder for each in elsewhere}
    known = (book.people.holder(each) for each in moving)
    return any(it is None or Flag.PASSBACK_EXEMPT not in it.flags for it in known)


def _used_up(book: Book, state: State, person: Person, elsewhere: list[Person]) -> bool:
    credential = book.people.credential(person.credential)
    if credential is None or credential.max_uses is None:
        return False
    taken = sum(each.credential == person.credential for each in elsewhere)
    return state.uses.get(person.credential, 0) + taken >= credential.max_uses
