"""A peripheral that follows a script, in simulated time, in clear or inside a session.

    stage = Stage(
        on(Poll, RawCard(...)),                 # the next poll is answered with a card
        on(SetLeds, SILENCE), again(),          # one answer is lost; the same bytes follow
        on(Poll, Ack(), spoil=flip_last),       # one arrives damaged
        key=KEY,
    )
    stage.play()

A line of the script waits for a command and says what is put on the wire then. Whatever comes
before it is answered as a good unit would, and so is everything once the script is over: only
what is unusual has to be written down. `then` insists on the very next command, `again` on a
repetition of the last one, byte for byte.

The unit keeps no count and has no opinions; it says what it is told to say. Inside a session
it seals, unless told otherwise. `play` ends when the script does and fails if that does not
come about in time; everything written and told is kept with its time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

from protocol.message import Message
from protocol.osdp.commands import (
    Challenge,
    Identify,
    ReadCapabilities,
    ReadInputs,
    ReadLocalStatus,
    ReadOutputs,
    ServerCryptogram,
    SetCommunication,
    SetKey,
    decode_command,
)
from protocol.osdp.frame import Frame
from protocol.osdp.replies import (
    Ack,
    Busy,
    Capabilities,
    Capability,
    CommunicationSettings,
    Identification,
    InputStatus,
    LocalStatus,
    Nak,
    NakReason,
    OutputStatus,
)
from protocol.osdp.secure_handshake import (
    REFUSAL,
    Answering,
    Failed,
    HandshakeAsPeripheral,
    Said,
)
from protocol.osdp.secure_keys import RANDOM_LENGTH
from protocol.osdp.secure_session import PeripheralSession

PROMPT = 0.003  # seconds until a unit answers, nominally (5.7)

IDENTITY = Identification(bytes.fromhex("02475f"), 1, 1, 0x12345678, 3, 2, 1)
ABILITIES = Capabilities(
    tuple(
        Capability(*each)
        for each in ((1, 1, 4), (2, 4, 2), (4, 4, 1), (8, 1, 0), (9, 1, 0), (16, 2, 0))
    )
)

GOOD: dict[type[Message], Message] = {
    Identify: IDENTITY,
    ReadCapabilities: ABILITIES,
    ReadLocalStatus: LocalStatus(0, 0),
    ReadInputs: InputStatus(bytes(4)),
    ReadOutputs: OutputStatus(bytes(2)),
}
PUT_OFF = (Busy(), Nak(NakReason.CHECK))  # it did nothing; repeated, the command counts


@dataclass(frozen=True, slots=True)
class Answer:
    """What is put on the wire, and when: seconds from the last character of the command."""

    message: Message | None = None  # None: what a good unit says
    after: float = PROMPT
    number: int | None = None  # a sequence number other than that of the command
    clear: bool = False  # in clear, whatever stands
    lost: bool = False
    gap: float = 0.0  # seconds of silence between two characters
    edit: Callable[[Frame], Frame] | None = None  # with sound check characters afterwards
    spoil: Callable[[bytes], bytes] | None = None  # as it arrives


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of a script.

    `command`: a kind of message, or the very message; None: the last one again.
    """

    command: type[Message] | Message | None
    answer: Answer
    at_once: bool = False

    def waits_for(self, command: Message | None, code: int) -> bool:
        """Whether this is what it waits for; `command` is None if nobody could open it."""
        if self.command is None:
            return False
        if isinstance(self.command, Message):
            return command == self.command
        return code == self.command.CODE


SILENCE = Answer(lost=True)


def on(  # everything an answer can be, by name
    command: type[Message] | Message,
    answer: Message | Answer | None = None,
    *,
    after: float = PROMPT,
    number: int | None = None,
    clear: bool = False,
    gap: float = 0.0,
    edit: Callable[[Frame], Frame] | None = None,
    spoil: Callable[[bytes], bytes] | None = None,
) -> Cue:
    """Sometime this command comes, and then this is answered."""
    if isinstance(answer, Answer):
        return Cue(command, answer)
    how = Answer(answer, after, number, clear=clear, gap=gap, edit=edit, spoil=spoil)
    return Cue(command, how)


def then(command: type[Message] | Message, answer: Message | Answer | None = None) -> Cue:
    """Expect this command as the very next one."""
    return replace(on(command, answer), at_once=True)


def again(answer: Message | Answer | None = None) -> Cue:
    """Expect the last command once more, byte for byte, as the very next one."""
    return Cue(None, answer if isinstance(answer, Answer) else Answer(answer), at_once=True)


def flip_last(wire: bytes) -> bytes:
    """One bit of the check characters arrives wrong."""
    return wire[:-1] + bytes((wire[-1] ^ 0x10,))


class Actor:
    """The unit: opens what it hears, looks into its script, seals what it says."""

    def __init__(
        self, cues: Iterable[Cue], address: int, key: bytes | None, *, install_mode: bool
    ) -> None:
        self.cues = list(cues)
        self.address = address
        self.baud = 9600
        self.key = key
        self.install_mode = install_mode
        self.heard: list[Message] = []  # opened; a repetition is heard once
        self._chance = Random(3).randbytes  # noqa: S311 - repeatable
        self._wire = b""
        self._command: Message | None = None
        self._reply = b""
        self._answering: Answering | None = None
        self._session: PeripheralSession | None = None
        self._moves_to: SetCommunication | None = None
        self._put_off = False
        self.said = b""  # the newest reply

    @property
    def secure(self) -> bool:
        """Whether a session stands."""
        return self._session is not None

    def lose_session(self) -> None:
        """As after a power cut."""
        self._session = self._answering = None

    def hear(self, wire: bytes) -> Answer | None:
        """Take a frame, without its mark character; return what becomes of the answer.

        The bytes are then in `said`.
        """
        frame = Frame.decode(wire)
        if frame.address != self.address:
            return None
        if wire == self._wire and (frame.sequence or self._waits_for_repetition):
            return self._repeat()  # number 0 begins anew instead
        self._wire = wire
        self._open(frame)
        answer = self._look_up(frame)
        self._answer(frame, answer)
        return answer

    @property
    def _waits_for_repetition(self) -> bool:
        return bool(self.cues) and self.cues[0].command is None

    def _repeat(self) -> Answer:
        """The same bytes again: the reply they had, if they had one and the script agrees."""
        answer = Answer()
        if self.cues and self.cues[0].at_once:
            cue = self.cues.pop(0)
            assert cue.command is None, f"{cue} was to come, not a repetition"
            answer = cue.answer
        if answer.message is not None or self._put_off:
            self._answer(Frame.decode(self._wire), answer)
        self.said = self._reply
        return answer

    def _answer(self, frame: Frame, answer: Answer) -> None:
        """Remember what is said, which a repetition gets again without what an editor did."""
        self.said = self._reply = self._say(frame, answer)
        self._put_off = answer.message in PUT_OFF
        if answer.edit is not None:
            self.said = answer.edit(Frame.decode(self._reply)).encode()

    def _open(self, frame: Frame) -> None:
        self._command = None
        if frame.sequence == 0:
            self.lose_session()
        opened: Frame | None = frame
        if self._session is not None:
            opened = self._session.open(frame)
            if opened is None:
                self.lose_session()
        elif frame.security is not None and frame.security.has_mac:
            opened = None
        if opened is not None:
            self._command = decode_command(opened)
            self.heard.append(self._command)

    def _look_up(self, frame: Frame) -> Answer:
        if not self.cues:
            return Answer()
        cue = self.cues[0]
        if cue.waits_for(self._command, frame.code):
            return self.cues.pop(0).answer
        assert not cue.at_once, f"{cue} was to come, not {self._command or hex(frame.code)}"
        return Answer()

    def _say(self, frame: Frame, answer: Answer) -> bytes:
        """Return the whole reply, sealed if that is due."""
        if answer.message is None and frame.code in (Challenge.CODE, ServerCryptogram.CODE):
            reply = self._next_step(frame)
        else:
            message = answer.message or self._good()
            number = frame.sequence if answer.number is None else answer.number
            if self._session is None or answer.clear:
                reply = self._in_clear(number, message)
            else:
                reply = self._session.seal(number, message.CODE, message.encode())
        return reply

    def _in_clear(self, number: int, message: Message) -> bytes:
        return Frame(self.address, number, message.CODE, message.encode(), reply=True).encode()

    def _next_step(self, frame: Frame) -> bytes:
        """Return what a good unit says to a step of a handshake."""
        if frame.code == Challenge.CODE:
            said = self._challenged(frame)
        else:
            said = self._convinced(frame)
        if said is None:
            return self._in_clear(frame.sequence, Nak(NakReason.SECURITY_REQUIRED))
        return said.frame(self.address, frame.sequence, reply=True).encode()

    def _challenged(self, frame: Frame) -> Said | None:
        mine = HandshakeAsPeripheral(
            self.address, self.key, IDENTITY.encode()[:8], self.install_mode
        )
        step = mine.take(frame, self._chance(RANDOM_LENGTH))
        if isinstance(step, Failed):
            return None
        self._answering = step
        return step.said

    def _convinced(self, frame: Frame) -> Said | None:
        if self._answering is None:
            return None
        step = self._answering.take(frame)
        if isinstance(step, Failed):
            return REFUSAL
        self._session = step.session
        return step.said

    def _good(self) -> Message:
        """Return what a good unit says to anything but a handshake."""
        command = self._command
        if command is None:
            return Nak(NakReason.SECURITY_REQUIRED)
        if isinstance(command, SetCommunication):
            self._moves_to = command
            return CommunicationSettings(command.address, command.baud)
        if isinstance(command, SetKey):
            self.key = command.key
        return GOOD.get(type(command), Ack())

    def move(self) -> None:
        """A new address and speed hold once the answer is out."""
        if self._moves_to is not None:
            self.address, self.baud = self._moves_to.address, self._moves_to.baud
            self._moves_to = None
            self.lose_session()
