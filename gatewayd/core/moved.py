"""What moves is changed in one place: in the memory that decides, and in what is kept of it.

Whoever lets something move (a decision, an access that was taken, a request) hands the
changes in here *before* what depends on them goes out: so a `KeepState` stands in front of
the unlock it belongs to. What is waited for is over in seconds and is not kept.
"""

from collections.abc import Iterable
from typing import TypeGuard

from gatewayd.core.access.state import CardWaits, CompanionWaits, Durable, State, StateChange
from gatewayd.core.access.state_values import to_entry
from gatewayd.core.actions import Action, KeepState


class Moved:
    """The one way to change a `State` that is in force."""

    def __init__(self, state: State, out: list[Action]) -> None:
        self.state = state
        self._out = out

    def change(self, changes: Iterable[StateChange]) -> None:
        """Let all of this be so from now on; what outlasts a restart is kept, together."""
        taken = tuple(changes)
        for each in taken:
            self.state.apply(each)
        entries = tuple(to_entry(each) for each in taken if _lasts(each))
        if entries:
            self._out.append(KeepState(entries))


def _lasts(change: StateChange) -> TypeGuard[Durable]:
    return not isinstance(change, CardWaits | CompanionWaits)
