"""What a message costs between its value and its bytes, beside construct, interpreted.

The peer is the definition itself: the frame of `protocol/osdp/frame_layout.py` and the layout
of the message, both as construct runs them when nobody helps. Its body is the same, so the
comparison favours the peer.
"""

import subprocess
import sys
from collections.abc import Callable
from timeit import repeat

from construct import Struct

from protocol.osdp import frame_layout
from protocol.osdp.commands import (
    LedColour,
    LedRecord,
    OutputAction,
    OutputRecord,
    Poll,
    SetLeds,
    SetOutputs,
    Temporary,
)
from protocol.osdp.frame import Frame, FrameReader, SecurityBlock, sealed
from protocol.osdp.replies import Ack, Identification, RawCard, decode_reply
from tests.bench.result import Result

ROUNDS = 50  # short ones, and the fastest counts: what is slower was somebody else's work
SLOW_CALLS, CALLS = 20, 1000
NOISE = 20_000  # bytes

CARD = RawCard(0, 1, 26, bytes.fromhex("deadbec0"))
PULSE = SetOutputs((OutputRecord(0, OutputAction.PULSE_ON, 50),))
LIGHT = SetLeds(
    (LedRecord(temporary=Temporary.SET, temporary_on=20, temporary_on_colour=LedColour.GREEN),)
)
SESSION = SecurityBlock(0x18)
IDENTITY = Identification(b"abc", 1, 2, 3, 4, 5, 6)


def microseconds(work: Callable[[], object], calls: int = CALLS) -> float:
    """Return what one call takes when nothing disturbs."""
    work()
    return min(repeat(work, number=calls, repeat=ROUNDS)) / calls * 1e6


def beside(
    name: str, ours: Callable[[], object], peer: Callable[[], object], goal: float | None = None
) -> Result:
    """Measure both in turn."""
    value, theirs = microseconds(ours), microseconds(peer, SLOW_CALLS)
    return Result(
        name,
        round(value, 3),
        "µs",
        peer=f"construct, interpreted: {theirs:.1f} µs",
        ratio=round(value / theirs, 4),
        goal="" if goal is None else f"≤ {goal} µs",
        met=None if goal is None else value <= goal,
    )


def measure() -> list[Result]:
    """Measure the poll cycle, a card and an unlock, then what hostile bytes cost."""
    return [
        beside("build a poll frame", _poll, _poll_by_definition, 1.5),
        beside("build a poll frame by way of Frame", _poll_as_frame, _poll_by_definition),
        *_readings(),
        beside(
            "build an output frame",
            _written(PULSE),
            _written_by_definition(PULSE, OutputRecord),
        ),
        beside(
            "build a light frame", _written(LIGHT), _written_by_definition(LIGHT, LedRecord)
        ),
        beside(
            "body of an identification, compiled layout",
            IDENTITY.encode,
            lambda: Identification.LAYOUT.build(vars_of(IDENTITY)),
        ),
        *_hostile(),
        _import(),
    ]


def vars_of(message: object) -> dict[str, object]:
    """Return the fields of a dataclass with slots, as construct wants them."""
    return {name: getattr(message, name) for name in message.__dataclass_fields__}  # type: ignore[attr-defined]  # every message is one


def _poll() -> bytes:
    return sealed(1, 2, Poll.CODE, Poll().encode())


def _poll_as_frame() -> bytes:
    return Frame(1, 2, Poll.CODE, Poll().encode()).encode()


def _poll_by_definition() -> bytes:
    return frame_layout.build(Frame(1, 2, Poll.CODE, b""))


def _readings() -> list[Result]:
    card = Frame(1, 2, CARD.CODE, CARD.encode(), reply=True)
    wire, ack = card.encode(), Frame(1, 2, Ack.CODE, b"", reply=True).encode()
    secure = Frame(
        1, 2, CARD.CODE, bytes(16), reply=True, security=SESSION, mac=bytes(4)
    ).encode()
    reader = FrameReader()

    def by_definition() -> object:
        return RawCard.LAYOUT.parse(frame_layout.parse(wire).body)

    return [
        beside(
            "check and open a card reply",
            lambda: decode_reply(Frame.decode(wire)),
            by_definition,
            4.0,
        ),
        beside(
            "the same out of the stream, with its mark",
            lambda: [decode_reply(frame) for frame in reader.feed(b"\xff" + wire)],
            by_definition,
        ),
        beside(
            "check and open an acknowledgement",
            lambda: decode_reply(Frame.decode(ack)),
            lambda: frame_layout.parse(ack),
        ),
        beside(
            "check a secure reply, still sealed",
            lambda: Frame.decode(secure),
            lambda: frame_layout.parse(secure),
        ),
    ]


def _written(command: SetOutputs | SetLeds) -> Callable[[], object]:
    return lambda: sealed(1, 2, command.CODE, command.encode())


def _written_by_definition(
    command: SetOutputs | SetLeds, kind: type[OutputRecord | LedRecord]
) -> Callable[[], object]:
    layout: Struct = kind.LAYOUT

    def build() -> object:
        body = b"".join(layout.build(vars_of(record)) for record in command.records)
        return frame_layout.build(Frame(1, 2, command.CODE, body))

    return build


def _hostile() -> list[Result]:
    """Bytes made to look like the longest frame again and again; the work must be linear."""
    pattern = bytes.fromhex("53 00 a0 05")
    whole, half = (_reading_time(pattern * (size // 4)) for size in (NOISE, NOISE // 2))
    return [
        Result(
            "worst noise through the reader",
            round(whole / NOISE, 3),
            "µs a byte",
            peer=f"half as much of it: {half / (NOISE // 2):.3f} µs a byte",
            ratio=round(whole / half / 2, 3),
            goal="twice the bytes, ≤ 2.6 times the time",
            met=whole / half <= 2.6,
        )
    ]


def _reading_time(noise: bytes) -> float:
    return microseconds(lambda: list(FrameReader().feed(noise)), 1)


def _import() -> Result:
    """In a process of its own: what it costs to have the codec at all."""
    program = (
        "import time; t = time.perf_counter();"
        "import protocol.osdp.commands, protocol.osdp.replies;"
        "print(time.perf_counter() - t)"
    )
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", program], capture_output=True, check=True
            ).stdout
        )
        for _ in range(5)
    ]
    value = round(min(times) * 1e3, 1)
    return Result("import the codec", value, "ms", goal="≤ 150 ms", met=value <= 150)
