"""The host's side of the conversation with one board: what is asked, what is heard.

Bytes and the time go in, bytes and `happenings` come out; no socket, no clock.

    raw = board.speak(now)      # send this to the board's address, if it is anything
    board.hear(raw, now)        # came from the board's address
    board.hear(raw, now, pushed=True)   # came to the listener
    board.deadline              # speak again then, or after `hear` and `submit`

One question is in flight at a time, and an answer must have its serial number and function,
and the number asked for where the function has one. What fits nothing is dropped and counted.
A question that stays unanswered is not repeated as such: what to ask is decided anew, so that
a door to open never waits behind a repetition. Only what may be done twice is ever asked
twice; opening a door is not.

The board is asked for its status regularly, which also keeps it under the host's control.
Only that plain question decides whether it answers at all: boards leave unanswered what they
do not understand. Events are read by `walk`; a status that a board pushes is only a hint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from protocol.errors import ProtocolError
from protocol.uhppote.doors import OpenDoor
from protocol.uhppote.extensions import Capability, OpenDoorFor, decode_extended_reply
from protocol.uhppote.frame import MARK, Frame
from protocol.uhppote.happenings import (
    Answered,
    Answers,
    BoardEvent,
    Sent,
    Silent,
    StatusRead,
)
from protocol.uhppote.message import Reply, Request
from protocol.uhppote.messages import decode_reply, encode
from protocol.uhppote.orders import TRIES, Order, Orders
from protocol.uhppote.status import Event, GetEvent, GetStatus, Status
from protocol.uhppote.walk import LATEST_ANSWER, Cursor, Start, Walk

FIRST_SEQUENCE = 0x40000001
LAST_SEQUENCE = 0x7FFFFFFF
PROBE_INTERVAL = 1.0  # seconds from one probe of a silent board to its next

GET_STATUS = GetStatus()


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """One board, and what an audit has learnt of it."""

    serial: int
    poll_interval: float = 1.0  # seconds; boards decide for themselves after 30 without any
    patience: float = 0.4  # seconds for an answer; what is asked once only gets `TRIES` of it
    capabilities: Capability = Capability.NONE
    start: Start = Start.NOW


@dataclass(slots=True)
class BoardCounters:
    """What went over the wire; each only ever rises."""

    sent: int = 0
    answered: int = 0
    timeouts: int = 0
    late: int = 0  # answers to nothing that is being asked
    malformed: int = 0
    foreign: int = 0  # of other boards


@dataclass(frozen=True, slots=True)
class _Exchange:
    request: Request
    order: Order | None
    sequence: int
    due: float


@dataclass(frozen=True, slots=True)
class _Missed:
    """What may still be answered too late; None: several questions of the kind."""

    request: Request | None
    at: float


class Board:
    """What to ask one board next, and what follows from what it says."""

    def __init__(
        self,
        settings: BoardSettings,
        emit: Callable[[BoardEvent], None],
        cursor: Cursor | None = None,
        sequence: int = FIRST_SEQUENCE,
    ) -> None:
        """`cursor`: what was read last; `sequence`: not the one of the run before."""
        self.settings = settings
        self.counters = BoardCounters()
        self.walk = Walk(emit, cursor, settings.start)
        self.silent = True
        self._emit = emit
        self._orders = Orders(emit)
        self._pending: _Exchange | None = None
        self._missed: dict[int, _Missed] = {}  # one for each function at most
        self._status_due = -inf
        self._statuses_missed = 0
        self._order_last = False
        self._sequence = sequence
        self._poll = encode(settings.serial, GET_STATUS)

    # --- asking ---------------------------------------------------------------------------

    def submit(self, request: Request, ticket: int, expires: float) -> bool:
        """Order something, to be sent before `expires` or not at all.

        False if too many orders wait. Raises UnsendableMessage.
        """
        encode(self.settings.serial, request)
        urgent = isinstance(request, OpenDoor | OpenDoorFor)
        return self._orders.add(Order(ticket, request, expires), urgent=urgent)

    @property
    def deadline(self) -> float:
        """When there is something to do, if nothing is heard or ordered before."""
        expiry = self._orders.expires_at()
        if self._pending is not None:
            return min(self._pending.due, expiry)
        if self.silent:
            return min(self._status_due, expiry)
        if self._orders.waiting:
            return -inf
        return min(self._status_due, self.walk.next_at())

    def speak(self, now: float) -> bytes | None:
        """Return the next question, if one is due and none is in flight."""
        if self._pending is not None:
            if now < self._pending.due:
                self._orders.expire(now)
                return None
            self._give_up(self._pending, now)
        self._orders.expire(now)
        order, request = self._choose(now)
        return None if request is None else self._ask(request, order, now)

    def _choose(self, now: float) -> tuple[Order | None, Request | None]:
        if self._orders.urgent and not self.silent:
            return self._next_order()
        if now >= self._status_due:
            return None, GET_STATUS
        if self.silent:
            return None, None
        event = self.walk.question(now)
        if event is None or (self._orders.waiting and not self._order_last):
            return self._next_order()
        self._order_last = False
        return None, event

    def _next_order(self) -> tuple[Order | None, Request | None]:
        order = self._orders.next()
        self._order_last = order is not None
        return order, None if order is None else order.request

    def _ask(self, request: Request, order: Order | None, now: float) -> bytes:
        self.counters.sent += 1
        sequence = self._next_sequence()
        raw = self._poll
        if request is not GET_STATUS or sequence:
            raw = encode(self.settings.serial, request, sequence)
        if order is not None:
            order.tries += 1
            if request.REPLY is None:
                self._orders.end(order, Sent())
                return raw
        tries = 1 if request.REPEATABLE else TRIES
        due = now + tries * self.settings.patience
        self._pending = _Exchange(request, order, sequence, due)
        return raw

    def _next_sequence(self) -> int:
        if Capability.SEQUENCE not in self.settings.capabilities:
            return 0
        sequence = self._sequence
        self._sequence = FIRST_SEQUENCE if sequence >= LAST_SEQUENCE else sequence + 1
        return sequence

    def _give_up(self, exchange: _Exchange, now: float) -> None:
        """Nobody answered in time; whoever does so later is not heard."""
        self._pending = None
        self.counters.timeouts += 1
        self._remember(exchange.request, now)
        self._status_due = now
        if exchange.order is not None:
            self._orders.missed(exchange.order, now)
        if exchange.request is GET_STATUS:
            self._miss_status(now)

    def _remember(self, request: Request, now: float) -> None:
        before = self._missed.get(request.CODE)
        alone = before is None or before.request == request or now - before.at > LATEST_ANSWER
        self._missed[request.CODE] = _Missed(request if alone else None, now)

    def _miss_status(self, now: float) -> None:
        self._statuses_missed += 1
        if self._statuses_missed >= TRIES and not self.silent:
            self.silent = True
            self._emit(Silent())
        if self.silent:
            self._status_due = now + PROBE_INTERVAL

    # --- hearing --------------------------------------------------------------------------

    def hear(self, raw: bytes, now: float, *, pushed: bool = False) -> None:
        """Take one datagram from the board's address."""
        try:
            frame = Frame.decode(raw)
            reply = decode_extended_reply(frame) or decode_reply(frame)
        except ProtocolError:
            self.counters.malformed += 1
            return
        if frame.serial != self.settings.serial:
            self.counters.foreign += 1
        elif not pushed and self._answers(frame, reply):
            self._take(reply, now)
        elif isinstance(reply, Status):
            self.walk.hint(reply.event.index)
        else:
            self.counters.late += 1

    def _answers(self, frame: Frame, reply: Reply) -> bool:
        pending = self._pending
        return (
            pending is not None
            and frame.mark == MARK
            and pending.request.fits(reply)
            and (not pending.sequence or frame.sequence == pending.sequence)
        )

    def _take(self, reply: Reply, now: float) -> None:
        exchange, self._pending = self._pending, None
        assert exchange is not None
        self.counters.answered += 1
        if exchange.request is GET_STATUS:
            self._statuses_missed = 0
            self._status_due = now + self.settings.poll_interval
        if self.silent:
            self.silent = False
            self._emit(Answers())
            self.walk.reconnected()
        if exchange.order is not None:
            sure = self._is_sure(exchange, now)
            self._orders.end(exchange.order, Answered(reply, exchange.order.tries, sure))
        elif isinstance(reply, Status):
            self._emit(StatusRead(reply))
            self.walk.newest(reply.event.index, now)
        else:
            assert isinstance(exchange.request, GetEvent)
            assert isinstance(reply, Event)
            self.walk.take(exchange.request.index, reply, now)

    def _is_sure(self, exchange: _Exchange, now: float) -> bool:
        """Whether no earlier question of the kind may still be answered."""
        missed = self._missed.get(exchange.request.CODE)
        return (
            missed is None
            or exchange.request.told_apart
            or exchange.sequence > 0
            or missed.request == exchange.request
            or now - missed.at > LATEST_ANSWER
        )
