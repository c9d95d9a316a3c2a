"""How long what a unit reports may have waited in it.

A unit keeps its reports until it is polled, one for each poll, and says "nothing" when it has
none left. So whatever it reports happened after it last had nothing to say. After an outage
nobody knows when that was: reports from then are as old as time, until it has nothing to say.

A unit that always has something to say would be held for late for ever. No unit keeps more than
`MOST_KEPT` reports: after that many in a row, what it kept from before is out.
"""

from math import inf

MOST_KEPT = 64


class Backlog:
    """When a unit last had nothing to say, as far as that is known."""

    def __init__(self) -> None:
        self._empty_at = -inf
        self._reports = 0  # since then

    def lost(self) -> None:
        """Nobody asks it, or nobody hears it: what it reports next may be from any time."""
        self._empty_at, self._reports = -inf, 0

    def polled(self, now: float, *, nothing: bool) -> float:
        """Take note of an answer to a poll; return how long, at most, what it says waited."""
        waited = now - self._empty_at
        self._reports += 1
        if nothing or self._reports >= MOST_KEPT:
            self._empty_at, self._reports = now, 0
        return waited
