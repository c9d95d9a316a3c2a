"""A secure unit, its panel, somebody in the wire between them, and the truth.

The unit (`Witness`) keeps what it really said inside each session. Whatever the panel
believes is compared with that at once (`Truth`): the same session, in the same order, at most
once. `nothing_was_won` looks at the rest when an attack is over: what went out in clear,
whether a lock moved that nobody had ordered, whether a key was told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gatewayd.simulate.device import Device
from protocol.message import Message
from protocol.osdp.bus import (
    Alarm,
    Alarming,
    BaseKey,
    BusEvent,
    Delivered,
    Identified,
    Replied,
    WentOffline,
)
from protocol.osdp.commands import Poll, SetKey
from protocol.osdp.frame import Frame
from protocol.osdp.replies import RawCard
from protocol.osdp.secure_session import PeripheralSession
from tests.simulate.attacker import Attacker
from tests.simulate.line import IDENTITY, Line

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
NEW = BaseKey("new", bytes.fromhex("41d09be6c25f883a0e7711b4f29d6c53"))
FORGED = RawCard(0, 1, 32, bytes.fromhex("0badcafe"))
RECOVERY = 12.0  # seconds: the longest pause after failed proofs, or 8 s offline, and a probe


def card(number: int) -> RawCard:
    """A card like no other."""
    return RawCard(0, 1, 32, number.to_bytes(4))


class Witness(Device):
    """A unit that keeps what it said inside its sessions."""

    def __init__(self, address: int = 1, *, key: bytes | None = KEY, **others: object) -> None:
        super().__init__(address, key=key, **others)  # type: ignore[arg-type]  # as Device's
        self.sessions: list[list[Message]] = []
        self._counted: PeripheralSession | None = None

    def _say_inside(
        self, session: PeripheralSession, frame: Frame, opened: Frame, reply: Message
    ) -> bytes:
        if session is not self._counted:
            self._counted = session
            self.sessions.append([])
        self.sessions[-1].append(reply)
        return super()._say_inside(session, frame, opened, reply)


class Truth:
    """Compares what the panel believes with what the unit really said."""

    def __init__(self, unit: Witness) -> None:
        self._unit = unit
        self._session: dict[int, int] = {}  # by connection
        self._at: dict[int, int] = {}  # how far each session has been believed

    def hear(self, event: BusEvent) -> None:
        """Look at one thing the panel was told."""
        if event.address != self._unit.address:
            return
        match event:
            case Identified(proved=True):
                session = len(self._unit.sessions) - 1
                self._session[event.connection] = session
                assert event.identification in self._unit.sessions[session]
                assert event.capabilities in self._unit.sessions[session]
            case Replied():
                self._was_said(event)

    def _was_said(self, event: Replied) -> None:
        session = self._session[event.connection]
        said, at = self._unit.sessions[session], self._at.get(session, 0)
        assert event.reply in said[at:], "nobody said this, or not now, or not again"
        self._at[session] = said.index(event.reply, at) + 1


@dataclass
class Scene:
    """Everybody involved."""

    line: Line
    unit: Witness
    attacker: Attacker

    # --- what happens -----------------------------------------------------------------

    def show(self, number: int) -> RawCard:
        """Hold a card to the reader."""
        shown = card(number)
        self.unit.report(shown)
        return shown

    def unlock(self, tag: int, *, within: float = 2.0) -> None:
        """Order a pulse that can be told from all others."""
        assert self.line.unlock(1, tag, within=within)

    def secure_again(self, seconds: float = RECOVERY) -> bool:
        """Whether the unit is polled inside a session within that time."""
        polls = self.polls

        def secure() -> bool:
            """Both sides have a session; an answer on its way may be one of the last."""
            both = bool(self.line.connection(1)) and self.unit.secure
            return both and self.polls > polls

        self.line.run_until(secure, seconds)
        return secure()

    def last_reply(self, kind: type[Message]) -> Frame:
        """Return the newest reply of a kind, as the unit sent it."""
        return self.attacker.frames(kind)[-1]

    # --- what came of it --------------------------------------------------------------

    @property
    def polls(self) -> int:
        return self.line.bus.counters(1).polls

    @property
    def cards(self) -> list[Message]:
        """The cards the panel believes to have been shown."""
        replies = (event.reply for event in self.line.events(Replied) if event.address == 1)
        return [each for each in replies if isinstance(each, RawCard)]

    @property
    def alarms(self) -> list[Alarm]:
        return [event.what for event in self.line.events(Alarming)]

    @property
    def faults(self) -> list[str | None]:
        """Why it did not prove itself, each time it was told of."""
        return [event.fault for event in self.line.events(Identified)]

    @property
    def offline(self) -> list[str]:
        return [event.why for event in self.line.events(WentOffline)]

    def nothing_was_won(self, *, ordered: Iterable[int] = (), key: bool = False) -> None:
        """What must hold after every attack. `key`: an operator had one sent."""
        written = [frame for _, frame in self.line.heard(1)]
        assert {frame.code for frame in written if frame.security is None} <= IDENTITY
        assert key or not [frame for frame in written if frame.code == SetKey.CODE]
        pulses = [round(each.seconds * 10) for each in self.unit.pulses]
        assert len(pulses) == len(set(pulses)), "an unlock counted twice"
        assert set(pulses) <= set(ordered)
        for tag, endings in self.line.endings().items():
            assert len(endings) == 1
            if tag in ordered and endings == [Delivered()]:
                assert tag in pulses
        assert FORGED not in self.cards


def attacked(
    unit: Witness | None = None, *, key: bytes | None = KEY, settled: bool = True
) -> Scene:
    """Return a secure unit with an attacker in its wire, who only listens so far.

    `key` is the panel's; None: it has none.
    """
    witness = unit or Witness()
    line = Line.with_units(1, keys={1: key or KEY})
    if key is None:
        line.bus.set_keys(1, ())
    line.place(1).device = witness
    line.on_event(Truth(witness).hear)
    scene = Scene(line, witness, Attacker.on(line))
    if settled:
        line.run(0.5)
    return scene


def polls_answered(scene: Scene, count: int) -> None:
    """Let so many polls be answered."""
    before = scene.polls
    scene.line.run_until(lambda: scene.polls >= before + count, 30)


def commands(scene: Scene, kind: type[Message] = Poll) -> list[Frame]:
    """Return what the panel said, as it said it."""
    return scene.attacker.frames(kind, reply=False)
