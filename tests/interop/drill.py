"""Cards held to readers again and again, each answered by an output or given up.

A lane holds one card at a time to one of its addresses, waits for the output of that
address, and pauses for a random while. Pauses are spread evenly over `gap`, so a card comes
at any moment of a polling cycle; a card's time is when it was due, not when the program
got round to it. Times are `time.monotonic()`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from random import Random

PATIENCE = 2.0  # seconds until a card counts as lost

Answered = tuple[int, float, float]  # address, card held to it, output heard


@dataclass(slots=True)
class _Lane:
    addresses: Sequence[int]
    due: float  # of the next card, or of giving up
    waiting: int | None = None  # the address whose output is waited for
    since: float = 0.0


class Drill:
    """What to present when; collects how long it took."""

    def __init__(
        self, lanes: Iterable[Sequence[int]], *, begin: float, seconds: float, gap: float
    ) -> None:
        self.answered: list[Answered] = []
        self.lost = 0
        self._gap = gap
        self._chance = Random(1)  # noqa: S311  # the same cards in every run
        self._end = begin + seconds
        self._lanes = [_Lane(addresses, begin + self._pause()) for addresses in lanes]

    @property
    def next_due(self) -> float:
        """When to ask for `due` again."""
        return min((lane.due for lane in self._lanes), default=inf)

    @property
    def over(self) -> bool:
        """Whether no card is out and none will follow."""
        return not self._lanes

    def due(self, now: float) -> list[int]:
        """Return the addresses to hold a card to now."""
        presented = []
        for lane in [lane for lane in self._lanes if lane.due <= now]:
            if lane.waiting is not None:
                self.lost += 1
                lane.waiting = None
                lane.due = now + self._pause()
            elif lane.due >= self._end:
                self._lanes.remove(lane)
            else:
                lane.waiting = self._chance.choice(lane.addresses)
                lane.since = lane.due
                lane.due = now + PATIENCE
                presented.append(lane.waiting)
        return presented

    def heard(self, address: int, at: float) -> None:
        """An output of this address was driven."""
        for lane in self._lanes:
            if lane.waiting == address:
                self.answered.append((address, lane.since, at))
                lane.waiting = None
                lane.due = at + self._pause()

    def _pause(self) -> float:
        return self._chance.random() * self._gap
