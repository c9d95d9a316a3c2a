"""One command and its answer, and the count of sequence numbers they go by.

The number moves on only when an answer was accepted (SIA OSDP 2.2, 5.9), and every try of a
command is the identical bytes. A number whose exchange needed more than one try rests for
`STRAGGLER_WINDOW`, so a late duplicate is never taken for the answer to another command.
"""

from dataclasses import dataclass, field

from protocol.message import Message
from protocol.osdp.frame import Frame
from protocol.osdp.orders import Order
from protocol.osdp.replies import Busy

STRAGGLER_WINDOW = 0.4  # seconds a sequence number rests after an exchange with retries


@dataclass(slots=True)
class Exchange:
    """One command under way: the same bytes until it is answered or given up."""

    command: Message
    order: Order | None
    sequence: int
    wire: bytes = field(repr=False)
    by_default_key: bool = False  # it is sealed with the key that everybody knows
    sent: int = 0
    ended: float = 0.0  # when the last character of the newest try leaves
    before: float = -float("inf")  # when that of the try before it did
    damaged: int = 0
    busy_since: float | None = None


class Count:
    """The sequence numbers of one peripheral: which is next, and which rest until when."""

    def __init__(self) -> None:
        self.number = 0  # of the next exchange
        self.held_until = 0.0  # that number rests until then
        self._rests_until = [0.0] * 4  # by number

    def start(self) -> None:
        """Number 0 begins a connection, and nothing else."""
        self.number = 0
        self.held_until = self._rests_until[0]

    def go_on(self, exchange: Exchange, now: float) -> None:
        """An answer was accepted."""
        self.rest_if_doubled(exchange, now)
        self.number = exchange.sequence % 3 + 1
        self.held_until = self._rests_until[self.number]

    def rest(self, exchange: Exchange) -> None:
        """It was given up; an answer may come all the same."""
        self._rests_until[exchange.sequence] = exchange.ended + STRAGGLER_WINDOW

    def rest_if_doubled(self, exchange: Exchange, now: float) -> None:
        """An answer came; another one may, if it may have been for an earlier try."""
        if exchange.before + STRAGGLER_WINDOW > now:
            self.rest(exchange)

    def too_late(self, frame: Frame, now: float) -> bool:
        """Whether one with another number is a duplicate of an answer to an earlier command."""
        return frame.code != Busy.CODE and self._rests_until[frame.sequence] > now
