"""An OSDP peripheral in memory: bytes and the time go in, bytes come out.

It is a good one. It remembers its last reply and repeats it when the panel repeats the
sequence number, without doing anything a second time; it refuses a number it does not expect
(NAK 4); number 0 makes it begin anew; after 8 s without a command it counts itself offline
and throws away what it had to report, so that no stale card opens a door (SIA OSDP 2.2, 5.9).

With a key it takes part in a secure channel, and unless told otherwise it insists on one: in
clear it says who it is, moves, and begins a session, and refuses the rest (NAK 6). Number 0,
silence, a frame in clear or one that does not open end its session, and so does its power.
In install mode it also takes the default key, until it is given one of its own.

What is done to it is kept for whoever looks: `heard`, `pulses`, `lights`, `sounds`, all
bounded. `complaints` lists what a panel must never do.

    device = Device(1)
    device.present_card(26, bytes.fromhex("deadbec0"))
    reply = device.answer(command, now)
    device.outputs(now)
    Device(2, key=secret)
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from math import inf
from random import Random

from gatewayd.simulate.file_taker import FileTaker
from protocol.errors import MalformedMessage, MessageError
from protocol.message import Message
from protocol.osdp.commands import (
    Abort,
    Challenge,
    Identify,
    KeepActive,
    KeyType,
    LedRecord,
    ManufacturerCommand,
    OutputAction,
    OutputRecord,
    Poll,
    ReadCapabilities,
    ReadInputs,
    ReadLocalStatus,
    ReadOutputs,
    ReadReaders,
    ServerCryptogram,
    SetCommunication,
    SetKey,
    SetLeds,
    SetOutputs,
    SetReceiveSize,
    ShowText,
    SoundBuzzer,
    TransferFile,
    decode_command,
)
from protocol.osdp.frame import BROADCAST, Frame, FrameReader
from protocol.osdp.replies import (
    Ack,
    Busy,
    Capabilities,
    Capability,
    CommunicationSettings,
    Identification,
    InputStatus,
    Keypad,
    LocalStatus,
    ManufacturerReply,
    Nak,
    OutputStatus,
    RawCard,
    ReaderStatus,
)
from protocol.osdp.secure_handshake import (
    REFUSAL,
    Answering,
    Failed,
    HandshakeAsPeripheral,
    Reason,
    Said,
)
from protocol.osdp.secure_keys import KEY_LENGTH, RANDOM_LENGTH
from protocol.osdp.secure_session import PeripheralSession
from protocol.osdp.sizes import SMALLEST_RECEIVE

SILENCE_LIMIT = 8.0  # seconds without a command; then it is offline
INTER_CHARACTER = 0.02  # seconds between two bytes of a frame
REPORTS_BOUND = 64  # cards, keys and changes waiting for a poll; the oldest go
HISTORY_BOUND = 10_000

LENGTH, UNKNOWN, SEQUENCE, SECURITY, CONDITIONS, RECORD = 2, 3, 4, 5, 6, 9  # reasons of a NAK
ALLOWED_ON_BROADCAST = (Identify, ReadCapabilities, SetCommunication)
ALLOWED_IN_CLEAR = ALLOWED_ON_BROADCAST  # where a session is insisted on

KEYS = {digit: ord(digit) for digit in "0123456789"} | {"#": 0x0D, "*": 0x7F}
VENDOR = bytes.fromhex("02475f")  # locally administered: no maker has it


class AfterKey(Enum):
    """What units do once they took a new key, which holds from the next handshake on."""

    STAY = "the session goes on"
    END = "the session ends with the acknowledgement"
    END_IN_CLEAR = "the session ends before it, so it comes in clear"


@dataclass(frozen=True, slots=True)
class Heard:
    """One command as it arrived, repetitions included."""

    at: float
    frame: Frame


@dataclass(frozen=True, slots=True)
class Pulse:
    """An output was energised for a time, once."""

    at: float
    output: int
    seconds: float


@dataclass(slots=True)
class Output:
    """One output: what it does for good, and what it does for a while (commands 1 to 6)."""

    permanent: bool = False
    temporary: bool = False
    until: float = -inf

    def state(self, now: float) -> bool:
        """Whether it is energised."""
        if now >= self.until:
            self.until = -inf
        return self.temporary if now < self.until else self.permanent

    def obey(self, record: OutputRecord, now: float) -> None:
        """Do what one record says."""
        match record.action:
            case OutputAction.OFF | OutputAction.ON:
                self.permanent = record.action is OutputAction.ON
                self.until = -inf
            case OutputAction.OFF_AFTER_TIMER | OutputAction.ON_AFTER_TIMER:
                self.permanent = record.action is OutputAction.ON_AFTER_TIMER
            case OutputAction.PULSE_ON | OutputAction.PULSE_OFF:
                self.temporary = record.action is OutputAction.PULSE_ON
                self.until = now + record.tenths / 10


class Device:
    """One simulated peripheral with one reader, some inputs and some outputs."""

    def __init__(  # noqa: PLR0913 - what a unit is made of, by name and with defaults
        self,
        address: int,
        *,
        model: int = 1,
        serial: int | None = None,
        readers: int = 1,
        inputs: int = 4,
        outputs: int = 2,
        identification: Identification | None = None,
        capabilities: Capabilities | None = None,
        key: bytes | None = None,
        enforce: bool = True,
        install_mode: bool = False,
        chance: Callable[[int], bytes] | None = None,
    ) -> None:
        """`chance`: where RND.B comes from; without one it is made up, the same each time.

        Raises ValueError for a key of another length than 16 bytes.
        """
        self.address = address
        self.baud = 9600
        self.identification = identification or Identification(
            vendor=VENDOR,
            model=model,
            version=1,
            serial=0x1000 + address if serial is None else serial,
            firmware_major=1,
            firmware_minor=0,
            firmware_build=0,
        )
        self.capabilities = capabilities or usual_capabilities(readers, inputs, outputs)
        self.readers = readers
        self.heard: deque[Heard] = deque(maxlen=HISTORY_BOUND)
        self.pulses: deque[Pulse] = deque(maxlen=HISTORY_BOUND)
        self.lights: deque[LedRecord] = deque(maxlen=HISTORY_BOUND)
        self.sounds: deque[SoundBuzzer] = deque(maxlen=HISTORY_BOUND)
        self.texts: deque[ShowText] = deque(maxlen=HISTORY_BOUND)
        self.files = FileTaker()
        self.panel_takes = SMALLEST_RECEIVE  # bytes of a frame, as far as it was told
        self.keeps_card_for = 0  # milliseconds
        self.complaints: deque[str] = deque(maxlen=HISTORY_BOUND)
        self.busy = 0  # so many commands are answered with BUSY and not looked at
        self.off = False  # without power it neither hears nor speaks
        self._inputs = bytearray(inputs)
        self._outputs = [Output() for _ in range(outputs)]
        self._tamper = self._power = False
        self._reports: deque[Message] = deque(maxlen=REPORTS_BOUND)
        self._reader = FrameReader()
        self._byte_at = -inf
        self._heard_at = -inf
        self._expected = 0
        self._last: tuple[Frame, bytes] | None = None  # what to repeat, and for which command
        self._moves_to: int | None = None
        self._insists = enforce
        self._enforce = enforce and key is not None
        self._install_mode = install_mode
        self.after_key = AfterKey.STAY
        self._chance = chance or Random(address).randbytes  # noqa: S311 - a simulation's
        self.key = key
        self._answering: Answering | None = None
        self._session: PeripheralSession | None = None
        self._duties: dict[type[Message], Callable[..., Message]] = {
            Poll: self._poll,
            Identify: lambda _command, _now: self.identification,
            ReadCapabilities: lambda _command, _now: self.capabilities,
            ReadLocalStatus: lambda _command, _now: self._local_status(),
            ReadInputs: lambda _command, _now: InputStatus(bytes(self._inputs)),
            ReadOutputs: lambda _command, now: OutputStatus(bytes(self.outputs(now))),
            ReadReaders: lambda _command, _now: ReaderStatus(bytes(self.readers)),
            SetOutputs: self._set_outputs,
            SetLeds: self._set_leds,
            SoundBuzzer: self._sound,
            ShowText: self._show,
            SetCommunication: self._set_communication,
            SetKey: self._set_key,
            TransferFile: lambda command, _now: self.files.take(command),
            Abort: lambda _command, _now: self.files.abort(),
            SetReceiveSize: self._set_receive_size,
            KeepActive: self._keep_active,
            ManufacturerCommand: self._of_its_maker,
        }

    # --- what people and wires do to it -----------------------------------------------

    def present_card(self, bits: int, data: bytes, *, reader: int = 0) -> None:
        """Hold a card to a reader: `bits` bits, left-aligned in `data`."""
        self.report(RawCard(reader=reader, format=1, bits=bits, data=data))

    def press(self, reader: int, keys: str) -> None:
        """Press digits, # and * on a reader's keypad; it tells of all at once.

        Raises ValueError for a key that it has not.
        """
        if not set(keys) <= KEYS.keys():
            raise ValueError("a keypad has the keys 0 to 9, # and *")
        self.report(Keypad(reader=reader, keys=bytes(KEYS[key] for key in keys)))

    def set_input(self, number: int, active: bool) -> None:  # noqa: FBT001 - a level is a boolean
        """Change the level of an input."""
        if self._inputs[number] != active:
            self._inputs[number] = active
            self.report(InputStatus(bytes(self._inputs)))

    def set_status(self, *, tamper: bool | None = None, power: bool | None = None) -> None:
        """Open or close the housing, take or give mains power. True is abnormal."""
        self._tamper = self._tamper if tamper is None else tamper
        self._power = self._power if power is None else power
        self.report(self._local_status())

    def report(self, message: Message) -> None:
        """Tell this at one of the next polls."""
        self._reports.append(message)

    def cycle_power(self) -> None:
        """Lose everything that is not in flash: outputs, reports, the count."""
        self._reports.clear()
        self.files.forget()
        self._outputs = [Output() for _ in self._outputs]
        self._reader.forget()
        self._start()
        self._heard_at = -inf

    def swap(self, serial: int, firmware: int) -> None:
        """Become another unit of the same kind, which has the same key."""
        self.identification = replace(
            self.identification, serial=serial, firmware_major=firmware
        )
        self.cycle_power()

    def take_key(self, key: bytes | None) -> None:
        """Be given another key, or none, by other means than this line."""
        self.key = key
        self._end_session()

    def forget_key(self) -> None:
        """Be put back to how it was delivered: in install mode, with the default key only."""
        self._install_mode, self._enforce = True, False
        self.take_key(None)

    # --- what can be seen of it -------------------------------------------------------

    @property
    def secure(self) -> bool:
        """Whether a session stands, as far as it knows."""
        return self._session is not None

    def outputs(self, now: float) -> tuple[bool, ...]:
        """Which outputs are energised."""
        return tuple(each.state(now) for each in self._outputs)

    def online(self, now: float) -> bool:
        """Whether it heard a panel within the last 8 s."""
        return now - self._heard_at < SILENCE_LIMIT

    @property
    def waiting(self) -> int:
        """How many reports wait for a poll."""
        return len(self._reports)

    @property
    def deadline(self) -> float:
        """When the next output falls back, infinity if none will; valid after `outputs`."""
        return min((each.until for each in self._outputs if each.until > -inf), default=inf)

    # --- the conversation -------------------------------------------------------------

    def answer(self, data: bytes, now: float) -> bytes:
        """Return what this peripheral puts on the line after hearing `data`."""
        if self.off:
            return b""
        if now - self._byte_at > INTER_CHARACTER:
            self._reader.forget()  # the rest of that frame will not come (5.8)
        self._byte_at = now
        return b"".join(self._answer(frame, now) for frame in self._reader.feed(data))

    def _answer(self, frame: Frame, now: float) -> bytes:
        if frame.reply or frame.address not in (self.address, BROADCAST):
            return b""
        self.heard.append(Heard(now, frame))
        if self.busy:
            self.busy -= 1
            return self._seal(frame, Busy(), sequence=0)
        if not self.online(now):
            self._start()
            self._reports.clear()
        self._heard_at = now
        if frame.sequence == 0:
            self._start()
        elif self._last is not None and frame.sequence == self._last[0].sequence:
            return self._repeat(*self._last, frame)
        elif frame.sequence != self._expected:
            return self._seal(frame, Nak(SEQUENCE))
        reply = self._reply(frame, now)
        self._expected = frame.sequence % 3 + 1
        self._last = frame, reply
        self._move()
        return reply

    def _start(self) -> None:
        self._expected = 0
        self._last = None
        self._end_session()

    def _end_session(self) -> None:
        self._answering = self._session = None

    def _reply(self, frame: Frame, now: float) -> bytes:
        if self._session is not None:
            opened = self._session.open(frame)
            if opened is not None:
                reply = self._obey(opened, now)
                return self._say_inside(self._session, frame, opened, reply)
            self._end_session()
        if frame.security is not None and self._knows_sessions:
            return self._begin_session(frame)
        return self._seal(frame, self._obey_in_clear(frame, now))

    def _say_inside(
        self, session: PeripheralSession, frame: Frame, opened: Frame, reply: Message
    ) -> bytes:
        took_key = opened.code == SetKey.CODE and isinstance(reply, Ack)
        if took_key and self.after_key is not AfterKey.STAY:
            self._end_session()
            if self.after_key is AfterKey.END_IN_CLEAR:
                return self._seal(frame, reply)
        return session.seal(frame.sequence, reply.CODE, reply.encode())

    @property
    def _knows_sessions(self) -> bool:
        return self.key is not None or self._install_mode

    def _obey_in_clear(self, frame: Frame, now: float) -> Message:
        if frame.security is not None:
            return Nak(SECURITY)
        allowed = {each.CODE for each in ALLOWED_IN_CLEAR}
        if self._enforce and frame.code not in allowed:
            return Nak(CONDITIONS)
        return self._obey(frame, now)

    def _begin_session(self, frame: Frame) -> bytes:
        """Answer a step of a handshake; anything else belongs to a session that is over."""
        match frame.code:
            case Challenge.CODE:
                said = self._challenged(frame)
            case ServerCryptogram.CODE:
                said = self._convinced(frame)
            case _:
                said = None
        if said is None:
            return self._seal(frame, Nak(CONDITIONS))
        return said.frame(frame.address, frame.sequence, reply=True, crc=frame.crc).encode()

    def _challenged(self, frame: Frame) -> Said | None:
        who = self.identification
        unit = who.vendor + bytes((who.model, who.version)) + who.serial.to_bytes(4, "big")[:3]
        mine = HandshakeAsPeripheral(self.address, self.key, unit, self._install_mode)
        step = mine.take(frame, self._chance(RANDOM_LENGTH))
        if isinstance(step, Failed):
            return None
        self._answering = step
        return step.said

    def _convinced(self, frame: Frame) -> Said | None:
        step = self._answering
        if step is None:
            return None
        self._answering = None
        welcome = step.take(frame)
        if isinstance(welcome, Failed):
            return REFUSAL if welcome.reason is Reason.WRONG_CRYPTOGRAM else None
        self._session = welcome.session
        return welcome.said

    def _repeat(self, last: Frame, reply: bytes, frame: Frame) -> bytes:
        """The same number asks for the same reply; nothing is done again."""
        if frame != last:
            self.complaints.append(f"number {frame.sequence} again, with another command")
        return reply

    def _obey(self, frame: Frame, now: float) -> Message:
        try:
            command = decode_command(frame)
        except MalformedMessage:
            return Nak(LENGTH)
        except MessageError:
            return Nak(UNKNOWN)
        if frame.address == BROADCAST and not isinstance(command, ALLOWED_ON_BROADCAST):
            return Nak(UNKNOWN)
        duty = self._duties.get(type(command))
        return Nak(UNKNOWN) if duty is None else duty(command, now)

    def _seal(self, frame: Frame, reply: Message, *, sequence: int | None = None) -> bytes:
        """Lay out a reply with the kind of check the command had."""
        return Frame(
            frame.address,
            frame.sequence if sequence is None else sequence,
            reply.CODE,
            reply.encode(),
            reply=True,
            crc=frame.crc,
        ).encode()

    def _move(self) -> None:
        """A new address holds from the next command on."""
        if self._moves_to is not None:
            self.address, self._moves_to = self._moves_to, None
            self._start()

    # --- its duties -------------------------------------------------------------------

    def _poll(self, _command: Poll, _now: float) -> Message:
        return self._reports.popleft() if self._reports else Ack()

    def _local_status(self) -> LocalStatus:
        return LocalStatus(tamper=int(self._tamper), power=int(self._power))

    def _set_outputs(self, command: SetOutputs, now: float) -> Message:
        """All records or none."""
        if not all(map(self._can, command.records)):
            return Nak(RECORD)
        for record in command.records:
            self._outputs[record.output].obey(record, now)
            if record.action is OutputAction.PULSE_ON:
                self.pulses.append(Pulse(now, record.output, record.tenths / 10))
        return Ack()

    def _can(self, record: OutputRecord) -> bool:
        return record.output < len(self._outputs) and isinstance(record.action, OutputAction)

    def _set_leds(self, command: SetLeds, _now: float) -> Message:
        if any(map(_never_shines, command.records)):
            return Nak(RECORD)
        self.lights.extend(command.records)
        return Ack()

    def _sound(self, command: SoundBuzzer, _now: float) -> Message:
        self.sounds.append(command)
        return Ack()

    def _show(self, command: ShowText, _now: float) -> Message:
        self.texts.append(command)
        return Ack()

    def _set_receive_size(self, command: SetReceiveSize, _now: float) -> Message:
        self.panel_takes = command.size
        return Ack()

    def _keep_active(self, command: KeepActive, _now: float) -> Message:
        self.keeps_card_for = command.milliseconds
        return Ack()

    def _of_its_maker(self, command: ManufacturerCommand, _now: float) -> Message:
        """Echo what is meant for units of its maker."""
        if command.vendor != self.identification.vendor:
            return Nak(UNKNOWN)
        return ManufacturerReply(command.vendor, command.data)

    def _set_key(self, command: SetKey, _now: float) -> Message:
        if self._session is None:
            self.complaints.append("a key was told in clear")
            return Nak(CONDITIONS)
        if command.type != KeyType.SCBK or len(command.key) != KEY_LENGTH:
            return Nak(RECORD)
        self.key = command.key
        self._install_mode, self._enforce = False, self._insists
        return Ack()

    def _set_communication(self, command: SetCommunication, _now: float) -> Message:
        self._moves_to, self.baud = command.address, command.baud
        return CommunicationSettings(address=command.address, baud=command.baud)


def usual_capabilities(readers: int, inputs: int, outputs: int) -> Capabilities:
    """What a door controller of this size says of itself (Annex B)."""
    lines = (
        (1, 1, inputs),
        (2, 4, outputs),
        (3, 1, 0),
        (4, 4, readers),
        (5, 2, readers),
        (8, 1, 0),
        (9, 1, 0),
        (13, 0, readers),
        (16, 2, 0),
    )
    return Capabilities(tuple(Capability(*line) for line in lines))


def _never_shines(record: LedRecord) -> bool:
    """Neither on nor off for any time, in a half that is to be used (readers refuse it)."""
    temporary = record.temporary == 2 and not (record.temporary_on or record.temporary_off)
    permanent = record.permanent == 1 and not (record.permanent_on or record.permanent_off)
    return temporary or permanent
