"""The counter of what the gateway signs: it rises, over restarts too, without a write each.

Numbers are reserved by the block: what is kept is the end of the block in use, and a start goes
on from there. So a crash leaves a hole and never a number twice. Only a gateway whose state
was put back goes backwards, which its clients notice.

    signed    {"below": 2097153}
"""

from gatewayd.core.access.state_values import Entry, Value
from gatewayd.core.claims import HIGHEST_COUNTER

KEY = "signed"
BLOCK = 1 << 20


class SaidCounter:
    """Gives numbers. `reserved` is to be on the disk before the first of them is used."""

    def __init__(self, below: int) -> None:
        """Begin above all that was used before; `restored` reads it."""
        self._next = below
        self._below = below + BLOCK

    @property
    def reserved(self) -> Entry:
        """Return what is to be kept."""
        return KEY, {"below": self._below}

    def next(self) -> tuple[int, Entry | None]:
        """Return a number never used, and now and then what is to be kept.

        That is so half a block early, so nobody has to wait for it.
        """
        number = self._next
        self._next += 1
        if self._below - self._next >= BLOCK // 2:
            return number, None
        self._below += BLOCK
        return number, self.reserved


def restored(value: Value | None) -> int:
    """Return where to go on. Raises `ValueError`."""
    if value is None:
        return 1
    below = value.get("below")
    if value.keys() != {"below"} or type(below) is not int or not 0 < below < HIGHEST_COUNTER:
        raise ValueError(f"state {KEY!r}: below is no number of 1 to 2^53 - 2")
    return below
