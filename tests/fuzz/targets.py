"""What must hold for any bytes at all, one function for each place where bytes come in.

A target takes what a fuzzer made up and fails by raising: an exception that nobody promised,
or an assertion. Where a checksum, a MAC or a length would stop nearly everything at the door,
the target makes them right itself, so that what is behind the door is tried as well.

`SEEDS` are where a fuzzer begins. `FOUND` are inputs that once failed, each with what was
wrong; `make test` runs both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, cast

from gatewayd.edge import trace_file
from protocol import wiegand
from protocol.checks import checksum, crc16
from protocol.errors import FrameError, MessageError, UnsendableMessage
from protocol.message import LONGEST_BODY, Message
from protocol.osdp import frame_layout
from protocol.osdp.bus import Bus
from protocol.osdp.commands import COMMANDS, Poll, decode_command
from protocol.osdp.frame import IDLE, LONGEST, MARK, Frame, FrameReader, SecurityBlock
from protocol.osdp.happenings import Identified
from protocol.osdp.replies import REPLIES, Busy, decode_reply
from protocol.osdp.secure_handshake import (
    Answering,
    Failed,
    Handshake,
    HandshakeAsPeripheral,
    Proving,
)
from protocol.osdp.secure_keys import BaseKey
from protocol.osdp.secure_session import PeripheralSession, SecureSession
from protocol.osdp.settings import PeripheralSettings
from protocol.osdp.trace import Direction, Reassembly, Record
from protocol.osdp.trace_follow import Follower
from protocol.osdp.trace_mask import Mask
from tests.fuzz import signed
from tests.protocol.osdp.plain_secure import FIRST, MADE_UP, Plain
from tests.protocol.vectors import vectors

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
CARD = bytes.fromhex("00011a00deadbec0")
MOST_FORMATS = 8

Kinds = Sequence[type[Message]]
Decode = Callable[[Frame], Message]


# --- frames -------------------------------------------------------------------------------


def frames(data: bytes) -> None:
    """Whatever is found is sound, every byte is accounted for, and cuts change nothing."""
    whole, cut = FrameReader(), FrameReader()
    found = [*whole.feed(data), *whole.rescan()]
    pieces = [frame for piece in _pieces(data) for frame in _bounded(cut, piece)]
    assert [*pieces, *cut.rescan()] == found
    assert (cut.dropped, cut.bad_checks) == (whole.dropped, whole.bad_checks)
    wires = [frame.encode() for frame in found]
    _in_order(wires, data)
    idle = data.count(IDLE)
    assert len(data) - idle <= sum(map(len, wires)) + whole.dropped <= len(data)
    assert whole.pending == cut.pending == 0


def _pieces(data: bytes) -> Iterator[bytes]:
    """Cut at places that the data itself chooses."""
    while data:
        size = 1 + data[0] % 32
        yield data[:size]
        data = data[size:]


def _bounded(reader: FrameReader, piece: bytes) -> Iterator[Frame]:
    yield from reader.feed(piece)
    assert reader.pending < LONGEST


def _in_order(wires: list[bytes], data: bytes) -> None:
    at = 0
    for wire in wires:
        at = data.index(wire, at) + len(wire)


def envelopes(data: bytes) -> None:
    """With length and check made right: by hand and by definition, the same is read."""
    if len(data) < 2:
        return
    raw = _enveloped(data[0], data[1], data[2:])
    results: list[object] = []
    for read in (Frame.decode, frame_layout.parse):
        try:
            results.append(read(raw))
        except FrameError as exc:
            results.append((type(exc), vars(exc)))
    assert results[0] == results[1]
    if isinstance(results[0], Frame):
        assert results[0].encode() == raw


def _enveloped(address: int, control: int, content: bytes) -> bytes:
    crc = bool(control & 4)
    length = 5 + len(content) + 1 + crc
    covered = bytes((MARK, address, length & 0xFF, length >> 8, control)) + content
    check = crc16(covered).to_bytes(2, "little") if crc else bytes((checksum(covered),))
    return covered + check


# --- messages -----------------------------------------------------------------------------


def commands(data: bytes) -> None:
    """Any code with any body: a message that means the same when it is sent, or an error."""
    _message(data, COMMANDS, decode_command)


def replies(data: bytes) -> None:
    """Likewise."""
    _message(data, REPLIES, decode_reply)


def _message(data: bytes, kinds: Kinds, decode: Decode) -> None:
    if not data:
        return
    code, body = _code(data[0], kinds), data[1:]
    try:
        message = decode(Frame(1, 1, code, body))
    except MessageError:
        return
    assert len(body) <= LONGEST_BODY
    assert code == message.CODE
    repr(message)
    assert decode(Frame(1, 1, code, message.encode())) == message


def _code(number: int, kinds: Kinds) -> int:
    """All kinds are alike to a fuzzer, since tables drive them: so each is as likely."""
    kind = number % (len(kinds) + 1)
    return kinds[kind].CODE if kind < len(kinds) else number


# --- the secure channel -------------------------------------------------------------------


def session(data: bytes) -> None:
    """Any frames on an established session: nothing opens but what the other side signed.

    The first byte of each piece says how it is said: as it is, with a right envelope, or by
    the unit itself, which signs whatever it likes.
    """
    panel, unit = SecureSession(1, MADE_UP, FIRST), Plain(unit=True)
    bystander = PeripheralSession(1, MADE_UP, FIRST)
    unit.open(Frame.decode(panel.seal(1, Poll.CODE, b"")))
    opened = None
    for piece in _pieces(data):
        with suppress(FrameError):
            frame = _said(piece, Plain(unit=True, heard=unit.heard))
            opened = panel.open(frame)
            assert opened is None or opened.code == Busy.CODE or piece[0] & SIGNED
            assert bystander.open(frame) is None
        if opened is not None and opened.code != Busy.CODE:
            break
    _goes_on_or_is_over(panel, opened)


SIGNED = 0x80
ENVELOPED, HONEST, STRANGE = 0x40, 0x80, 0xC0  # how a piece is said, in its first byte


def _said(piece: bytes, unit: Plain) -> Frame:
    how, rest = piece[0] & 0xC0, piece[1:]
    code, body = (rest[0], rest[1:]) if rest else (0, b"")
    if how == STRANGE:
        return Frame.decode(unit.sign(0x16 + (piece[0] & 2), 1, code, body))
    if how == HONEST:
        return Frame.decode(unit.seal(1, code, body))
    if how == ENVELOPED:
        return Frame.decode(_enveloped(0x81, piece[0] & 0x0F, rest))
    return Frame.decode(rest)


def _goes_on_or_is_over(panel: SecureSession, opened: Frame | None) -> None:
    try:
        panel.seal(2, Poll.CODE, b"")
    except UnsendableMessage:
        assert panel.fault is not None or opened is None or opened.code == Busy.CODE
    else:
        assert panel.fault is None
        assert opened is not None


def handshake(data: bytes) -> None:
    """Any frame at any step: a value, and never a proof without the key."""
    if not data:
        return
    asking = Handshake(1, KEY).start(bytes(8))
    device = HandshakeAsPeripheral(1, KEY, bytes(8))
    answering = device.take(asking.said.frame(1, 0), bytes(8))
    assert isinstance(answering, Answering)
    proving = asking.take(answering.said.frame(1, 0, reply=True))
    assert isinstance(proving, Proving)
    step = data[0] & 3
    code = data[0] if data[0] & 0x80 else (0x76, 0x76, 0x77, 0x78)[step]
    block = SecurityBlock(0x11 + step, data[1:2])
    frame = Frame(1, 0, code, data[2:], reply=bool(step & 1), security=block)
    assert isinstance(asking.take(frame), Failed)
    assert isinstance(device.take(frame, bytes(8)), Answering | Failed)
    assert isinstance(answering.take(frame), Failed)
    assert isinstance(proving.take(frame), Failed)


def bus(data: bytes) -> None:
    """Any bytes and any answers while a line is polled, with and without a key."""
    settings = [
        PeripheralSettings(1),
        PeripheralSettings(2, secure=True, keys=(BaseKey("fuzz", KEY),)),
    ]
    line = Bus(settings, character_time=0.001, chance=bytes)
    now = 0.0
    line.link_up(now)
    for piece in _pieces(data):
        line.outgoing(now)
        _obey(line)
        now += piece[0] / 256
        line.receive(piece[1:] if piece[0] & 1 else _answered(piece), now)
        _obey(line)
    line.link_down(now)
    _obey(line)


def _answered(piece: bytes) -> bytes:
    """The rest of a piece as somebody's answer, its code and body first."""
    address, sequence = 1 + (piece[0] >> 7), piece[0] >> 1 & 3
    code, body = (piece[1], piece[2:]) if piece[1:] else (Busy.CODE, b"")
    return Frame(address, sequence, code, body, reply=True).encode()


def _obey(line: Bus) -> None:
    """Hear what it has to say; let everybody in who is told of."""
    while (event := line.next_event()) is not None:
        repr(event)
        if isinstance(event, Identified):
            line.open_gate(event.address, event.connection)


# --- traces and cards ---------------------------------------------------------------------


def trace(data: bytes) -> None:
    """Any file: each of its lines is a record or has a reason; whatever is in them is
    followed, masked and written again without losing a byte."""
    follower, found, mask = Follower({1: [KEY]}, default_key=True), Reassembly(), Mask()
    for line in trace_file._lines(cast("BinaryIO", BytesIO(data))):
        record = trace_file._record(line)
        if not isinstance(record, Record):
            assert str(record)
            continue
        assert Record.decode(record.encode().encode()) == record
        for each in found.take(record):
            follower.take(each.frame, masked=each.record.masked).words()
            hidden = mask.take(each.frame)
            assert len(hidden.body) == len(each.frame.body)
    found.finish()
    summary = follower.summary
    assert summary.unanswered <= summary.commands


def cards(data: bytes) -> None:
    """Any bits in any format: what they mean, or that there are too few."""
    if len(data) < 2:
        return
    names = tuple(wiegand.FORMATS)[: data[0] % (MOST_FORMATS + 1)]
    bits, rest = data[1], data[2:]
    try:
        reading = wiegand.decode(bits, rest, names)
    except ValueError:
        assert bits > len(rest) * 8
        return
    count, _, digits = reading.raw.partition(":")
    assert int(count) == bits
    assert len(digits) == (bits + 7) // 8 * 2
    assert wiegand.decode(bits, bytes.fromhex(digits), names) == reading
    assert reading.number is None or (reading.format is not None and reading.parity_ok)


# --- where to begin -----------------------------------------------------------------------


def _wires() -> list[bytes]:
    return [bytes.fromhex(each["wire"]) for each in vectors("osdp_frames")]


def _bodies(kinds: Kinds) -> list[bytes]:
    numbers = {kind.CODE: number for number, kind in enumerate(kinds)}
    known = [Frame.decode(wire) for wire in _wires()]
    real = [bytes((numbers[each.code],)) + each.body for each in known if each.code in numbers]
    sizes = (0, 1, 2, 4, 7, 8, 16, 18, 32)
    return real + [
        bytes((number,)) + bytes(size) for number in range(len(kinds)) for size in sizes
    ]


def _records() -> list[bytes]:
    records = [Record(10**18, Direction.OUTPUT, wire) for wire in _wires()]
    lines = [record.encode().encode() + b"\n" for record in records]
    return [*lines, b"".join(lines), b'{"data":"53-01","io":"trace","timeSec":1}\n', b"{}\n"]


def _exchanges() -> list[bytes]:
    """Pieces for `session` and `bus`: the first byte is the length, and how it is said."""
    said = [b"\x40", b"\x50" + CARD, b"\x41\x06", b"\x79", b"\x45" + bytes(12), b"\x46"]
    hows = (0, ENVELOPED, HONEST, STRANGE)
    return [bytes((how | len(each),)) + each for how in hows for each in said]


@dataclass(frozen=True, slots=True)
class Target:
    """A place where bytes come in."""

    take: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    found: tuple[bytes, ...] = ()  # each failed once
    longest: int = 4096  # bytes a fuzzer tries


TARGETS: Mapping[str, Target] = {
    "frames": Target(frames, lambda: [*_wires(), b"\xff".join(_wires())], longest=2000),
    "envelopes": Target(
        envelopes, lambda: [wire[1:2] + wire[4:-2] for wire in _wires()], longest=1600
    ),
    "commands": Target(commands, lambda: _bodies(COMMANDS), longest=1600),
    "replies": Target(replies, lambda: _bodies(REPLIES), longest=1600),
    "session": Target(session, _exchanges, longest=512),
    "handshake": Target(handshake, lambda: [bytes((n,)) + bytes(33) for n in range(8)]),
    "bus": Target(bus, lambda: [*_exchanges(), b"".join(_exchanges())], longest=256),
    "trace": Target(trace, _records, longest=2048),
    "signed": Target(signed.signed, signed.begin, longest=1024),
    "cards": Target(
        cards,
        lambda: [
            bytes((0, each["bits"])) + bytes.fromhex(each["data"]) for each in vectors("cards")
        ],
        longest=64,
    ),
}
