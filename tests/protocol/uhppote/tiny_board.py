"""The least board that a conversation can be held with: a log, a few cards, a lock."""

from dataclasses import dataclass, field
from random import Random

from protocol.errors import ProtocolError
from protocol.uhppote.cards import CardPut, PutCard
from protocol.uhppote.doors import DoorOpened, OpenDoor
from protocol.uhppote.frame import Frame
from protocol.uhppote.message import Reply
from protocol.uhppote.messages import decode_request, encode
from protocol.uhppote.status import (
    OLDEST,
    Event,
    EventType,
    GetEvent,
    GetStatus,
    Reason,
    Status,
)
from protocol.uhppote.values import Date, Moment, Time

SERIAL = 405419896
KEPT = 12  # events


@dataclass(slots=True)
class TinyBoard:
    """Answers at once; `log` is everything that ever happened since the last reset."""

    kept: int = KEPT
    log: list[Event] = field(default_factory=list)
    gone: int = 0  # overwritten
    happened: int = 0  # in all its life
    opened: list[int] = field(default_factory=list)
    cards: list[int] = field(default_factory=list)
    echoes: bool = False
    mute: frozenset[int] = frozenset()  # functions it does not understand

    def happen(self, card: int) -> Event:
        """Add an event."""
        self.happened += 1
        at = Moment(Date(2026, 1, 1), Time(12, self.happened // 60 % 60, self.happened % 60))
        index = len(self.log) + 1
        event = Event(index, EventType.CARD, door=1, card=card, at=at, reason=Reason.CARD)
        self.log.append(event)
        if len(self.log) - self.gone > self.kept:
            self.gone += self.kept // 3
        return event

    def reset(self) -> None:
        """Forget all events and count anew."""
        self.log = []
        self.gone = 0

    def answer(self, raw: bytes) -> bytes | None:
        """Return the reply, or nothing."""
        try:
            frame = Frame.decode(raw)
            request = decode_request(frame)
        except ProtocolError:
            return None
        if frame.serial != SERIAL or frame.function in self.mute:
            return None
        reply: Reply | None = None
        match request:
            case GetStatus():
                reply = self.status()
            case GetEvent(index):
                reply = self.event(index)
            case OpenDoor(door):
                self.opened.append(door)
                self.happen(0)
                reply = DoorOpened()
            case PutCard():
                self.cards.append(request.card)
                reply = CardPut()
        sequence = frame.sequence if self.echoes else 0
        return None if reply is None else encode(SERIAL, reply, sequence)

    def event(self, index: int) -> Event:
        """Return what it says of one event."""
        if index == OLDEST:
            return self.log[self.gone] if self.gone < len(self.log) else Event()
        if index > len(self.log):
            return Event()
        if index <= self.gone:
            return Event(index, EventType.OVERWRITTEN)
        return self.log[index - 1]

    def status(self) -> Status:
        """Return what it says, asked or not."""
        return Status(self.log[-1]) if self.log else Status()

    def push(self) -> bytes:
        """Return what it sends to its listener."""
        return encode(SERIAL, self.status())


@dataclass(slots=True)
class Wire:
    """A network that loses, doubles, delays and reorders."""

    chance: Random
    loss: float = 0.2
    doubles: float = 0.1
    slowest: float = 2.0  # seconds
    under_way: list[tuple[float, int, bytes]] = field(default_factory=list)
    _count: int = 0

    def send(self, raw: bytes, now: float) -> None:
        """Put a datagram on its way, or not."""
        copies = 1 + (self.chance.random() < self.doubles)
        for _ in range(copies):
            if self.chance.random() >= self.loss:
                self._count += 1
                slow = self.chance.random() < 0.2
                delay = self.chance.uniform(0, self.slowest) if slow else 0.002
                self.under_way.append((now + delay, self._count, raw))

    def arrived(self, now: float) -> list[bytes]:
        """Take what has arrived, in the order it did."""
        here = sorted(each for each in self.under_way if each[0] <= now)
        self.under_way = [each for each in self.under_way if each[0] > now]
        return [raw for _, _, raw in here]

    def next_at(self) -> float:
        """When the next arrives."""
        return min((at for at, _, _ in self.under_way), default=float("inf"))
