"""Who lives on a line? One address after the other is asked, at one speed.

    scan = Scan(range(127), character_time=10 / 9600)
    link_up(now), link_down(now), outgoing(now), receive(data, now), deadline: as of a `Bus`
    next_event()    a `Found`, `Refusing` or `Garbled`, until None
    done            every address was asked, and everybody has answered or had the time to

Nothing but osdp_ID and osdp_CAP is ever sent (SIA OSDP 2.2, 6.2, 6.3). Most addresses are
empty, so each is listened to for `window` only, and the last one for as long as a unit may
take. An answer that comes later is taken all the same: its address stands in it. Where a
late one collides with the next question there is noise; then both addresses are asked again,
with time. Noise that stays is told: two units have one address, or speak at another speed.

At the address `BROADCAST` everybody answers, as if that were their own. One clean answer to
one question means one unit; of several the answers collide.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from protocol.errors import MessageError
from protocol.message import Message
from protocol.osdp.bus import IDLE_CHARACTERS, INTER_CHARACTER, REPLY_TIMEOUT
from protocol.osdp.commands import Identify, ReadCapabilities
from protocol.osdp.frame import BROADCAST, Frame, FrameReader, sealed
from protocol.osdp.replies import (
    Busy,
    Capabilities,
    Identification,
    Nak,
    decode_reply,
)

SHORT_WINDOW = 0.05  # seconds; units answer within a few milliseconds, adapters add 16
CAPABILITY_TRIES = 3
NOISY_TRIES = 3  # of one address, each followed by noise; then nothing better will come
BUSY_PATIENCE = 20  # times one question is put again because the unit is busy
BUSY_PAUSE = 0.05  # seconds before that
LONGEST_ANSWER = 256  # characters: the capabilities of a large unit, and some noise
LONGEST_ARRIVAL = 0.3  # seconds for one answer over a transport of unknown speed

MARK_CHARACTER = b"\xff"
IDENTIFY, READ_CAPABILITIES = Identify(), ReadCapabilities()


@dataclass(frozen=True, slots=True)
class Found:
    """A unit said who it is: a claim. `evidence` is the frames of its answers."""

    address: int
    identification: Identification
    capabilities: Capabilities | None  # None: it did not tell them
    evidence: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Refusing:
    """Somebody answers, and does not say who it is. No NAK: the answer made no sense."""

    address: int
    nak: Nak | None


@dataclass(frozen=True, slots=True)
class Garbled:
    """Something was heard that cannot be the answer of one unit."""

    address: int


Happening = Found | Refusing | Garbled


@dataclass(slots=True)
class _Question:
    address: int
    command: Message
    window: float
    tries: int  # that are left
    busy: int = BUSY_PATIENCE


class Scan:
    """Asks each address once, more often where something is heard."""

    def __init__(
        self,
        addresses: Iterable[int],
        *,
        character_time: float = 0.0,
        window: float = SHORT_WINDOW,
        tries: int = 1,
        crc: bool = True,
    ) -> None:
        """`window`: seconds in which an answer must begin; `tries`: of a silent address.

        `character_time`: seconds a character takes on the wire, 0 where that is unknown.
        """
        self._waiting = deque(_Question(each, IDENTIFY, window, tries) for each in addresses)
        if self._waiting:
            self._waiting[-1].window = max(window, REPLY_TIMEOUT)
        self.total = len(self._waiting)
        self._character_time = character_time
        self._crc = crc
        self._reader = FrameReader()
        self._events: deque[Happening] = deque()
        self._up = False
        self._flight: _Question | None = None
        self._wake = inf
        self._limit = 0.0
        self._quiet_at = 0.0
        self._dropped_before = 0
        self._asked: set[int] = set()
        self._everybody_asked = 0
        self._known: dict[int, tuple[Identification, bytes]] = {}
        self._told: set[int] = set()
        self._garbled_at: set[int] = set()
        self._noisy: dict[int, int] = {}  # by address: tries that noise followed
        self._before: int | None = None  # the address asked last, if it was silent

    @property
    def asked(self) -> int:
        """How many of the addresses were asked so far."""
        return len(self._asked)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to ask or to wait for."""
        return self._flight is None and not self._waiting

    @property
    def deadline(self) -> float:
        """When to call `receive` at the latest, infinity if never. Valid after `outgoing`."""
        return self._wake

    def next_event(self) -> Happening | None:
        """Return the oldest event not yet taken."""
        return self._events.popleft() if self._events else None

    # --- the wire ---------------------------------------------------------------------

    def link_up(self, now: float) -> None:
        """The line can be written to."""
        self._up = True
        self._wake = now

    def link_down(self, _now: float) -> None:
        """The line is gone; the question in flight is put again when it is back."""
        self._up = False
        self._wake = inf
        question, self._flight = self._flight, None
        if question is not None:
            question.tries += 1
            self._waiting.appendleft(question)

    def outgoing(self, now: float) -> bytes:
        """Return the next question, its mark character first, or nothing yet."""
        if not self._up or self._flight is not None:
            return b""
        if not self._waiting or now < self._quiet_at:
            self._wake = self._quiet_at if self._waiting else inf
            return b""
        question = self._waiting.popleft()
        wire = self._wire(question)
        question.tries -= 1
        self._asked.add(question.address)
        self._everybody_asked += question.address == BROADCAST
        self._reader.forget()
        self._dropped_before = self._reader.dropped
        self._flight = question
        self._wake = now + len(wire) * self._character_time + question.window
        arrival = LONGEST_ANSWER * self._character_time or LONGEST_ARRIVAL
        self._limit = self._wake + arrival
        return wire

    def receive(self, data: bytes, now: float) -> None:
        """Take what was read; nothing at all means that the deadline has come."""
        if data:
            self._quiet_at = max(self._quiet_at, now + IDLE_CHARACTERS * self._character_time)
            for frame in self._reader.feed(data):
                self._hear(frame, now)
            if self._reader.pending:
                self._wake = max(self._wake, min(now + INTER_CHARACTER, self._limit))
        if self._flight is not None and now >= self._wake:
            self._time_is_up(self._flight, now)

    def _wire(self, question: _Question) -> bytes:
        command = question.command
        sequence = 0 if command is IDENTIFY else 1  # 0 begins anew, for any unit
        body = command.encode()
        return MARK_CHARACTER + sealed(
            question.address, sequence, command.CODE, body, crc=self._crc
        )

    # --- what is heard ----------------------------------------------------------------

    def _hear(self, frame: Frame, now: float) -> None:
        if not frame.reply or frame.address not in self._asked:
            return  # an echo of our own, or nobody we asked
        reply = _reply_in(frame)
        question = self._flight
        if isinstance(reply, Identification):
            self._identified(frame, reply)
        elif isinstance(reply, Capabilities) and frame.address in self._known:
            self._tell(frame.address, reply, frame)
        elif question is None or question.address != frame.address:
            return  # it refuses late what nobody asks any more
        elif isinstance(reply, Busy) and question.busy:
            self._put_again(question)
            self._quiet_at = now + BUSY_PAUSE
        else:
            self._refused(question, reply if isinstance(reply, Nak) else None)

    def _identified(self, frame: Frame, identification: Identification) -> None:
        address = frame.address
        known = self._known.get(address)
        if known is not None:
            crowd = address == BROADCAST and self._everybody_asked == 1
            if crowd or known[0] != identification:
                self._garbled(address)
            return
        self._known[address] = identification, frame.encode()
        if address == BROADCAST:  # whoever else is there answers within the same window
            self._tell(address, None)
            return
        if self._asks(address):
            self._flight = None
        self._waiting.appendleft(
            _Question(address, READ_CAPABILITIES, REPLY_TIMEOUT, CAPABILITY_TRIES)
        )

    def _asks(self, address: int) -> bool:
        return self._flight is not None and self._flight.address == address

    def _refused(self, question: _Question, nak: Nak | None) -> None:
        self._flight = None
        if question.command is READ_CAPABILITIES:
            self._tell(question.address, None)
        else:
            self._events.append(Refusing(question.address, nak))

    def _tell(
        self, address: int, capabilities: Capabilities | None, frame: Frame | None = None
    ) -> None:
        """Tell of a unit, once, and ask it nothing more."""
        if address != BROADCAST and self._asks(address):
            self._flight = None
        self._waiting = deque(each for each in self._waiting if each.address != address)
        if address not in self._told:
            self._told.add(address)
            identification, evidence = self._known[address]
            frames = (evidence,) if frame is None else (evidence, frame.encode())
            self._events.append(Found(address, identification, capabilities, frames))

    def _garbled(self, address: int) -> None:
        if address not in self._garbled_at:
            self._garbled_at.add(address)
            self._events.append(Garbled(address))

    # --- what is not ------------------------------------------------------------------

    def _time_is_up(self, question: _Question, now: float) -> None:
        for frame in self._reader.rescan():  # one may stand behind noise that looked longer
            self._hear(frame, now)
        if self._flight is not question:
            return
        self._flight = None
        noise = self._reader.dropped > self._dropped_before
        if question.address == BROADCAST and (noise or BROADCAST in self._known):
            if noise:
                self._garbled(BROADCAST)
        elif question.command is READ_CAPABILITIES:
            self._missed_capabilities(question)
        elif noise:
            self._noise(question, now)
        elif question.tries:
            self._waiting.appendleft(question)
        else:
            self._before = question.address

    def _put_again(self, question: _Question) -> None:
        self._flight = None
        question.busy -= 1
        question.tries += 1
        self._waiting.appendleft(question)

    def _missed_capabilities(self, question: _Question) -> None:
        if question.tries:
            self._waiting.appendleft(question)
        else:
            self._tell(question.address, None)

    def _noise(self, question: _Question, now: float) -> None:
        """Ask again, with time, also the address before it: its answer may have been late."""
        address, before = question.address, self._before
        self._noisy[address] = self._noisy.get(address, 0) + 1
        self._quiet_at = now + REPLY_TIMEOUT
        if self._noisy[address] >= NOISY_TRIES:
            self._garbled(address)
        else:
            question.window, question.tries = REPLY_TIMEOUT, 1
            self._waiting.appendleft(question)
        if before is not None and not {before} & (self._noisy.keys() | self._known.keys()):
            self._noisy[before] = 1
            self._waiting.appendleft(_Question(before, IDENTIFY, REPLY_TIMEOUT, 1))


def _reply_in(frame: Frame) -> Message | None:
    """Return the message, None if it is none we know or comes out of a session."""
    if frame.security is not None:
        return None
    try:
        return decode_reply(frame)
    except MessageError:
        return None
