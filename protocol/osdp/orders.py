"""The commands that wait for one peripheral, and how each of them ends: once."""

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from protocol.message import Message
from protocol.osdp.happenings import BusEvent, Done, Dropped, Ending, Expired

QUEUE_BOUND = 16  # commands waiting for one peripheral
AHEAD = 4  # commands one peripheral may get while another one's turn is due


class Priority(IntEnum):
    """Who goes first; below all of them come polls, then probes of the dead."""

    UNLOCK = 0
    FEEDBACK = 1
    ROUTINE = 2


POLLING = 3  # what comes after every `Priority`


@dataclass(frozen=True, slots=True, order=True)
class Order:
    """One queued command, laid out and waiting."""

    priority: int
    serial: int
    expires: float = field(compare=False)
    tag: int = field(compare=False)
    command: Message = field(compare=False)
    body: bytes = field(compare=False, repr=False)


class Orders:
    """The queue of one peripheral, the most urgent first, and who it overtook."""

    def __init__(self, address: int, emit: Callable[[BusEvent], None]) -> None:
        self._address = address
        self._emit = emit
        self.waiting: list[Order] = []
        self.overtook: deque[float] = deque(maxlen=AHEAD)  # when its last commands went out

    def queue(self, order: Order) -> bool:
        """Take a command; False if there is no room."""
        if len(self.waiting) >= QUEUE_BOUND:
            return False
        insort(self.waiting, order)
        return True

    def may_overtake(self, since: float) -> bool:
        """Whether it may have a command ahead of a turn that is due since then."""
        return len(self.overtook) < AHEAD or self.overtook[0] < since

    def next_expiry(self) -> float:
        """When the first of them ends by itself; infinity if none will."""
        return min((order.expires for order in self.waiting), default=float("inf"))

    def expire(self, now: float) -> None:
        """End every one whose time has come."""
        late = [order for order in self.waiting if order.expires <= now]
        for order in late:
            self.waiting.remove(order)
            self.end(order, Expired(sent=False))

    def drop(self) -> None:
        """End all of them: the connection they were for is over."""
        for order in self.waiting:
            self.end(order, Dropped(sent=False))
        self.waiting.clear()

    def end(self, order: Order, ending: Ending) -> None:
        """Tell how one that is not waiting any more ended."""
        self._emit(Done(order.tag, ending, self._address))
