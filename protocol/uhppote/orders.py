"""What a host wants of a board, waiting for its turn."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from protocol.uhppote.happenings import BoardEvent, Ended, Expired, Outcome, Unanswered
from protocol.uhppote.message import Request

ORDERS_BOUND = 256
TRIES = 3


@dataclass(slots=True)
class Order:
    """A request, until `expires`, when it is no longer sent."""

    ticket: int
    request: Request
    expires: float
    tries: int = 0


class Orders:
    """Those that open doors go first; the rest in the order they came."""

    def __init__(self, emit: Callable[[BoardEvent], None]) -> None:
        self._emit = emit
        self.urgent: deque[Order] = deque()
        self._patient: deque[Order] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self.urgent) + len(self._patient)

    def add(self, order: Order, *, urgent: bool) -> bool:
        """Queue an order; False if there are too many."""
        if self.waiting >= ORDERS_BOUND:
            return False
        (self.urgent if urgent else self._patient).append(order)
        return True

    def next(self) -> Order | None:
        """Take the one whose turn it is."""
        queue = self.urgent or self._patient
        return queue.popleft() if queue else None

    def missed(self, order: Order, now: float) -> None:
        """A try went unanswered: try again if that is harmless and not too late."""
        again = order.request.REPEATABLE and order.tries < TRIES and now < order.expires
        if again:
            self._patient.appendleft(order)
        else:
            self.end(order, Unanswered(order.tries))

    def end(self, order: Order, outcome: Outcome) -> None:
        """Say what became of an order."""
        self._emit(Ended(order.ticket, outcome))

    def expire(self, now: float) -> None:
        """End those whose time is over."""
        for queue in (self.urgent, self._patient):
            late = [order for order in queue if order.expires <= now]
            for order in late:
                queue.remove(order)
                self.end(order, Unanswered(order.tries) if order.tries else Expired())

    def expires_at(self) -> float:
        """When the first of them is too late."""
        waiting = (*self.urgent, *self._patient)
        return min((order.expires for order in waiting), default=float("inf"))
