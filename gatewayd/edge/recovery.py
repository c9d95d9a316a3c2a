"""What the last run left behind: events and state in the ring, and doubts.

Records that follow the newest committed one go to the database under their numbers; older
ones are there already. The first byte of a record says what it is. A ring that does not fit
(damaged, or newer than a database that came out of a backup) is kept beside the new one and
told of; only the latest is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gatewayd.edge.journal_state import Kept, unpack
from gatewayd.edge.journal_table import Entry, Run
from gatewayd.edge.ring import Ring
from gatewayd.errors import DamagedState, StateError

BOOT = Path("/proc/sys/kernel/random/boot_id")
EVENT, STATE = b"e", b"s"  # what a record begins with


@dataclass(frozen=True, slots=True)
class Recovered:
    """A ring that goes on behind the newest event, and what was in it."""

    ring: Ring
    left: tuple[Entry | Kept, ...] = ()  # not committed yet, without a hole; still in there
    doubt: str = ""  # why events may be missing, in words


def recover(path: Path, last: int, states: int, size: int) -> Recovered:
    """Open the ring for a database whose newest event is `last`, and which has so many records
    of state. Raise StateError."""
    try:
        try:
            ring = Ring.open(path, size)
        except DamagedState as error:
            return _begin_anew(path, last + states, size, f"{error}")
        return _sort_out(ring, path, last, states, size)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error


def boot() -> str:
    """Return what names this start of the machine; "" if the system does not tell."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def doubt_about(run: Run | None, current_boot: str) -> str:
    """Return why the last run's last moment may be missing, or ""."""
    if run is None or run.clean or (current_boot and run.boot == current_boot):
        return ""
    return "the machine went down before gatewayd had stopped"


def _sort_out(ring: Ring, path: Path, last: int, states: int, size: int) -> Recovered:
    committed = last + states
    records = [(number, body) for number, body in ring.take_left() if number > committed]
    if not records:
        ring.reset(committed + 1)
        return Recovered(ring)
    first = records[0][0]
    why = f"the database ends at {committed}, the ring of events begins at {first}"
    if first == committed + 1:
        try:
            left = tuple(_read((body for _, body in records), last, states))
        except ValueError as error:
            why = f"the ring of events has a record that nobody wrote: {error}"
        else:
            ring.free(committed)
            return Recovered(ring, left)
    ring.close()
    return _begin_anew(path, committed, size, why)


def _read(bodies: Iterable[bytes], last: int, states: int) -> Iterator[Entry | Kept]:
    for body in bodies:
        kind = body[:1]
        if kind == EVENT:
            last += 1
            yield Entry(last, body[1:])
        elif kind == STATE:
            states += 1
            yield Kept(states, unpack(body[1:]))
        else:
            raise ValueError(f"it is of kind {kind!r}")


def _begin_anew(path: Path, committed: int, size: int, why: str) -> Recovered:
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    ring = Ring.open(path, size)
    ring.reset(committed + 1)
    return Recovered(ring, doubt=f"{why}; the old ring is kept as {aside.name}")
