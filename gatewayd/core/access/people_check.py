"""What is wrong with a change only in the light of everybody: too many people, lost levels.

This looks at all people there are, so it belongs to whoever holds them, off the loop.
"""

from collections.abc import Iterable, Iterator, Mapping

from gatewayd.core.access.model import Holder, LevelId
from gatewayd.core.access.people import Outcome, Person
from gatewayd.core.access.state import MAX_CREDENTIALS, MAX_HOLDERS
from gatewayd.core.model import HolderId
from gatewayd.core.named import MAX_NAMED, SHOWN

_BOUNDS = (("holders", MAX_HOLDERS), ("credentials", MAX_CREDENTIALS))


def too_many(holders: int, credentials: int, outcome: Outcome) -> Iterator[str]:
    """Name of what there would be too many, if the change adds to it."""
    for (what, most), held, more in zip(
        _BOUNDS, (holders, credentials), outcome.more, strict=True
    ):
        if more > 0 and held + more > most:
            yield f"{held + more} {what}, at most {most}"


def left_with(
    gone: frozenset[LevelId], people: Iterable[Person], after: Mapping[HolderId, Person | None]
) -> Iterator[str]:
    """Name holders who would have a level that goes; `after` is what becomes of some people.

    Only so many are named, and nobody is looked at after them.
    """
    named = 0
    for holder in _holders(people, after):
        lost = gone.intersection(holder.levels)
        if not lost:
            continue
        if named == MAX_NAMED:
            yield "and more holders"
            return
        named += 1
        yield f"level {min(lost)[:SHOWN]!r} goes, but holder {holder.id[:SHOWN]!r} has it"


def _holders(
    people: Iterable[Person], after: Mapping[HolderId, Person | None]
) -> Iterator[Holder]:
    yield from (person.holder for person in after.values() if person is not None)
    for person in people:
        if person.holder.id not in after:
            yield person.holder
