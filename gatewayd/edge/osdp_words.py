"""OSDP's words for the brain's, and the other way round. Functions of values only.

Readers without lights or sounder get no command for them: a unit that refuses what it said
it cannot do costs the line an exchange and the log a line. What a unit has stands in its
capabilities (SIA OSDP 2.2, Annex B).
"""

from collections.abc import Iterator, Mapping

from gatewayd.core.actions import (
    DisplayText,
    Latch,
    Order,
    Release,
    Signal,
    TellMaker,
    Tone,
    UnitCommand,
)
from gatewayd.core.facts import (
    CardRead,
    Fact,
    HealthRead,
    InputsRead,
    InputState,
    KeysRead,
    Outcome,
    OutputsRead,
    ReadersRead,
    ReaderState,
)
from gatewayd.core.model import Card, ControllerId, Identity
from gatewayd.core.pin_entry import Keys
from protocol import wiegand
from protocol.message import Message
from protocol.osdp.commands import (
    BuzzerTone,
    KeepActive,
    LedColour,
    LedRecord,
    ManufacturerCommand,
    OutputAction,
    OutputRecord,
    SetLeds,
    SetOutputs,
    ShowText,
    SoundBuzzer,
    TextCommand,
)
from protocol.osdp.happenings import (
    Delivered,
    Dropped,
    Ending,
    Expired,
    Identified,
    Refused,
    Replied,
    SetUp,
)
from protocol.osdp.orders import Priority
from protocol.osdp.replies import (
    InputStatus,
    Keypad,
    LocalStatus,
    OutputStatus,
    RawCard,
    ReaderStatus,
)

UNTAGGED = 0
TENTHS = 10  # the wire counts in tenths of a second
LONGEST_PULSE = 0xFFFF

UNNUMBERED = 0xFF
LIGHTS, SOUNDS = 4, 5  # functions of PDCAP
LED_SET = 2  # temporary control code of osdp_LED

Capabilities = tuple[tuple[int, int, int], ...]
Tagged = tuple[Message, Priority, int]


def identity_of(event: Identified | SetUp) -> Identity:
    """Return who a peripheral said it is."""
    said = event.identification
    return Identity(
        protocol="osdp",
        vendor=said.vendor.hex(),
        model=said.model,
        hardware=said.version,
        serial=f"{said.serial:08x}",
        firmware=(said.firmware_major, said.firmware_minor, said.firmware_build),
        capabilities=tuple(
            (each.function, each.compliance, each.count) for each in event.capabilities.records
        ),
        proved=isinstance(event, Identified) and event.proved,
        evidence=" ".join(frame.hex() for frame in event.evidence),
    )


def facts_from(
    said: Replied,
    controller: ControllerId,
    formats: Mapping[int, tuple[str, ...]],
    heard: float | None = None,
) -> Iterator[Fact]:
    """Yield what a reply means; nothing for those without a meaning to the brain.

    `heard` as in `CardRead`.
    """
    reply, connection = said.reply, said.connection
    match reply:
        case RawCard():
            reader = _reader(reply.reader)
            card = card_of(reply, formats.get(reader, ()))
            yield CardRead(controller, connection, reader, card, said.waited, heard)
        case Keypad():
            if keys := keys_of(reply):
                pressed = Keys(keys), said.waited, heard
                yield KeysRead(controller, connection, _reader(reply.reader), *pressed)
        case InputStatus():
            states = tuple(_INPUT.get(each, InputState.UNKNOWN) for each in reply.inputs)
            yield InputsRead(controller, connection, states, said.waited)
        case OutputStatus():
            yield OutputsRead(controller, connection, tuple(map(bool, reply.outputs)))
        case LocalStatus():
            yield HealthRead(controller, connection, bool(reply.tamper), bool(reply.power))
        case ReaderStatus():
            readers = tuple(_READER.get(each, ReaderState.UNKNOWN) for each in reply.readers)
            yield ReadersRead(controller, connection, readers)


def _reader(number: int) -> int:
    """Units with one reader often number it 0xFF."""
    return 0 if number == UNNUMBERED else number


_INPUT = dict(
    enumerate(  # osdp_ISTATR; 2 and up since 2.2, of inputs whose wiring is supervised
        (
            InputState.INACTIVE,
            InputState.ACTIVE,
            InputState.SHORT,
            InputState.CUT,
            InputState.FAULT,
            InputState.UNKNOWN,
        )
    )
)


_READER = dict(  # osdp_RSTATR
    enumerate((ReaderState.NORMAL, ReaderState.NOT_CONNECTED, ReaderState.TAMPER))
)


def card_of(reply: RawCard, formats: tuple[str, ...]) -> Card:
    """Read the bits of a card by the formats that its reader expects."""
    read = wiegand.decode(reply.bits, reply.data, formats)
    return Card(read.raw, read.format, read.facility, read.number, read.parity_ok)


def keys_of(reply: Keypad) -> str:
    """Return the digits, `#` (enter) and `*` (clear) among keys; others mean nothing here.

    Units send 0x0D for # and 0x7F for * (SIA OSDP 2.2, 7.12), and what is printed on their
    function keys differs from maker to maker.
    """
    return "".join(_KEYS.get(key, "") for key in reply.keys)


def strange_keys(reply: Keypad) -> int:
    """Count the keys that mean nothing here."""
    return len(reply.keys) - len(keys_of(reply))


_KEYS = {ord(digit): digit for digit in "0123456789"} | {0x0D: "#", 0x7F: "*"}


def outcome_of(ending: Ending) -> tuple[Outcome, str]:
    """Say how a command ended, and what the peripheral said to it."""
    match ending:
        case Delivered():
            return Outcome.DELIVERED, ""
        case Refused(nak):
            return Outcome.REFUSED, f"NAK {nak.reason}"
        case Expired(sent=True) | Dropped(sent=True):
            return Outcome.UNCONFIRMED, "sent, not acknowledged"
        case Expired():
            return Outcome.EXPIRED, "too late"
        case Dropped():
            return Outcome.NOT_SENT, "the connection ended"


def commands_for(order: Order | UnitCommand, capabilities: Capabilities) -> list[Tagged]:
    """Return what to send for an order, the last one tagged with its number.

    Empty if the unit has nothing to carry it out with.
    """
    match order:
        case Release():
            tenths = min(max(1, round(order.seconds * TENTHS)), LONGEST_PULSE)
            pulse = OutputRecord(order.output, OutputAction.PULSE_ON, tenths)
            return [(SetOutputs((pulse,)), Priority.UNLOCK, order.order)]
        case Latch():
            action = OutputAction.ON if order.on else OutputAction.OFF
            latch = SetOutputs((OutputRecord(order.output, action),))
            return [(latch, Priority.UNLOCK, order.order)]  # below it, a later one would pass
        case Signal():
            return _signal(order, capabilities)
        case _:
            return [(_unit_command(order), Priority.ROUTINE, order.order)]


def _unit_command(order: UnitCommand) -> Message:
    match order:
        case DisplayText():
            text, how = order.text.encode("ascii"), TextCommand.FOR_A_WHILE_WRAPPED
            return ShowText(order.reader, how, order.seconds, 1, 1, text)
        case TellMaker():
            return ManufacturerCommand(order.vendor, order.data)
        case _:
            return KeepActive(round(order.seconds * 1000))


def _signal(order: Signal, capabilities: Capabilities) -> list[Tagged]:
    has = {
        function
        for function, compliance, count in capabilities
        if compliance and (count or function != LIGHTS)
    }
    commands: list[Message] = []
    if LIGHTS in has:
        commands.append(SetLeds((_light(order.reader, order.tone),)))
    if SOUNDS in has:
        commands.append(_sound(order.reader, order.tone))
    last = len(commands) - 1
    return [
        (command, Priority.FEEDBACK, order.order if at == last else UNTAGGED)
        for at, command in enumerate(commands)
    ]


def _light(reader: int, tone: Tone) -> LedRecord:
    """For a moment green, blinking red or amber; then what the light did before."""
    colour, on, off, timer = {
        Tone.GRANTED: (LedColour.GREEN, 20, 0, 20),
        Tone.DENIED: (LedColour.RED, 2, 2, 12),
        Tone.AWAITED: (LedColour.AMBER, 3, 3, 30),
        Tone.HELD_OPEN: (LedColour.AMBER, 5, 5, 50),
    }[tone]
    return LedRecord(
        reader=reader,
        temporary=LED_SET,
        temporary_on=on,
        temporary_off=off,
        temporary_on_colour=colour,
        timer=timer,
    )


def _sound(reader: int, tone: Tone) -> SoundBuzzer:
    """One short tone, three shorter ones, two, or five long ones."""
    on, off, count = {
        Tone.GRANTED: (2, 1, 1),
        Tone.DENIED: (1, 1, 3),
        Tone.AWAITED: (1, 1, 2),
        Tone.HELD_OPEN: (5, 5, 5),
    }[tone]
    return SoundBuzzer(reader, BuzzerTone.DEFAULT, on, off, count)
