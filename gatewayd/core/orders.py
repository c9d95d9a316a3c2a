"""Orders on their way: who waits for what a lock's controller makes of them.

Every `Release` and `Latch` is entered here before it is given and leaves with its one
`OrderDone`. Belt and braces: should that never come, it counts as unconfirmed
`LOST_AFTER` its expiry; and a full table gives its oldest entry up, because an exit
request must always find room.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from gatewayd.core.door import DoorState
from gatewayd.core.facts import Outcome
from gatewayd.core.model import OrderId
from gatewayd.core.requests import Request

ORDER_SECONDS = 2.0  # from its cause until an order must not be sent any more
LOST_AFTER = 1.0
MAX_PENDING = 4_096


@dataclass(frozen=True, slots=True)
class Pending:
    """One order that has not ended. `on` is None for a release, else the latch's state."""

    door: DoorState
    on: bool | None
    request: Request | None
    expires: float


class Orders:
    """All orders that have not ended, the oldest first."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._pending: dict[OrderId, Pending] = {}

    def __len__(self) -> int:
        """Count the orders under way."""
        return len(self._pending)

    @property
    def deadline(self) -> float:
        """When the oldest order counts as lost."""
        for pending in self._pending.values():
            return pending.expires + LOST_AFTER
        return math.inf

    def number(self) -> OrderId:
        """Return a number no order had before."""
        return OrderId(next(self._numbers))

    def begin(self, order: OrderId, pending: Pending) -> None:
        """Enter an order; the caller has made room with `lost`."""
        self._pending[order] = pending

    def end(self, order: OrderId) -> Pending | None:
        """Strike an order off; None if it is not (or no longer) there."""
        return self._pending.pop(order, None)

    def lost(self, now: float) -> Iterator[OrderId]:
        """Yield the orders nobody will hear of again, until there is room and time."""
        while self._pending and (len(self._pending) >= MAX_PENDING or self.deadline <= now):
            yield next(iter(self._pending))


def in_words(outcome: Outcome, detail: str) -> tuple[str | None, str]:
    """Return error code and sentence for the one who asked for it."""
    more = f": {detail}" if detail else ""
    match outcome:
        case Outcome.DELIVERED:
            return None, ""
        case Outcome.REFUSED:
            return "controller_refused", f"the lock's controller refused{more}"
        case Outcome.EXPIRED:
            return "controller_silent", f"not sent in time, the lock did not move{more}"
        case Outcome.UNCONFIRMED:
            return "controller_silent", f"sent but not confirmed, the lock may have moved{more}"
        case _:  # Outcome.NOT_SENT
            return "controller_offline", f"nothing was sent, the lock did not move{more}"
