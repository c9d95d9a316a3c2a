"""How often a unit lost its session lately, and what follows from it.

Once is a unit that was restarted: it is back at once. Who ends sessions with an answer (a clear
NAK 6, a wrong MAC, a number 0) can do so as often as there is one to end, so from the third
within `LOSSES_WITHIN` on each costs a longer pause, and one beyond `LOSSES_BOUND` is an alarm.
The pauses are short enough for a unit whose supply is bad, and forgotten after a good minute.
"""

from collections import deque

LOSSES_BOUND = 5  # sessions lost within `LOSSES_WITHIN`; one more is an alarm
LOSSES_WITHIN = 60.0  # seconds
LOSS_PAUSES = (0.0, 0.0, 1.0, 2.0, 3.0, 5.0)  # seconds after so many, then the last


class Losses:
    """The newest lost sessions of one unit."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=LOSSES_BOUND + 1)

    def add(self, now: float) -> float:
        """Count one; return the pause before the next session, in seconds."""
        while self._at and self._at[0] <= now - LOSSES_WITHIN:
            self._at.popleft()
        self._at.append(now)
        return LOSS_PAUSES[min(len(self._at), len(LOSS_PAUSES)) - 1]

    @property
    def too_many(self) -> bool:
        """Whether the one counted last was one too many."""
        return len(self._at) > LOSSES_BOUND
