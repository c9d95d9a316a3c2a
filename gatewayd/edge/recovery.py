"""What the last run left behind: events in the ring, and doubts.

Records that follow the newest committed event go to the database under their numbers;
older ones are there already. A ring that does not fit (damaged, or newer than a database
that came out of a backup) is kept beside the new one and told of; only the latest is.
"""

from dataclasses import dataclass
from pathlib import Path

from gatewayd.edge.journal_table import Entry, Run
from gatewayd.edge.ring import Ring
from gatewayd.errors import DamagedState, StateError

BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Recovered:
    """A ring that goes on behind the newest event, and what was in it."""

    ring: Ring
    entries: tuple[Entry, ...] = ()  # not committed yet, without a hole; still in the ring
    doubt: str = ""  # why events may be missing, in words


def recover(path: Path, last: int, size: int) -> Recovered:
    """Open the ring for a database whose newest event is `last`. Raise StateError."""
    try:
        try:
            ring = Ring.open(path, size)
        except DamagedState as error:
            return _begin_anew(path, last, size, f"{error}")
        return _sort_out(ring, path, last, size)
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


def _sort_out(ring: Ring, path: Path, last: int, size: int) -> Recovered:
    entries = tuple(Entry(seq, body) for seq, body in ring.take_left() if seq > last)
    if not entries:
        ring.reset(last + 1)
        return Recovered(ring)
    if entries[0].seq != last + 1:
        ring.close()
        why = f"the database ends at {last}, the ring of events begins at {entries[0].seq}"
        return _begin_anew(path, last, size, why)
    ring.free(last)
    return Recovered(ring, entries)


def _begin_anew(path: Path, last: int, size: int, why: str) -> Recovered:
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    ring = Ring.open(path, size)
    ring.reset(last + 1)
    return Recovered(ring, doubt=f"{why}; the old ring is kept as {aside.name}")
