"""The panel's side of the conversation with one peripheral.

A `Bus` decides when a peripheral has its turn; what is said then, and what an answer means,
is decided here. Four rules carry it:

* One exchange is pending at a time, and every try of it is the identical bytes. The
  sequence number moves on only when an answer was accepted (SIA OSDP 2.2, 5.9).
* Sequence 0 begins a connection and nothing else. Any unit accepts it, also one that was
  put in the other's place; only an unbroken count vouches for who answers. So whenever the
  count breaks (NAK 4, a reply numbered 0, a command given up unacknowledged, 8 s without a
  valid message) the connection is over: the gate closes, what is queued ends, and the unit
  is asked again who it is. It costs two exchanges, and nothing can be answered out of the
  unit's memory of an earlier command.
* A number whose exchange needed more than one try rests for `STRAGGLER_WINDOW`, so a late
  duplicate is never taken for the answer to another command.
* Every frame passes the gate at the moment it is written, retries included.

A unit with a key is spoken to inside a session only, but for its `Introduction`. What ends
the session ends the connection, and the introduction begins anew. One that fails is told
with its fault and tried again, soon and then slower.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from protocol.errors import MessageError, UnsendableMessage
from protocol.message import Message
from protocol.osdp.commands import (
    Identify,
    Poll,
    ReadCapabilities,
    ReadInputs,
    ReadLocalStatus,
    ReadOutputs,
)
from protocol.osdp.counters import Counters
from protocol.osdp.frame import LONGEST, Frame
from protocol.osdp.gate import CLOSED, Gate, Open
from protocol.osdp.happenings import (
    Alarm,
    Alarming,
    Answers,
    BusEvent,
    Delivered,
    Done,
    Dropped,
    Ending,
    Expired,
    Identified,
    Refused,
    Replied,
    Unreadable,
    WentOffline,
    WentSilent,
)
from protocol.osdp.introduction import (
    IDENTIFY,
    READ_CAPABILITIES,
    Chance,
    Introduction,
)
from protocol.osdp.replies import (
    Ack,
    Busy,
    Capabilities,
    Identification,
    Nak,
    decode_reply,
)
from protocol.osdp.secure_handshake import Failed, Reason, Selector
from protocol.osdp.secure_keys import BaseKey
from protocol.osdp.secure_session import LONGEST_SECURED, Fault
from protocol.osdp.settings import PeripheralSettings, require_keys

TRIES = 3  # unanswered in a row; then a peripheral counts as silent
SILENCE_LIMIT = 8.0  # seconds without a valid message end a connection (SIA OSDP 2.2, 5.7)
STRAGGLER_WINDOW = 0.4  # seconds a sequence number rests after an exchange with retries
PRESENCE_INTERVAL = 1.0  # seconds between questions for the identity, while the gate is closed
PROBE_INTERVAL = 0.7  # seconds from one probe of a silent peripheral to its next
RESTART_PAUSE = 1.0  # seconds between two connections that end by a broken count
BUSY_PAUSE = 0.05  # seconds until a busy peripheral is asked the same again
BUSY_PATIENCE = 5.0  # seconds of BUSY to one command; then the connection is started anew
DAMAGED_REPEATS = 2  # times one command is sent again because it arrived damaged (NAK 1)
QUEUE_BOUND = 16  # commands waiting for one peripheral
AHEAD = 4  # commands one peripheral may get while another one's turn is due
NO_KEY = "it has no key yet: commission it"  # what a secure unit without one is told of
PROOF_PAUSES = (0.1, 0.3, 1.0, 2.0, 5.0)  # seconds after failed proofs in a row, then the last
ALARM_PAUSE = 60.0  # seconds in which the same alarm of a unit is told once

MARK_CHARACTER = b"\xff"  # the line is driven idle for one character before each frame

DAMAGED, OUT_OF_SEQUENCE = 1, 4  # reasons of a NAK that are about the line, not the command
INPUTS, OUTPUTS = 1, 2  # function codes of capabilities

POLL = Poll()
_ROUTINE_BODIES = {
    command.CODE: command.encode()
    for command in (
        POLL,
        IDENTIFY,
        READ_CAPABILITIES,
        ReadLocalStatus(),
        ReadInputs(),
        ReadOutputs(),
    )
}

_ALARMS = {
    Reason.IN_CLEAR: Alarm.CLEAR_ANSWER,
    Reason.WRONG_SELECTOR: Alarm.WRONG_SELECTOR,
    Reason.REFUSED: Alarm.CRYPTOGRAM_REFUSED,
    Reason.WRONG_RMAC: Alarm.WRONG_RMAC,
}
_FAULT_ALARMS = {  # a NAK in clear is how a restarted unit asks for a new session
    Fault.IN_CLEAR: Alarm.CLEAR_ANSWER,
    Fault.WRONG_MAC: Alarm.WRONG_MAC,
    Fault.NOT_ENCRYPTED: Alarm.WRONG_BODY,
    Fault.BAD_PADDING: Alarm.WRONG_BODY,
}


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


@dataclass(slots=True)
class Exchange:
    """One command under way: the same bytes until it is answered or given up."""

    command: Message
    order: Order | None
    sequence: int
    wire: bytes = field(repr=False)
    sent: int = 0
    ended: float = 0.0  # when the last character of the newest try leaves
    before: float = -float("inf")  # when that of the try before it did
    damaged: int = 0
    busy_since: float | None = None


class Peripheral:
    """What the panel knows of one peripheral, and what it says to it next.

    The bus reads `due`, `silent`, `tries`, `held_until` and `orders` to choose who is
    next, and keeps its own marks in `placed`, `overtook` and `full_from`.
    """

    def __init__(
        self,
        settings: PeripheralSettings,
        emit: Callable[[BusEvent], None],
        chance: Chance | None = None,
    ) -> None:
        """Raise ValueError for a secure unit without chance."""
        self.address = settings.address
        self.poll_interval = settings.poll_interval
        self._longest = LONGEST_SECURED if settings.secure else LONGEST
        if settings.secure and chance is None:
            raise ValueError(f"address {settings.address} is secure, so the bus needs chance")
        self._introduction = Introduction(
            settings.address,
            crc=settings.crc,
            keys=settings.keys,
            chance=chance if settings.secure else None,
        )
        self.counters = Counters()
        self.gate: Gate = CLOSED
        self.connection = 0  # of the newest; 0 before the first
        self.pending: Exchange | None = None
        self.orders: list[Order] = []
        self.due = 0.0  # its next turn
        self.held_until = 0.0  # the next sequence number rests until then
        self.tries = 0  # unanswered in a row
        self.silent = True
        self.heard_at = 0.0
        self.usual: float | None = None  # slowest recent answer
        # the bus's marks
        self.placed: float | None = None  # due time of its entry among the turns
        self.overtook: deque[float] = deque(maxlen=AHEAD)
        self.full_from = 0.0
        self._emit = emit
        self._sequence = 0
        self._rests_until = [0.0] * 4  # by sequence number
        self._restart_from = 0.0
        self._announced = 0  # the connection last told of and not ended; 0: none
        self._failures = 0  # introductions in a row that proved nothing
        self._told: Identified | None = None  # the last of them, if that was told last
        self._alarmed: dict[Alarm, float] = {}  # told, and when
        self._to_read: deque[Message] = deque()

    # --- what the bus asks ------------------------------------------------------------

    @property
    def doubtful(self) -> bool:
        """Whether it left the last try unanswered."""
        return self.tries > 0 or self.silent

    @property
    def connected(self) -> bool:
        """Whether a connection stands, told of or not."""
        return self._announced > 0 or self._introduction.identification is not None

    @property
    def proving(self) -> bool:
        """Whether it is in the middle of a handshake."""
        return self._introduction.proving

    @property
    def offline_at(self) -> float:
        """When the connection ends if nothing valid is heard any more."""
        return self.heard_at + SILENCE_LIMIT

    @property
    def urgency(self) -> int:
        """The priority of what waits for the pending exchange, or is it."""
        urgency = self.orders[0].priority if self.orders else POLLING
        if self.pending is not None and self.pending.order is not None:
            urgency = min(urgency, self.pending.order.priority)
        return urgency

    @property
    def has_orders(self) -> bool:
        """Whether a command is queued or pending."""
        return bool(self.orders) or (
            self.pending is not None and self.pending.order is not None
        )

    def ready_for_order(self, now: float) -> bool:
        """Whether the first of the queue could go out."""
        return (
            bool(self.orders)
            and self.pending is None
            and not self.doubtful
            and self.held_until <= now
        )

    def may_overtake(self, since: float) -> bool:
        """Whether it may have a command ahead of a turn that is due since then."""
        return len(self.overtook) < AHEAD or self.overtook[0] < since

    # --- the gate and the queue -------------------------------------------------------

    def open(self, connection: int, now: float) -> bool:
        """Open the gate for the connection that was told of last, if it still stands.

        For a secure unit that is one inside a session.
        """
        if connection != self._announced or not self._introduction.complete:
            return False
        if not isinstance(self.gate, Open):
            self.gate = Open(connection)
            self._ask_status()
            self.due = now
        return True

    def set_keys(self, keys: tuple[BaseKey, ...], now: float) -> None:
        """Try these from the next handshake on; soon, if no session stands."""
        require_keys(self.address, keys)
        introduction = self._introduction
        introduction.keys = keys
        if introduction.in_session or introduction.proving:
            return
        if introduction.lacks_key:
            introduction.forget()
        self._failures = 0
        if not self.doubtful:
            self.due = now

    def close(self, now: float, *, identify_again: bool, in_flight: bool) -> None:
        """Close the gate; what is queued ends here."""
        if identify_again or self.gate != CLOSED:
            self.due = now
        self.gate = CLOSED
        self._drop_orders()
        if identify_again:
            self._told = None
            self._introduction.repeat()
        if not in_flight:
            self._give_up_if_barred(now)

    def queue(self, order: Order) -> bool:
        """Take a command; False if there is no room. Raises UnsendableMessage."""
        if len(order.body) > self._longest:
            raise UnsendableMessage(
                f"a body of {len(order.body)} bytes, {self._longest} is the limit"
            )
        if len(self.orders) >= QUEUE_BOUND:
            return False
        insort(self.orders, order)
        return True

    # --- speaking ---------------------------------------------------------------------

    def speak(self, now: float, character_time: float, *, order: bool) -> bytes:
        """Return what to write: the pending exchange again, or a new one.

        `order`: the first of the queue rather than what is routine. Nothing is returned,
        and the order has ended, if its last character would leave too late.
        """
        exchange = self.pending
        if exchange is None:
            exchange = self._new_exchange(self.orders.pop(0) if order else None)
        ended = now + len(exchange.wire) * character_time
        if exchange.order is not None:
            if ended >= exchange.order.expires:
                if not exchange.sent:
                    self._introduction.session.withdraw()
                self._expire(exchange, now)
                return b""
            self.overtook.append(now)
        assert self.gate.admits(exchange.command)
        if exchange.sent:
            self.counters.retries += 1
            exchange.before = exchange.ended
        exchange.sent += 1
        exchange.ended = ended
        self.pending = exchange
        return exchange.wire

    def _new_exchange(self, order: Order | None) -> Exchange:
        command = self._routine() if order is None else order.command
        body = _ROUTINE_BODIES.get(command.CODE, b"") if order is None else order.body
        session = self._introduction.session
        sealed = session.seal(self._sequence, command.CODE, body)
        return Exchange(command, order, self._sequence, MARK_CHARACTER + sealed)

    def _routine(self) -> Message:
        question = self._introduction.question()
        if question is not None:
            return question
        if not isinstance(self.gate, Open):
            return IDENTIFY
        return self._to_read[0] if self._to_read else POLL

    # --- hearing ----------------------------------------------------------------------

    def hear(self, frame: Frame, now: float) -> bool:
        """Take a frame of this address while an exchange is pending; True if it is over."""
        exchange = self.pending
        assert exchange is not None
        if self._too_late(exchange, frame, now):
            return self._straggler()
        opened = self._introduction.session.open(frame)
        if opened is None:
            return self._not_opened(exchange, frame, now)
        return self._hear_opened(exchange, opened, now)

    def _hear_opened(self, exchange: Exchange, opened: Frame, now: float) -> bool:
        if opened.code == Busy.CODE and opened.sequence in (0, exchange.sequence):
            return self._busy(exchange, now)
        if opened.sequence != exchange.sequence:
            return self._out_of_step(exchange, opened, now)
        if self._may_repeat(exchange, opened):
            return self._damaged(exchange, now)
        if _reason(opened) == OUT_OF_SEQUENCE:
            return self._refused_sequence(exchange, opened, now)
        self._answered(exchange, now)
        self._read(exchange, opened, now)
        return True

    def missed(self, now: float) -> None:
        """Nobody answered the try in flight."""
        self.counters.timeouts += 1
        self.tries += 1
        self.due = now
        if self.tries >= TRIES and not self.silent:
            self.silent = True
            if self.proving:
                self._give_up_proof(now)
            if self._announced:
                self._emit(WentSilent(self.address, self._announced))
        if self.silent:
            self.due = max(self.due, now + PROBE_INTERVAL)
        self._give_up_if_barred(now)

    def _too_late(self, exchange: Exchange, frame: Frame, now: float) -> bool:
        """Whether it is a duplicate of an answer to an earlier command."""
        return (
            frame.sequence != exchange.sequence
            and frame.code != Busy.CODE
            and self._rests_until[frame.sequence] > now
        )

    def _not_opened(self, exchange: Exchange, frame: Frame, now: float) -> bool:
        """Not of this session: somebody else's, or the end of it."""
        fault = self._introduction.session.fault
        if fault is not None:
            self.counters.lost_sessions += 1
            if fault in _FAULT_ALARMS:
                self._alarm(_FAULT_ALARMS[fault], now)
            return self._restart(f"the session is over: {fault.value}", now)
        if self._introduction.in_session and frame.sequence == 0:
            return self._out_of_step(exchange, frame, now)
        return self._straggler()

    def _may_repeat(self, exchange: Exchange, frame: Frame) -> bool:
        """Whether it is a NAK 1 that nothing was done for; a sealed one is an answer."""
        return (
            _reason(frame) == DAMAGED
            and exchange.damaged < DAMAGED_REPEATS
            and not self._introduction.in_session
        )

    def _straggler(self) -> bool:
        self.counters.stragglers += 1
        return False

    def _alive(self, now: float) -> None:
        """A valid message was heard, whatever it says."""
        self.heard_at = now
        self.tries = 0
        if not self.silent:
            return
        self.silent = False
        self.due = now
        if self._announced:
            self._emit(Answers(self.address, self._announced))
        if isinstance(self.gate, Open):
            self._ask_status()  # what it had to report may be lost

    def _busy(self, exchange: Exchange, now: float) -> bool:
        """The same command again, later, after serving others (SIA OSDP 2.2, 7.19)."""
        self.counters.busy += 1
        self._again(now, pause=BUSY_PAUSE)
        if exchange.busy_since is None:
            exchange.busy_since = now
        elif now - exchange.busy_since >= BUSY_PATIENCE:
            self.end_connection("busy for too long", now)
        return True

    def _damaged(self, exchange: Exchange, now: float) -> bool:
        """The command arrived damaged: the unit did nothing with it and did not count it."""
        self._count_nak(DAMAGED)
        exchange.damaged += 1
        self._again(now, pause=0.0)
        return True

    def _again(self, now: float, *, pause: float) -> None:
        """It answers, but what is pending remains to be done, if it may."""
        self._alive(now)
        self.due = now + pause
        self._give_up_if_barred(now)

    def _refused_sequence(self, exchange: Exchange, frame: Frame, now: float) -> bool:
        """NAK 4, under whatever number. It says nothing of an earlier try."""
        self._count_nak(OUT_OF_SEQUENCE)
        if self.proving:
            self._answered(exchange, now)
            self._conclude_proof(frame, now)
            return True
        if exchange.order is not None and exchange.sent == 1:
            self._end(exchange.order, Refused(Nak(OUT_OF_SEQUENCE, frame.body[1:])))
            exchange.order = None
        return self._restart("the unit refused the sequence number", now)

    def _out_of_step(self, exchange: Exchange, frame: Frame, now: float) -> bool:
        """Not the number we wait for: a late duplicate, or the unit counts differently."""
        if _reason(frame) == OUT_OF_SEQUENCE:
            return self._refused_sequence(exchange, frame, now)
        if frame.sequence == 0:
            return self._restart("the unit asked for a new start", now)
        return self._straggler()

    def _answered(self, exchange: Exchange, now: float) -> None:
        self.counters.replies += 1
        self._alive(now)
        if exchange.sent == 1:  # else nobody knows which try it answers
            self._time(max(0.0, now - exchange.ended))
        self.pending = None
        self._rest_if_doubled(exchange, now)
        self._sequence = exchange.sequence % 3 + 1
        self.held_until = self._rests_until[self._sequence]

    def _time(self, seconds: float) -> None:
        counters = self.counters
        counters.timed += 1
        counters.total += seconds
        counters.slowest = max(counters.slowest, seconds)
        self.usual = seconds if self.usual is None else max(seconds, self.usual * 0.97)

    def _rest_if_doubled(self, exchange: Exchange, now: float) -> None:
        """An answer came; another one may, if it may have been for an earlier try."""
        if exchange.before + STRAGGLER_WINDOW > now:
            self._rest(exchange)

    def _rest(self, exchange: Exchange) -> None:
        self._rests_until[exchange.sequence] = exchange.ended + STRAGGLER_WINDOW

    # --- what an answer means ---------------------------------------------------------

    def _read(self, exchange: Exchange, frame: Frame, now: float) -> None:
        try:
            reply = decode_reply(frame)
        except MessageError as exc:
            self._unreadable(frame.code, type(exc).__name__)
            self._conclude(exchange, None, frame, now)
            return
        if isinstance(reply, Nak):
            self._count_nak(reply.reason)
        self._conclude(exchange, reply, frame, now)

    def _conclude(
        self, exchange: Exchange, reply: Message | None, frame: Frame, now: float
    ) -> None:
        """Draw the consequences; `reply` is None if nobody could read it."""
        if exchange.order is not None:
            self._conclude_order(exchange.order, reply)
        elif isinstance(exchange.command, Poll):
            self.counters.polls += 1
            self.due = now + self.poll_interval
            self._report(exchange.command, reply)
        elif isinstance(exchange.command, Identify):
            self._conclude_identify(reply, frame, now)
        elif isinstance(exchange.command, ReadCapabilities):
            self._conclude_capabilities(reply, frame, now)
        elif self.proving:
            self._conclude_proof(frame, now)
        else:
            self.due = now
            self._report(exchange.command, reply)
            if self._to_read and self._to_read[0] is exchange.command:
                self._to_read.popleft()

    def _conclude_order(self, order: Order, reply: Message | None) -> None:
        if reply is None:
            self._end(order, Dropped(sent=True))
        elif isinstance(reply, Nak):
            self._end(order, Refused(reply))
        else:
            self._report(order.command, reply, order.tag)
            self._end(order, Delivered())

    def _conclude_identify(self, reply: Message | None, frame: Frame, now: float) -> None:
        known = self._introduction.identification
        self.due = now if isinstance(self.gate, Open) else now + PRESENCE_INTERVAL
        if not isinstance(reply, Identification):
            self._report(IDENTIFY, reply)
            if known is None:
                self._stay_unknown(now)
        elif known is None:
            self._conclude_identification(reply, frame, now)
        elif reply != known:
            if self._introduction.in_session:
                self._alarm(Alarm.IDENTITY_CHANGED, now)
            self._restart("another unit answers", now)

    def _stay_unknown(self, now: float) -> None:
        if self._introduction.in_session:
            self._fail("it does not say who it is inside the session", now)
        else:
            self._start_at_zero()

    def _conclude_identification(self, reply: Identification, frame: Frame, now: float) -> None:
        introduction = self._introduction
        self.due = now
        if not introduction.identified(reply, frame):
            self._alarm(Alarm.IDENTITY_CHANGED, now)
            self._fail(Alarm.IDENTITY_CHANGED, now)
        elif not introduction.in_session or self.connection == self._announced:
            self.connection += 1
            self.counters.connections += 1

    def _conclude_capabilities(self, reply: Message | None, frame: Frame, now: float) -> None:
        """A unit that cannot tell them has none; whether that will do is for the audit."""
        introduction = self._introduction
        self.due = now
        if introduction.identification is None:  # it is to be identified again meanwhile
            return
        known = reply if isinstance(reply, Capabilities) else Capabilities(())
        if known is not reply:
            self._report(READ_CAPABILITIES, reply)
        introduction.able(known, frame)
        if introduction.proving:
            self._start_at_zero()
            return
        self.due = now + PRESENCE_INTERVAL
        if introduction.lacks_key:
            self._tell(introduction.identification, known, fault=NO_KEY)
            return
        if introduction.outside is not None and known != introduction.outside[1]:
            self._alarm(Alarm.CAPABILITIES_CHANGED, now)
        self._failures = 0
        self._told = None
        self._tell(introduction.identification, known)

    def _conclude_proof(self, frame: Frame, now: float) -> None:
        """Go on with the handshake, if the answer lets us."""
        self.due = now
        introduction = self._introduction
        failed = introduction.proved(frame)
        if failed is None:
            self.counters.sessions += introduction.in_session
            return
        if failed.reason in _ALARMS:
            self._alarm(_alarm_of(failed), now)
        if introduction.proving:
            self._start_at_zero()
            return
        if any(each.reason is Reason.WRONG_CRYPTOGRAM for each in introduction.failures):
            self._alarm(Alarm.WRONG_CRYPTOGRAM, now)
        detail = "" if failed.detail is None else f" ({failed.detail})"
        self._fail(f"{failed.reason.value}{detail}", now)

    def _give_up_proof(self, now: float) -> None:
        """It says who it is and leaves the handshake unanswered."""
        assert self.pending is not None
        self._rest(self.pending)
        self.pending = None
        self._fail("the handshake was left unanswered", now)

    def _fail(self, why: str, now: float) -> None:
        """Tell who did not prove itself and why, once; begin anew after a pause."""
        self.counters.unproved += 1
        introduction = self._introduction
        self._tell(*introduction.claimed(), fault=why)
        introduction.forget()
        self._start_at_zero()
        self.due = now + PROOF_PAUSES[min(self._failures, len(PROOF_PAUSES) - 1)]
        self._failures += 1

    def _tell(
        self,
        identification: Identification,
        capabilities: Capabilities,
        fault: str | None = None,
    ) -> None:
        introduction = self._introduction
        told = Identified(
            self.address,
            self.connection,
            identification,
            capabilities,
            introduction.evidence,
            proved=introduction.in_session and fault is None,
            fault=fault,
            key=introduction.key if fault is None else None,
        )
        if self._told is not None and _says_the_same(told, self._told):
            return
        self._told = told if fault is not None else None
        self._announced = self.connection
        self._emit(told)

    def _alarm(self, what: Alarm, now: float) -> None:
        if now >= self._alarmed.get(what, -float("inf")) + ALARM_PAUSE:
            self._alarmed[what] = now
            self._emit(Alarming(self.address, what))

    def _report(self, command: Message, reply: Message | None, tag: int | None = None) -> None:
        if reply is None or isinstance(reply, Ack | Nak):
            return
        if isinstance(self.gate, Open):
            self._emit(Replied(self.address, self.connection, command, reply, tag))
        else:
            self.counters.unwanted += 1
            self._emit(
                Unreadable(self.address, self.connection, reply.CODE, "the gate is closed")
            )

    def _unreadable(self, code: int, why: str) -> None:
        self.counters.unreadable += 1
        self._emit(Unreadable(self.address, self.connection, code, why))

    def _count_nak(self, reason: int) -> None:
        self.counters.naks[reason] = self.counters.naks.get(reason, 0) + 1

    def _ask_status(self) -> None:
        """What the doors look like, as far as the unit has inputs and outputs."""
        capabilities = self._introduction.capabilities
        assert capabilities is not None
        counts = {each.function: each.count for each in capabilities.records}
        self._to_read.clear()
        self._to_read.append(ReadLocalStatus())
        if counts.get(INPUTS):
            self._to_read.append(ReadInputs())
        if counts.get(OUTPUTS):
            self._to_read.append(ReadOutputs())

    # --- endings ----------------------------------------------------------------------

    def expire(self, now: float, *, in_flight: bool) -> None:
        """End every order whose time has come; the one in flight may still be answered."""
        late = [order for order in self.orders if order.expires <= now]
        for order in late:
            self.orders.remove(order)
            self._end(order, Expired(sent=False))
        pending = self.pending
        if in_flight or pending is None or pending.order is None:
            return
        if pending.order.expires <= now:
            self._expire(pending, now)

    def next_expiry(self, *, in_flight: bool) -> float:
        """When the first order ends by itself; infinity if none will."""
        expiries = [order.expires for order in self.orders]
        if self.pending is not None and self.pending.order is not None and not in_flight:
            expiries.append(self.pending.order.expires)
        return min(expiries, default=float("inf"))

    def end_connection(self, why: str, now: float, *, answered: bool = False) -> None:
        """Close the gate, end what is queued, begin again at sequence 0.

        `answered`: what is pending has had its answer, though not one of use.
        """
        self.gate = CLOSED
        if self.pending is not None:
            if self.pending.order is not None:
                self._end(self.pending.order, Dropped(sent=True))
            if answered:
                self._rest_if_doubled(self.pending, now)
            else:
                self._rest(self.pending)
            self.pending = None
        self._drop_orders()
        self._introduction.forget()
        self._failures = 0
        self._told = None
        self._to_read.clear()
        self._start_at_zero()
        if not self.doubtful:
            self.due = max(now, self._restart_from)
            self._restart_from = self.due + RESTART_PAUSE
        if self._announced:
            ended, self._announced = self._announced, 0
            self._emit(WentOffline(self.address, ended, why))

    def _restart(self, why: str, now: float) -> bool:
        self.counters.resets += 1
        self._alive(now)
        self.end_connection(why, now, answered=True)
        return True

    def _give_up_if_barred(self, now: float) -> None:
        """What the gate no longer admits is not repeated, so the count is broken."""
        if self.pending is not None and not self.gate.admits(self.pending.command):
            self.end_connection("the gate closed on an unanswered command", now)

    def _expire(self, exchange: Exchange, now: float) -> None:
        assert exchange.order is not None
        self._end(exchange.order, Expired(sent=exchange.sent > 0))
        if exchange.sent:
            exchange.order = None
            self.end_connection("a command was given up unacknowledged", now)

    def _drop_orders(self) -> None:
        for order in self.orders:
            self._end(order, Dropped(sent=False))
        self.orders.clear()

    def _start_at_zero(self) -> None:
        self._sequence = 0
        self.held_until = self._rests_until[0]

    def _end(self, order: Order, ending: Ending) -> None:
        self._emit(Done(order.tag, ending, self.address))


def _reason(frame: Frame) -> int | None:
    """The reason of a NAK, None for anything else."""
    return frame.body[0] if frame.code == Nak.CODE and frame.body else None


def _alarm_of(failed: Failed) -> Alarm:
    if failed == Failed(Reason.WRONG_SELECTOR, Selector.DEFAULT):
        return Alarm.DEFAULT_KEY
    return _ALARMS[failed.reason]


def _says_the_same(one: Identified, other: Identified) -> bool:
    """Whether two failed introductions differ in nothing but their number and bytes."""
    return (one.identification, one.capabilities, one.fault) == (
        other.identification,
        other.capabilities,
        other.fault,
    )
