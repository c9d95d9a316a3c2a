"""How fast a unit answers: a histogram that never grows.

Buckets are fixed, twenty to a decade from 0.1 ms to 10 s, so a quantile is told at most an
eighth too high, never too low. Counting a reply costs one look-up among 101 bounds.

What is months old says nothing of today: at `FULL` replies every count is halved, so quantiles
and mean tell of the newest tens of thousands. The slowest is that of the whole run.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

PER_DECADE, DECADES = 20, 5
FASTEST = 0.0001  # seconds; whatever is faster counts as that fast
BOUNDS = tuple(
    FASTEST * 10 ** (step / PER_DECADE) for step in range(PER_DECADE * DECADES + 1)
)  # the upper ends of all buckets but the last
FULL = 1 << 16  # replies, an hour of polls at full speed


@dataclass(slots=True)
class RoundTrips:
    """From the end of a command to the end of its reply, in seconds."""

    count: int = 0  # of those that are in the two below
    total: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    slowest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a reply."""
        self.count += 1
        self.total += seconds
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        if seconds > self.slowest:  # noqa: PLR1730 -- max() would double the price of a reply
            self.slowest = seconds
        if self.count >= FULL:
            self._halve()

    @property
    def mean(self) -> float:
        """Return the mean, 0 before the first."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, part: float) -> float:
        """Return what this part (0 to 1) of the replies did not exceed, 0 before the first."""
        wanted = part * self.count
        seen = 0
        for bound, count in zip(BOUNDS, self.buckets, strict=False):
            seen += count
            if seen and seen >= wanted:
                return min(bound, self.slowest)
        return self.slowest

    def copy(self) -> "RoundTrips":
        """Return it as it stands now."""
        return RoundTrips(self.count, self.total, self.buckets[:], self.slowest)

    def _halve(self) -> None:
        before = self.count
        self.buckets = [count // 2 for count in self.buckets]
        self.count = sum(self.buckets)
        self.total *= self.count / before
