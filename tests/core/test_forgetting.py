"""Who is not any more leaves no trace, and nobody waits while that is looked for."""

from gatewayd.core.access.state import (
    SITE,
    Misses,
    MissesAre,
    Presence,
    PresenceIs,
    State,
    UsesAre,
    pins_of_holder,
)
from gatewayd.core.actions import Action, KeepState
from gatewayd.core.facts import PermissionsCommitted
from gatewayd.core.forgetting import PAUSE, SLICE, Forgetting
from gatewayd.core.model import HolderId, Moment
from gatewayd.core.moved import Moved
from tests.core.access.world import Town
from tests.core.site import ANNA, BORIS, HALL, HELD, NOON, anna, kept, of, permit, ready

KEY = "H10301:36:6765"
WRONG = Misses(1, 0, NOON)


class Looking:
    """A search, and the time."""

    def __init__(self, state: State, people: Town) -> None:
        self.out: list[Action] = []
        self.people = people
        self.mono = 10.0
        self.forgetting = Forgetting(Moved(state, self.out))

    @property
    def now(self) -> Moment:
        return Moment(self.mono, NOON)

    def begin(self) -> None:
        self.forgetting.begin(self.now)

    def tick(self) -> list[str]:
        self.mono += PAUSE
        self.forgetting.tick(self.people, self.now)
        found, self.out[:] = kept(self.out), []
        return found


def known(*holders: HolderId) -> State:
    state = State()
    for each in holders:
        state.apply(PresenceIs(each, Presence(HALL, NOON)))
        state.apply(MissesAre(pins_of_holder(each), WRONG))
    state.apply(MissesAre(SITE, WRONG))
    state.apply(UsesAre(KEY, 1))
    state.apply(UsesAre("26:gone", 1))
    return state


def test_only_what_is_known_of_nobody_is_forgotten() -> None:
    state = known(ANNA, BORIS)
    looking = Looking(state, anna())
    assert looking.tick() == []
    looking.begin()
    assert looking.tick() == ["presence/boris", "misses/holder:boris", "uses/26:gone"]
    assert list(state.presences) == [ANNA]
    assert list(state.misses) == [pins_of_holder(ANNA), SITE]
    assert state.uses == {KEY: 1}
    assert looking.forgetting.deadline == float("inf")


def test_it_is_looked_for_a_slice_at_a_time() -> None:
    state = State()
    for number in range(SLICE + 1):
        state.apply(PresenceIs(HolderId(f"{number}"), Presence(HALL, NOON)))
    looking = Looking(state, Town())
    looking.begin()
    looking.forgetting.tick(looking.people, looking.now)
    assert looking.out == []
    assert len(looking.tick()) == SLICE
    assert len(looking.tick()) == 1
    assert looking.forgetting.deadline == float("inf")


def test_who_goes_while_it_is_looked_for_is_found_by_looking_again() -> None:
    looking = Looking(known(ANNA), anna())
    looking.begin()
    looking.begin()
    assert looking.tick() == ["uses/26:gone"]
    looking.people.holders.clear()
    assert looking.tick() == ["presence/anna", "misses/holder:anna"]
    assert looking.forgetting.deadline == float("inf")


def test_a_brain_forgets_at_its_start_and_after_every_change() -> None:
    people = anna()
    world = ready(book=permit(town=people))
    world.state.apply(PresenceIs(ANNA, Presence(HALL, NOON)))
    assert of(KeepState, world.wait(1)) == []
    people.holders.clear()
    world.tell(PermissionsCommitted(2, HELD))
    assert KeepState((("presence/anna", None),)) in world.wait(1)
