"""A recording on the terminal, a line for each frame, or as JSON for programs.

    12:04:05.123456 -> 3 #1  POLL      ok              Poll()
    12:04:05.126001 <- 3 #1  RAW       ok              RawCard(reader=0, …, data=(4 bytes))

The file is read as a stream: nothing of it is kept but what the follower needs.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from gatewayd.edge.trace_file import read_trace
from gatewayd.errors import StateError
from protocol.osdp.trace import Found, Reassembly, UnreadableRecord
from protocol.osdp.trace_channel import Verdict
from protocol.osdp.trace_follow import Follower, Seen, Summary

MOST_COMPLAINTS = 20  # unreadable lines that are named one by one

COLOURS = {
    Verdict.OPEN: "",
    Verdict.PROVED: "green",
    Verdict.WRONG: "bold red",
    Verdict.UNKNOWN: "yellow",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one frame."""

    at: datetime
    seen: Seen
    words: str
    masked: bool


@dataclass(frozen=True, slots=True)
class Wire:
    """What stands in a file beside sound frames."""

    records: int
    unreadable: int  # lines that are no records
    noise: int  # bytes
    bad_checks: int


class View:
    """For people."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True, highlight=False)

    def frame(self, told: Told) -> None:
        """Show one frame."""
        seen = told.seen
        arrow = "<-" if seen.reply else "->"
        start = f"{told.at:%H:%M:%S.%f} {arrow} {seen.address:3} #{seen.sequence}  "
        line = Text(f"{start}{seen.name:12} ")
        line.append(f"{seen.verdict:14} ", style=COLOURS[seen.verdict])
        line.append("again  " if seen.repeated else told.words)
        if seen.fault:
            line.append(f"  {seen.fault}", style="red")
        for note in seen.notes:
            line.append(f"  {note}", style="cyan")
        self._console.print(line)

    def end(self, told: Summary, wire: Wire) -> None:
        """Show what it came to."""
        typer.echo(
            f"\n{told.commands} commands, {told.replies} replies, {told.repeated} of them "
            f"again; {told.unanswered} commands unanswered; {told.faults} wrong numbers or "
            f"turns\n{told.sessions} secure sessions followed, {told.macs_checked} MACs "
            f"checked; {told.wrong} MACs or cryptograms wrong; {told.not_followable} frames "
            f"not followable\n{wire.noise} bytes of noise, {wire.bad_checks} bad checks; "
            f"{wire.records} records, {wire.unreadable} lines unreadable"
        )
        for reason, count in told.naks.items():
            typer.echo(f"NAK {reason}: {count}")


class JsonView(View):
    """For programs: an object a line, the last one with the summary."""

    def frame(self, told: Told) -> None:
        """Show one frame."""
        seen = told.seen
        said = {
            "at": told.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reply": seen.reply,
            "address": seen.address,
            "sequence": seen.sequence,
            "name": seen.name,
            "verdict": str(seen.verdict),
            "signed": seen.signed,
            "message": told.words or None,
            "masked": told.masked,
            "repeated": seen.repeated,
            "fault": seen.fault or None,
            "notes": list(seen.notes),
        }
        typer.echo(json.dumps(said))

    def end(self, told: Summary, wire: Wire) -> None:
        """Show what it came to."""
        typer.echo(json.dumps({"summary": asdict(told) | asdict(wire)}))


def show_trace(path: Path, follower: Follower, view: View, *, unmasked: bool) -> bool:
    """Show a recording; return whether a MAC or cryptogram in it is wrong.

    Raises StateError if it cannot be read, or holds lines but no record.
    """
    reading = _Reading(path)
    for found in reading.frames():
        record = found.record
        seen = follower.take(found.frame, masked=record.masked)
        view.frame(
            Told(_at(record.time), seen, seen.words(unmasked=unmasked), masked=record.masked)
        )
    summary = follower.summary
    view.end(summary, reading.wire)
    return summary.wrong > 0


@dataclass(slots=True)
class _Reading:
    path: Path
    records: int = 0
    unreadable: int = 0
    _frames: Reassembly = field(default_factory=Reassembly)

    @property
    def wire(self) -> Wire:
        frames = self._frames
        return Wire(self.records, self.unreadable, frames.dropped, frames.bad_checks)

    def frames(self) -> Iterator[Found]:
        """Find all frames; say what cannot be read, as far as it is not too much."""
        complaint = ""
        for number, record in read_trace(self.path):
            if isinstance(record, UnreadableRecord):
                complaint = f"{self.path}: line {number}: {record}"
                self._complain(complaint)
            else:
                self.records += 1
                yield from self._frames.take(record)
        if complaint and not self.records:
            raise StateError(f"{self.path} is no recording of a line")
        yield from self._frames.finish()

    def _complain(self, complaint: str) -> None:
        self.unreadable += 1
        if self.unreadable <= MOST_COMPLAINTS:
            typer.echo(f"gatewayd: {complaint}", err=True)


def _at(time: int) -> datetime:
    """Return when; the year 9999 for what is later."""
    try:
        return _EPOCH + timedelta(microseconds=time // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
