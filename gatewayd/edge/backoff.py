"""Growing pauses between tries, spread by chance so that a herd does not come back at once."""

import random
from collections.abc import Callable

GROWTH = 2.0


class Backoff:
    """Pauses from `first` to `longest` seconds, each shortened by up to a half at random."""

    def __init__(
        self,
        first: float,
        longest: float,
        chance: Callable[[], float] = random.random,  # uniform in [0, 1)
    ) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self._next = first

    def next_pause(self) -> float:
        """Return how long to wait before the next try, in seconds."""
        pause = self._next * (1 - self._chance() / 2)
        self._next = min(self._next * GROWTH, self._longest)
        return pause

    def reset(self) -> None:
        """It worked: start again from the shortest pause."""
        self._next = self._first
