"""The brain: what happened goes in, what to do about it comes out."""

from collections.abc import Iterable

from gatewayd.core.actions import Action
from gatewayd.core.facts import Fact
from gatewayd.core.model import Moment


class Gateway:
    """All state that decides anything, in one place, changed by one caller."""

    deadline: float  # monotonic; call `tick` then. `inf` when nothing is due

    def handle(self, fact: Fact, now: Moment) -> Iterable[Action]:
        """Return what to do about a fact, in the order to do it."""
        raise NotImplementedError

    def tick(self, now: Moment) -> Iterable[Action]:
        """Let time pass: alarms, ends of grants."""
        raise NotImplementedError
