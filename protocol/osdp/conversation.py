"""The panel's side of the conversation with one peripheral: what is said, what is heard.

Four rules carry it:

* One exchange is pending at a time, and every try of it is the identical bytes. The
  sequence number moves on only when an answer was accepted (`exchange`).
* Sequence 0 begins a connection and nothing else. Any unit accepts it, also one that was
  put in the other's place; only an unbroken count vouches for who answers. So whenever the
  count breaks (NAK 4, a reply numbered 0, a command given up unacknowledged, 8 s without a
  valid message) the connection is over: the gate closes, what is queued ends, and the unit
  is asked again who it is. It costs two exchanges, and nothing can be answered out of the
  unit's memory of an earlier command.
* A unit that took another key, address or speed begins a new connection too.
* Every frame passes the gate at the moment it is written, retries included.

A secure unit is spoken to inside a session only, but for its introduction (`introduction`,
`meeting`). What ends the session ends the connection, and the introduction begins anew; where
that happens again and again, slower each time (`losses`).
"""

from collections.abc import Callable

from protocol.message import Message
from protocol.osdp.commands import Poll, ReadInputs, ReadLocalStatus, ReadOutputs
from protocol.osdp.commissioning import Window
from protocol.osdp.counters import Counters
from protocol.osdp.exchange import Count, Exchange
from protocol.osdp.frame import Frame
from protocol.osdp.gate import CLOSED, COMMISSIONING, Gate, Open
from protocol.osdp.happenings import Alarm, BusEvent, Dropped, Expired, Refused
from protocol.osdp.hearing import DAMAGED, OUT_OF_SEQUENCE, Heard, judge
from protocol.osdp.introduction import (
    IDENTIFY,
    READ_CAPABILITIES,
    Chance,
    Introduction,
)
from protocol.osdp.losses import Losses
from protocol.osdp.meeting import Meeting, Next
from protocol.osdp.orders import Order, Orders
from protocol.osdp.reading import Reading
from protocol.osdp.replies import Nak
from protocol.osdp.secure_session import Fault
from protocol.osdp.settings import PeripheralSettings
from protocol.osdp.telling import Telling

TRIES = 3  # unanswered in a row; then a peripheral counts as silent
SILENCE_LIMIT = 8.0  # seconds without a valid message end a connection (SIA OSDP 2.2, 5.7)
HEAD_START = 1.0  # seconds by which an introduction under way goes before turns that are due
PROBE_INTERVAL = 0.7  # seconds from one probe of a silent peripheral to its next
RESTART_PAUSE = 1.0  # seconds between two connections that end by a broken count
BUSY_PAUSE = 0.05  # seconds until a busy peripheral is asked the same again
BUSY_PATIENCE = 5.0  # seconds of BUSY to one command; then the connection is started anew

MARK_CHARACTER = b"\xff"  # the line is driven idle for one character before each frame

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

_FAULT_ALARMS = {  # a NAK in clear is how a restarted unit asks for a new session
    Fault.IN_CLEAR: Alarm.CLEAR_ANSWER,
    Fault.WRONG_MAC: Alarm.WRONG_MAC,
    Fault.NOT_ENCRYPTED: Alarm.WRONG_BODY,
    Fault.BAD_PADDING: Alarm.WRONG_BODY,
}


class Conversation:
    """What the panel says to one peripheral next, and what follows from its answers."""

    def __init__(
        self,
        settings: PeripheralSettings,
        emit: Callable[[BusEvent], None],
        chance: Chance | None = None,
    ) -> None:
        """Raise ValueError for a secure unit without chance."""
        if settings.secure and chance is None:
            raise ValueError(f"address {settings.address} is secure, so the bus needs chance")
        self.address = settings.address
        self.secure = settings.secure
        self.counters = Counters()
        self.count = Count()
        self.orders = Orders(settings.address, emit)
        self.gate: Gate = CLOSED
        self.pending: Exchange | None = None
        self.due = 0.0  # its next turn
        self.tries = 0  # unanswered in a row
        self.silent = True
        self.heard_at = 0.0
        self.usual: float | None = None  # slowest recent answer
        self._introduction = Introduction(
            settings.address,
            crc=settings.crc,
            keys=settings.keys,
            chance=chance if settings.secure else None,
        )
        self._telling = Telling(settings.address, emit, self.counters)
        self._meeting = Meeting(self._introduction, self._telling, self.counters)
        self._reading = Reading(
            settings.poll_interval, self._meeting, self._telling, self.orders, self.counters
        )
        self._losses = Losses()
        self._restart_from = 0.0

    # --- how it stands ----------------------------------------------------------------

    @property
    def doubtful(self) -> bool:
        """Whether it left the last try unanswered."""
        return self.tries > 0 or self.silent

    @property
    def proving(self) -> bool:
        """Whether it is in the middle of a handshake."""
        return self._introduction.proving

    @property
    def window(self) -> Window | None:
        """Its commissioning window, while that is open."""
        return self._introduction.window

    # --- speaking ---------------------------------------------------------------------

    def speak(self, now: float, character_time: float, *, order: bool) -> bytes:
        """Return what to write: the pending exchange again, or a new one.

        `order`: the first of the queue rather than what is routine. Nothing is returned,
        and the order has ended, if its last character would leave too late.
        """
        exchange = self.pending
        if exchange is None:
            exchange = self._new_exchange(self.orders.waiting.pop(0) if order else None)
        ended = now + len(exchange.wire) * character_time
        if exchange.order is not None:
            if ended >= exchange.order.expires:
                if not exchange.sent:
                    self._introduction.session.withdraw()
                self._expire(exchange, now)
                return b""
            self.orders.overtook.append(now)
        assert self.gate.admits(exchange.command, by_default_key=exchange.by_default_key)
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
        introduction, number = self._introduction, self.count.number
        sealed = introduction.session.seal(number, command.CODE, body)
        wire = MARK_CHARACTER + sealed
        return Exchange(command, order, number, wire, introduction.by_default_key)

    def _routine(self) -> Message:
        question = self._introduction.question()
        if question is not None:
            return question
        if not isinstance(self.gate, Open):
            return IDENTIFY
        to_read = self._reading.to_read
        return to_read[0] if to_read else POLL

    # --- hearing ----------------------------------------------------------------------

    def hear(self, frame: Frame, now: float) -> bool:
        """Take a frame of this address while it has the turn; True if that is over."""
        exchange = self.pending
        if exchange is None:  # given up meanwhile; the line is free again all the same
            self.counters.stragglers += 1
            return True
        heard, opened = judge(frame, exchange, self.count, self._introduction, now)
        if heard is Heard.ANSWER:
            self._answered(exchange, now)
            self._follow(self._reading.take(exchange, opened, self.gate, now), now)
            return True
        if heard is Heard.NOBODYS:
            self.counters.stragglers += 1
            return False
        self._hear_no_answer(heard, exchange, opened, now)
        return True

    def _hear_no_answer(
        self, heard: Heard, exchange: Exchange, frame: Frame, now: float
    ) -> None:
        match heard:
            case Heard.BUSY:
                self._busy(exchange, now)
            case Heard.DAMAGED:
                self._damaged(exchange, now)
            case Heard.REFUSED_NUMBER:
                self._refused_sequence(exchange, frame, now)
            case Heard.SESSION_OVER:
                self._lose_session(now)
            case _:
                self._restart("the unit asked for a new start", now)

    def missed(self, now: float) -> None:
        """Nobody answered the try in flight."""
        self.counters.timeouts += 1
        self.tries += 1
        self.due = now
        if self.tries >= TRIES and not self.silent:
            self.silent = True
            self._reading.backlog.lost()
            if self.proving:
                self._give_up_proof(now)
            self._telling.silent()
        if self.silent:
            self.due = max(self.due, now + PROBE_INTERVAL)
            if self.window is not None and self.tries >= TRIES and not self.window.ready:
                self._telling.set_up_failed(self.window, "it does not answer")
        self._give_up_if_barred(now)

    def _lose_session(self, now: float) -> None:
        fault = self._introduction.session.fault
        assert fault is not None
        self.counters.lost_sessions += 1
        if fault in _FAULT_ALARMS:
            self._telling.alarm(_FAULT_ALARMS[fault], now)
        self._restart(f"the session is over: {fault.value}", now)

    def _alive(self, now: float) -> None:
        """A valid message was heard, whatever it says."""
        self.heard_at = now
        self.tries = 0
        if not self.silent:
            return
        self.silent = False
        self.due = now
        self._telling.answers()
        if isinstance(self.gate, Open):
            self._reading.ask_status()  # what it had to report may be lost

    def _busy(self, exchange: Exchange, now: float) -> None:
        """The same command again, later, after serving others (SIA OSDP 2.2, 7.19)."""
        self.counters.busy += 1
        self._again(now, pause=BUSY_PAUSE)
        if exchange.busy_since is None:
            exchange.busy_since = now
        elif now - exchange.busy_since >= BUSY_PATIENCE:
            self.end_connection("busy for too long", now)

    def _damaged(self, exchange: Exchange, now: float) -> None:
        """The command arrived damaged: the unit did nothing with it and did not count it."""
        self.counters.count_nak(DAMAGED)
        exchange.damaged += 1
        self._again(now, pause=0.0)

    def _again(self, now: float, *, pause: float) -> None:
        """It answers, but what is pending remains to be done, if it may."""
        self._alive(now)
        self.due = now + pause
        self._give_up_if_barred(now)

    def _refused_sequence(self, exchange: Exchange, frame: Frame, now: float) -> None:
        """NAK 4, under whatever number. It says nothing of an earlier try."""
        self.counters.count_nak(OUT_OF_SEQUENCE)
        if self.proving:
            self._answered(exchange, now)
            self._follow(self._meeting.proved(frame, now), now)
            return
        if exchange.order is not None and exchange.sent == 1:
            self.orders.end(exchange.order, Refused(Nak(OUT_OF_SEQUENCE, frame.body[1:])))
            exchange.order = None
        self._restart("the unit refused the sequence number", now)

    def _answered(self, exchange: Exchange, now: float) -> None:
        self.counters.replies += 1
        self._alive(now)
        if exchange.sent == 1:  # else nobody knows which try it answers
            self._time(max(0.0, now - exchange.ended))
        self.pending = None
        self.count.go_on(exchange, now)

    def _time(self, seconds: float) -> None:
        self.counters.round_trips.add(seconds)
        self.usual = seconds if self.usual is None else max(seconds, self.usual * 0.97)

    def _follow(self, following: Next, now: float) -> None:
        """Do what an answer asks for."""
        if following.after is not None:
            self.due = now + following.after
            if not following.after and not self._introduction.complete:
                self.due -= HEAD_START
        if following.anew:
            self.count.start()
        if following.over is not None:
            self.end_connection(following.over, now)
        if following.done:
            self.gate = CLOSED
            self._introduction.window = None
            self._telling.window_closed("the unit proved its new key", done=True)

    def _give_up_proof(self, now: float) -> None:
        """It says who it is and leaves the handshake unanswered."""
        assert self.pending is not None
        self.count.rest(self.pending)
        self.pending = None
        self._follow(self._meeting.unanswered(), now)

    # --- endings ----------------------------------------------------------------------

    def end_connection(
        self, why: str, now: float, *, answered: bool = False, pause: float = 0.0
    ) -> None:
        """Close the gate, end what is queued, begin again at sequence 0.

        `answered`: what is pending has had its answer, though not one of use. `pause`: seconds
        until the next begins. A commissioning window stays open.
        """
        self.gate = CLOSED if self.window is None else COMMISSIONING
        if self.pending is not None:
            if self.pending.order is not None:
                self.orders.end(self.pending.order, Dropped(sent=True))
            if answered:
                self.count.rest_if_doubled(self.pending, now)
            else:
                self.count.rest(self.pending)
            self.pending = None
        self.orders.drop()
        self._reading.forget()
        self.count.start()
        if not self.doubtful:
            self.due = max(now + pause, self._restart_from)
            self._restart_from = self.due + RESTART_PAUSE
        if self.window is not None and self.window.ready:
            self._telling.set_up_failed(self.window, why)
        self._telling.offline(why)

    def _restart(self, why: str, now: float) -> None:
        """The count is broken."""
        self.counters.resets += 1
        pause = self._count_loss(now) if self._introduction.in_session else 0.0
        self._alive(now)
        self.end_connection(why, now, answered=True, pause=pause)

    def _count_loss(self, now: float) -> float:
        """A session ends by an answer; return how long to wait for the next."""
        pause = self._losses.add(now)
        if self._losses.too_many:
            self._telling.alarm(Alarm.SESSIONS_BROKEN, now)
        return pause

    def _give_up_if_barred(self, now: float) -> None:
        """What the gate no longer admits is not repeated, so the count is broken."""
        pending = self.pending
        if pending is None:
            return
        if not self.gate.admits(pending.command, by_default_key=pending.by_default_key):
            self.end_connection("the gate closed on an unanswered command", now)

    def _expire(self, exchange: Exchange, now: float) -> None:
        assert exchange.order is not None
        self.orders.end(exchange.order, Expired(sent=exchange.sent > 0))
        if exchange.sent:
            exchange.order = None
            self.end_connection("a command was given up unacknowledged", now)
