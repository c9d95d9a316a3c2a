"""The one place that looks at a clock.

Time never runs backwards here. The newest moment that was ever journaled is a mark, and it
moves on with the monotonic clock; a host whose clock is behind it (an empty battery, a wrong
hand, an attacker) is not believed. What is decided then is decided at the mark and flagged,
so nothing that has expired is valid again.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from gatewayd.core.model import Moment

TOLERANCE = timedelta(seconds=5)  # a clock that is being set right may step back so far
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Says what time it is."""

    def moment(self) -> Moment:
        """Return now."""


def _utc() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """The host's clocks: monotonic for timers (the event loop's own), UTC for people."""

    def __init__(
        self, mono: Callable[[], float] = time.monotonic, utc: Callable[[], datetime] = _utc
    ) -> None:
        self._mono = mono
        self._utc = utc
        self._mark = EARLIEST
        self._marked_at = mono()

    def not_before(self, mark: datetime) -> None:
        """It was as late as this once already."""
        self._mark, self._marked_at = min(max(self._mark, mark), LATEST), self._mono()

    def moment(self) -> Moment:
        mono, utc = self._mono(), self._utc()
        mark = self._mark + timedelta(seconds=mono - self._marked_at)
        self._mark, self._marked_at = min(max(mark, utc), LATEST), mono
        if utc >= mark - TOLERANCE:
            return Moment(mono, utc)
        return Moment(mono, mark, trusted=False)
