"""A panel, a unit, and somebody on the line between them.

Frames get lost, are replayed, changed with the right check characters, said out of order, to
either side, in any session. Whatever happens: what one side opens, the other sealed in this
very session, and everything in order and once. Sessions may break; they are never wrong. And
as long as frames only get lost, they do not even break.
"""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.replies import Busy, Nak
from protocol.osdp.secure_handshake import (
    Answering,
    Challenging,
    Established,
    Failed,
    Handshake,
    HandshakeAsPeripheral,
    Proving,
    Welcoming,
)
from protocol.osdp.secure_session import PeripheralSession, SecureSession
from tests.protocol.osdp.frames import frames

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
UNIT = bytes(8)
codes = st.integers(0, 0xFF).filter(lambda code: code != Busy.CODE)
bodies = st.binary(max_size=40)
Words = tuple[int, int, bytes]


class Unit:
    """A unit as it should be: it repeats its last reply when its last command is repeated."""

    def __init__(self, session: PeripheralSession) -> None:
        self.session = session
        self.opened: list[Words] = []
        self.sealed: list[Words] = []
        self.next_reply: tuple[int, bytes] = (0x40, b"")
        self._last: tuple[Frame, bytes] | None = None

    def hear(self, frame: Frame) -> bytes:
        """Return the reply, nothing to what is not for it."""
        if self._last is not None and frame == self._last[0]:
            return self._last[1]
        command = self.session.open(frame)
        if command is None:
            lost = self.session.fault is not None
            return Frame(1, 0, Nak.CODE, b"\6", reply=True).encode() if lost else b""
        self.opened.append((command.sequence, command.code, command.body))
        code, body = self.next_reply
        reply = self.session.seal(command.sequence, code, body)
        self.sealed.append((command.sequence, code, body))
        self._last = frame, reply
        return reply


class Panel:
    """A panel that asks one thing after the other."""

    def __init__(self, session: SecureSession) -> None:
        self.session = session
        self.sealed: list[Words] = []
        self.opened: list[Words] = []
        self.command = b""  # waits for its reply
        self._sequence = 0

    def ask(self, code: int, body: bytes) -> None:
        self._sequence = self._sequence % 3 + 1
        self.command = self.session.seal(self._sequence, code, body)
        self.sealed.append((self._sequence, code, body))

    def hear(self, frame: Frame) -> None:
        reply = self.session.open(frame)
        if reply is not None and reply.code != Busy.CODE:
            self.opened.append((reply.sequence, reply.code, reply.body))
            self.command = b""


class AnyLine(RuleBasedStateMachine):
    """Whoever sits on the line has heard everything and can say anything."""

    @initialize()
    def begin(self) -> None:
        self.air: list[Frame] = []  # all that was ever said
        self.sessions = 0
        self.connect()

    def connect(self) -> None:
        """Two handshakes never use the same random bytes."""
        self.sessions += 1
        self.tampered = False
        self.reply = b""
        chance = self.sessions.to_bytes(8, "little")
        asking = Handshake(1, KEY).start(chance)
        answering = HandshakeAsPeripheral(1, KEY, UNIT).take(self.said(asking), chance[::-1])
        assert isinstance(answering, Answering)
        proving = asking.take(self.said(answering))
        assert isinstance(proving, Proving)
        welcoming = answering.take(self.said(proving))
        assert isinstance(welcoming, Welcoming)
        established = proving.take(self.said(welcoming))
        assert isinstance(established, Established)
        self.panel = Panel(established.session)
        self.unit = Unit(welcoming.session)

    def said(self, step: Challenging | Answering | Proving | Welcoming) -> Frame:
        frame = step.said.frame(1, 0, reply=isinstance(step, Answering | Welcoming))
        self.air.append(frame)
        return frame

    @property
    def broken(self) -> bool:
        return self.panel.session.fault is not None or self.unit.session.fault is not None

    # --- what honest sides do --------------------------------------------------------------

    @precondition(lambda self: not self.panel.command and self.panel.session.fault is None)
    @rule(code=codes, body=bodies)
    def the_panel_asks(self, code: int, body: bytes) -> None:
        self.panel.ask(code, body)
        self.air.append(Frame.decode(self.panel.command))

    @precondition(lambda self: self.panel.command)
    @rule(code=codes, body=bodies)
    def the_command_arrives(self, code: int, body: bytes) -> None:
        """Perhaps again."""
        self.unit.next_reply = code, body
        self.reply = self.unit.hear(Frame.decode(self.panel.command))
        if self.reply:
            self.air.append(Frame.decode(self.reply))

    @precondition(lambda self: self.reply)
    @rule(arrives=st.booleans())
    def the_reply_arrives_or_gets_lost(self, *, arrives: bool) -> None:
        if arrives:
            self.panel.hear(Frame.decode(self.reply))
        self.reply = b""

    @rule(sequence=st.integers(0, 3))
    def the_unit_is_busy(self, sequence: int) -> None:
        self.panel.hear(Frame(1, sequence, Busy.CODE, b"", reply=True))

    @precondition(lambda self: self.broken)
    @rule()
    def both_begin_anew(self) -> None:
        self.connect()

    # --- what somebody on the line does ----------------------------------------------------

    @rule(data=st.data(), to_panel=st.booleans())
    def somebody_replays(self, data: st.DataObject, *, to_panel: bool) -> None:
        self.inject(data.draw(st.sampled_from(self.air)), to_panel=to_panel)

    @rule(data=st.data(), to_panel=st.booleans())
    def somebody_changes(self, data: st.DataObject, *, to_panel: bool) -> None:
        frame = data.draw(st.sampled_from(self.air))
        block = frame.security
        assert block is not None or frame.code == Nak.CODE
        changes = [
            replace(frame, sequence=data.draw(st.integers(0, 3))),
            replace(frame, code=data.draw(codes)),
            replace(frame, body=data.draw(bodies)),
            replace(frame, body=frame.body[16:]),
            replace(frame, reply=not frame.reply),
            replace(frame, crc=not frame.crc),
            replace(frame, security=None, mac=b""),
        ]
        if block is not None and block.has_mac:
            kind = data.draw(st.sampled_from([0x15, 0x16, 0x17, 0x18]))
            changes += [
                replace(frame, security=SecurityBlock(kind)),
                replace(frame, mac=data.draw(st.binary(min_size=4, max_size=4))),
            ]
        self.inject(data.draw(st.sampled_from(changes)), to_panel=to_panel)

    @rule(frame=frames(), to_panel=st.booleans())
    def somebody_makes_up(self, frame: Frame, *, to_panel: bool) -> None:
        self.inject(replace(frame, address=1), to_panel=to_panel)

    def inject(self, frame: Frame, *, to_panel: bool) -> None:
        self.tampered = True
        if to_panel:
            self.panel.hear(frame)
        else:
            self.unit.hear(frame)

    @rule(data=st.data())
    def somebody_answers_a_new_challenge_with_what_was_heard(self, data: st.DataObject) -> None:
        heard = data.draw(st.sampled_from(self.air))
        chance = (self.sessions + 1).to_bytes(8, "little")
        assert isinstance(Handshake(1, KEY).start(chance).take(heard), Failed)

    # --- what holds whatever happens --------------------------------------------------------

    @invariant()
    def what_was_opened_was_sealed_in_this_order(self) -> None:
        panel, unit = self.panel, self.unit
        assert unit.opened == panel.sealed[: len(unit.opened)]
        assert panel.opened == unit.sealed[: len(panel.opened)]
        assert len(panel.sealed) - 1 <= len(panel.opened) <= len(unit.opened)

    @invariant()
    def losses_alone_break_nothing(self) -> None:
        assert self.tampered or not self.broken

    def teardown(self) -> None:
        """Two sides whose session stands come to the end of what they had to say."""
        if not hasattr(self, "panel") or self.broken:
            return
        if self.panel.command:
            self.panel.hear(Frame.decode(self.unit.hear(Frame.decode(self.panel.command))))
        assert not self.panel.command
        assert len(self.panel.sealed) == len(self.unit.opened) == len(self.panel.opened)


TestAnyLine = AnyLine.TestCase
