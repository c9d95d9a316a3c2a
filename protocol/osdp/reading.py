"""What the answers of one unit mean: who is told, and what follows.

Who it is and how it proves that is for `meeting`; here are the commands that somebody queued,
the polls, and the questions for its status once it is admitted.
"""

from collections import deque

from protocol.errors import MessageError
from protocol.message import Message
from protocol.osdp.backlog import Backlog
from protocol.osdp.commands import (
    Identify,
    Poll,
    ReadCapabilities,
    ReadInputs,
    ReadLocalStatus,
    ReadOutputs,
    ReadReaders,
    SetCommunication,
    SetKey,
)
from protocol.osdp.counters import Counters
from protocol.osdp.exchange import Exchange
from protocol.osdp.frame import Frame
from protocol.osdp.gate import Commissioning, Gate, Open
from protocol.osdp.happenings import Delivered, Dropped, Refused
from protocol.osdp.identity import Function
from protocol.osdp.meeting import AT_ONCE, LATER, Meeting, Next
from protocol.osdp.orders import Order, Orders
from protocol.osdp.replies import (
    Ack,
    Capabilities,
    CommunicationSettings,
    Identification,
    Nak,
    decode_reply,
)
from protocol.osdp.telling import Telling

UNCHANGED = Next(after=None)
PLAIN = (Ack, Nak)  # answers with nothing to pass on


class Reading:
    """Reads the answers of one unit."""

    def __init__(
        self,
        poll_interval: float,
        meeting: Meeting,
        telling: Telling,
        orders: Orders,
        counters: Counters,
    ) -> None:
        self.to_read: deque[Message] = deque()  # what to ask before the next poll
        self.backlog = Backlog()
        self._after_poll = Next(poll_interval)
        self._meeting = meeting
        self._telling = telling
        self._orders = orders
        self._counters = counters

    def forget(self) -> None:
        """Nothing it said before counts any more."""
        self.backlog.lost()
        self.to_read.clear()
        self._meeting.forget()

    def ask_status(self) -> None:
        """How the unit and its parts are, as far as it has inputs, outputs and readers."""
        capabilities = self._meeting.introduction.capabilities
        assert capabilities is not None
        counts = {each.function: each.count for each in capabilities.records}
        self.to_read.clear()
        self.to_read.append(ReadLocalStatus())
        if counts.get(Function.CONTACTS):
            self.to_read.append(ReadInputs())
        if counts.get(Function.OUTPUTS):
            self.to_read.append(ReadOutputs())
        if Function.READERS in counts:
            self.to_read.append(ReadReaders())

    def take(self, exchange: Exchange, frame: Frame, gate: Gate, now: float) -> Next:
        """Hear the answer to a command, and say what follows."""
        reply = self._read(frame)
        if exchange.order is not None:
            return self._ordered(exchange.order, reply, gate)
        command = exchange.command
        if isinstance(command, Poll):
            self._counters.polls += 1
            nothing = isinstance(reply, Ack)
            self._counters.reports += not nothing
            waited = self.backlog.polled(now, nothing=nothing)
            self._report(command, reply, gate, waited=waited)
            return self._after_poll
        if isinstance(command, Identify):
            return self._identified(command, reply, frame, gate, now)
        if isinstance(command, ReadCapabilities):
            return self._able(command, reply, frame, gate, now)
        if self._meeting.introduction.proving:
            return self._meeting.proved(frame, now)
        self._report(command, reply, gate)
        if self.to_read and self.to_read[0] is command:
            self.to_read.popleft()
        return AT_ONCE

    def _read(self, frame: Frame) -> Message | None:
        """Return what it says, None if nobody can read it."""
        try:
            reply = decode_reply(frame)
        except MessageError as exc:
            self._telling.unreadable(frame.code, type(exc).__name__)
            return None
        if isinstance(reply, Nak):
            self._counters.count_nak(reply.reason)
        return reply

    # --- a command somebody queued ----------------------------------------------------

    def _ordered(self, order: Order, reply: Message | None, gate: Gate) -> Next:
        if reply is None:
            self._orders.end(order, Dropped(sent=True))
            return UNCHANGED
        if isinstance(reply, Nak):
            self._orders.end(order, Refused(reply))
            return UNCHANGED
        self._report(order.command, reply, gate, order.tag)
        self._orders.end(order, Delivered())
        return self._changed(order.command, reply)

    def _changed(self, command: Message, reply: Message) -> Next:
        """It has another key now, or says where it listens from now on."""
        if isinstance(command, SetKey):
            if self._meeting.window is not None:
                self._meeting.window.ready = 0  # as it should be
            return Next(after=None, over="it was given a new key")
        if isinstance(command, SetCommunication) and isinstance(reply, CommunicationSettings):
            where = f"address {reply.address}, {reply.baud} baud"
            return Next(after=None, over=f"it listens at {where} from now on")
        return UNCHANGED

    # --- who it is --------------------------------------------------------------------

    def _identified(
        self, command: Message, reply: Message | None, frame: Frame, gate: Gate, now: float
    ) -> Next:
        if not isinstance(reply, Identification):
            self._report(command, reply, gate)
        following = self._meeting.identified(reply, frame, now)
        return AT_ONCE if following is LATER and isinstance(gate, Open) else following

    def _able(
        self, command: Message, reply: Message | None, frame: Frame, gate: Gate, now: float
    ) -> Next:
        """A unit that cannot tell what it can do has nothing; what of it is for the audit."""
        known = reply if isinstance(reply, Capabilities) else Capabilities(())
        if known is not reply and self._meeting.introduction.identification is not None:
            self._report(command, reply, gate)
        return self._meeting.able(known, frame, now)

    # --- who is told ------------------------------------------------------------------

    def _report(
        self,
        command: Message,
        reply: Message | None,
        gate: Gate,
        tag: int | None = None,
        *,
        waited: float = 0.0,
    ) -> None:
        if reply is None or isinstance(reply, PLAIN):
            return
        if isinstance(gate, Open) or (tag is not None and isinstance(gate, Commissioning)):
            self._telling.replied(command, reply, tag, waited)
        else:
            self._telling.unwanted(reply)
