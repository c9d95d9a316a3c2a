"""What was heard on a line, one JSON object a line: the OSDPCAP format.

    {"timeSec":"1580342115","timeNano":"984691851","io":"output",
     "data":"53 01 08 00 04 60 ba 00","osdpTraceVersion":"1","osdpSource":"gatewayd"}

The format is that of the SIA project libosdp-conformance (osdpcap-format.md, version "1"):
seconds and nanoseconds since 1970 as text, bytes in hexadecimal as they were on the wire, with
or without the idle mark, and usually but not always whole frames. `io` is "output" and "input"
as the recording side sees it, "trace" for somebody who only listened. OSDP.Net writes dashes
between the bytes, other tools nothing; numbers instead of texts exist as well. All of this is
read here. What we add is "masked":"1" where bytes were replaced (`trace_mask`); readers of the
format look for the keys they know.

`Reassembly` finds the frames in the records. A line carries one direction at a time, so a
half-read frame is over as soon as the other direction speaks, or after a silence.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.errors import ProtocolError
from protocol.osdp.frame import Frame, FrameReader

VERSION = "1"
SOURCE = "gatewayd"
LONGEST_LINE = 32 << 10  # bytes: more than the hexadecimal text of six of the longest frames
LONGEST_SOURCE = 64  # characters of a tool's name that are kept
SILENCE = 200_000_000  # nanoseconds, the reply time: nothing that comes later continues a frame

_SECOND = 1_000_000_000
_LAST_SECOND = 1 << 40  # of an absurdly distant future
_SEPARATORS = str.maketrans("", "", " -:\t")


class UnreadableRecord(ProtocolError):
    """A line that is no OSDPCAP record. The text says why, without its content."""


class Direction(StrEnum):
    """Where bytes went, as `io` says it."""

    INPUT = "input"  # to whoever recorded
    OUTPUT = "output"
    TRACE = "trace"  # recorded by a listener: only the frames tell


@dataclass(frozen=True, slots=True)
class Record:
    """Some bytes of the line and their time; they may be anything from noise to a PIN."""

    time: int  # nanoseconds since 1970
    direction: Direction
    data: bytes = field(repr=False)
    masked: bool = False  # bytes in it were replaced
    source: str = SOURCE

    def encode(self) -> str:
        """Return one line, without its end."""
        seconds, nanoseconds = divmod(self.time, _SECOND)
        said = {
            "timeSec": str(seconds),
            "timeNano": f"{nanoseconds:09}",
            "io": str(self.direction),
            "data": self.data.hex(" "),
            "osdpTraceVersion": VERSION,
            "osdpSource": self.source,
        }
        return json.dumps(said | ({"masked": "1"} if self.masked else {}))

    @classmethod
    def decode(cls, line: bytes) -> "Record":
        """Read a line of any tool's file; raises UnreadableRecord.

        Only `data` must be there; a missing time is 0, an unknown `io` is "trace".
        """
        if len(line) > LONGEST_LINE:
            raise UnreadableRecord(f"longer than {LONGEST_LINE} bytes")
        said = _object(line)
        seconds = _number(said, "timeSec", _LAST_SECOND)
        nanoseconds = _number(said, "timeNano", _SECOND - 1)
        return cls(
            seconds * _SECOND + nanoseconds,
            _direction(said.get("io")),
            _data(said.get("data")),
            masked=said.get("masked") == "1",
            source=_source(said.get("osdpSource")),
        )


def _object(line: bytes) -> dict[str, object]:
    try:
        said = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise UnreadableRecord("is no JSON object in UTF-8")
    return said


def _number(said: dict[str, object], key: str, most: int) -> int:
    given = said.get(key, 0)
    if isinstance(given, str) and given.strip().isdecimal():
        given = int(given) if len(given) <= len(str(most)) else most + 1
    if type(given) is not int or not 0 <= given <= most:
        raise UnreadableRecord(f"{key} must be a number from 0 to {most}")
    return given


def _direction(given: object) -> Direction:
    known = (each for each in Direction if each == given)
    return next(known, Direction.TRACE)


def _data(given: object) -> bytes:
    if isinstance(given, str):
        digits = given.translate(_SEPARATORS)
        try:
            return bytes.fromhex(digits)
        except ValueError:
            pass  # the message would quote the digits
    raise UnreadableRecord("data must be bytes in hexadecimal")


def _source(given: object) -> str:
    text = given[:LONGEST_SOURCE] if isinstance(given, str) else ""
    return "".join(each for each in text if each.isprintable())


@dataclass(frozen=True, slots=True)
class Found:
    """A frame, and how its last bytes were recorded."""

    frame: Frame
    record: Record


class Reassembly:
    """Finds the frames in records, whose bytes may be cut anywhere."""

    def __init__(self) -> None:
        self._readers = {each: FrameReader() for each in Direction}
        self._last: Record | None = None

    @property
    def dropped(self) -> int:
        """How many bytes were no part of a frame, idle marks left out."""
        return sum(self.dropped_from(each) for each in Direction)

    @property
    def bad_checks(self) -> int:
        """How many frames had a wrong check."""
        return sum(each.bad_checks for each in self._readers.values())

    def dropped_from(self, direction: Direction) -> int:
        """How many bytes were no part of a frame in one direction."""
        return self._readers[direction].dropped

    def take(self, record: Record) -> list[Found]:
        """Return the frames that end in this record, or that it shows to be complete."""
        last, self._last = self._last, record
        over = last is not None and (
            record.direction is not last.direction or record.time - last.time > SILENCE
        )
        found = self.finish(last) if over else []
        reader = self._readers[record.direction]
        return found + [Found(frame, record) for frame in reader.feed(record.data)]

    def finish(self, last: Record | None = None) -> list[Found]:
        """Give up what is half-read; return the frames that were hidden behind it."""
        last = last or self._last
        if last is None:
            return []
        return [Found(frame, last) for frame in self._readers[last.direction].rescan()]
