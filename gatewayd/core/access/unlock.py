"""When a door stands unlocked by its schedule.

It may need a first person: then it stays locked until a supervisor has entered since the
schedule became active, and is unlocked to the end of that time. A schedule that depends on
the time unlocks nothing while the clock may be wrong, unless the policy goes on.
"""

from gatewayd.core.access.book import Book
from gatewayd.core.access.policy import ClockLost
from gatewayd.core.access.state import State
from gatewayd.core.model import DoorId, Moment
from gatewayd.core.schedule import ALWAYS


def unlocked(book: Book, state: State, door: DoorId, now: Moment) -> bool:
    """Say whether the schedule of a door wants it unlocked now."""
    rules = book.rules.get(door)
    if rules is None or rules.unlock is None:
        return False
    denies = not now.trusted and book.policy.clock_lost is ClockLost.DENY
    if denies and rules.unlock != ALWAYS:
        return False
    schedule = book.schedules.state(rules.unlock, now.utc)
    if not schedule.active or not rules.unlock_needs_first_person:
        return schedule.active
    first = state.first_persons.get(door)
    if first is None or first.at > now.utc:
        return False
    return schedule.since is None or first.at >= schedule.since
