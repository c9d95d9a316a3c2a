"""A conversation between both sides of our own, as a listener would record it."""

from dataclasses import dataclass, field

from protocol.message import Message
from protocol.osdp.frame import Frame
from protocol.osdp.secure_handshake import (
    Answering,
    Established,
    Handshake,
    HandshakeAsPeripheral,
    Proving,
    Selector,
    Welcoming,
)
from protocol.osdp.secure_session import PeripheralSession, SecureSession

ADDRESS = 3
KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
RANDOM_A, RANDOM_B = bytes(range(8)), bytes(range(100, 108))
UNIT = bytes.fromhex("0a00170300cafede")


@dataclass(slots=True)
class Talk:
    """Says things and keeps every frame of it."""

    key: bytes = KEY
    selector: Selector = Selector.OWN
    frames: list[Frame] = field(default_factory=list)
    number: int = -1
    panel: SecureSession | None = None
    unit: PeripheralSession | None = None

    def next(self) -> int:
        self.number = self.number % 3 + 1 if self.number >= 0 else 0
        return self.number

    def clear(self, command: Message, reply: Message) -> None:
        number = self.next()
        self.frames += [
            Frame(ADDRESS, number, command.CODE, command.encode()),
            Frame(ADDRESS, number, reply.CODE, reply.encode(), reply=True),
        ]

    def handshake(self) -> None:
        """Begin a session, at number 0."""
        self.number = -1
        own = None if self.selector is Selector.DEFAULT else self.key
        waiting = HandshakeAsPeripheral(ADDRESS, own, UNIT, allow_default=True)
        asking = Handshake(ADDRESS, self.key, self.selector).start(RANDOM_A)
        first, number = asking.said.frame(ADDRESS, self.next()), self.number
        answering = waiting.take(first, RANDOM_B)
        assert isinstance(answering, Answering)
        second = answering.said.frame(ADDRESS, number, reply=True)
        proving = asking.take(second)
        assert isinstance(proving, Proving)
        third, number = proving.said.frame(ADDRESS, self.next()), self.number
        welcoming = answering.take(third)
        assert isinstance(welcoming, Welcoming)
        fourth = welcoming.said.frame(ADDRESS, number, reply=True)
        established = proving.take(fourth)
        assert isinstance(established, Established)
        self.frames += [first, second, third, fourth]
        self.panel, self.unit = established.session, welcoming.session

    def say(self, command: Message, reply: Message) -> None:
        """Say something in the session."""
        assert self.panel is not None
        assert self.unit is not None
        number = self.next()
        asked = Frame.decode(self.panel.seal(number, command.CODE, command.encode()))
        assert self.unit.open(asked) is not None
        answered = Frame.decode(self.unit.seal(number, reply.CODE, reply.encode()))
        assert self.panel.open(answered) is not None
        self.frames += [asked, answered]
