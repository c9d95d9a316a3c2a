"""The one place that looks at a clock."""

import time
from datetime import UTC, datetime
from typing import Protocol

from gatewayd.core.model import Moment


class Clock(Protocol):
    """Says what time it is."""

    def moment(self) -> Moment:
        """Return now."""


class SystemClock:
    """The host's clocks: monotonic for timers (the event loop's own), UTC for people."""

    def moment(self) -> Moment:
        return Moment(time.monotonic(), datetime.now(UTC))
