"""Building a table of people in a process of its own: no stall, and its memory goes with it.

    python -m gatewayd.edge.people_child '{"kind": …}'

Either all staged parts become a table, or a table and the first changes of its log become a
new one. Staged people may keep the PINs they have (`KEPT`): those of that table and log. The
outcome is one line of JSON. The child works at a low priority and ends by itself when its
parent does. The parent's part is `Child`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import gatewayd
from gatewayd.core.access.model import LevelId
from gatewayd.core.access.people import KEPT, MISTAKES, Person, with_kept_pins
from gatewayd.edge.people_build import PeopleRefused, Plan, build
from gatewayd.edge.people_disk import PEOPLE_DISK
from gatewayd.edge.people_layout import DamagedRecord
from gatewayd.edge.people_log import Delta, PeopleLog, explained
from gatewayd.edge.people_parts import Counts, Staging, joined
from gatewayd.edge.people_table import PeopleTable
from gatewayd.edge.people_view import Layers, Overlay
from gatewayd.errors import DamagedState, StateError

NICE = 10
_LOOKED_AFTER = 1000  # persons between two looks for the parent
_SHOWN = 2000  # characters of what a broken child said


@dataclass(frozen=True, slots=True)
class Job:
    """What to build: from parts in `staging`, or from a table and `changes` of its log.

    With parts, the table and its log are those that are held.
    """

    target: str
    generation: int
    version: int
    staging: str = ""
    table: str = ""
    log: str = ""
    changes: int = 0


class Child:
    """A build on its way."""

    def __init__(self, job: Job) -> None:
        """Start it. Raise OSError."""
        package = Path(gatewayd.__file__).parents[1]
        self._process = subprocess.Popen(  # noqa: S603 - this very module, with paths of ours
            [sys.executable, "-P", "-m", __spec__.name, json.dumps(asdict(job))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(package)},
            text=True,
        )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def wait(self) -> Exception | None:
        """Return when it is done: None, or what went wrong. Any thread, once."""
        said, _ = self._process.communicate()
        try:
            outcome = json.loads(said.splitlines()[-1])
            mistakes, failure = outcome["mistakes"], outcome["failure"]
        except (IndexError, ValueError, KeyError, TypeError):
            code = self._process.returncode
            return StateError(f"building people ended with {code}: {said[-_SHOWN:].strip()}")
        if mistakes:
            return PeopleRefused(mistakes)
        return StateError(failure) if failure else None

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()


def run(job: Job, parent: int) -> None:
    """Build, and sync the file. Raise PeopleRefused, StateError or OSError."""
    target = Path(job.target)
    target.unlink(missing_ok=True)
    handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with (
        os.fdopen(handle, "w+b", buffering=0) as file,
        TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as scratch,
    ):
        _build(job, file, Path(scratch), parent)
        os.fsync(file.fileno())


def _build(job: Job, file: BinaryIO, scratch: Path, parent: int) -> None:
    people, plan = _from_parts(job, scratch) if job.staging else _from_table(job)
    build(file, _while_wanted(people, parent), plan)


def _from_parts(job: Job, scratch: Path) -> tuple[Iterator[Person], Plan]:
    staging = Staging(Path(job.staging))
    counts = staging.counts()
    plan = Plan(job.generation, job.version, *counts, staging.rest())
    people = _with_pins(joined(staging, counts, scratch), job)
    if (expected := staging.expected()) is not None:
        if counts != expected.counts:
            raise PeopleRefused(_miscounted(counts, expected.counts))
        people = _with_known_levels(people, expected.levels)
    return people, plan


def _miscounted(counts: Counts, expected: Counts) -> Iterator[str]:
    for kind, found, announced in zip(Counts._fields, counts, expected, strict=True):
        if found != announced:
            yield f"{announced} {kind} were announced, and {found} are there"


def _with_known_levels(
    people: Iterator[Person], levels: frozenset[LevelId]
) -> Iterator[Person]:
    """Pass everybody on, unless somebody has a level that nobody staged. PeopleRefused."""
    mistakes: list[str] = []
    for person in people:
        if not levels.issuperset(person.holder.levels):
            unknown = min(set(person.holder.levels) - levels)
            mistakes.append(f"holder {person.holder.id!r}: no such level: {unknown!r}")
            if len(mistakes) >= MISTAKES:
                break
        yield person
    if mistakes:
        raise PeopleRefused(mistakes)


def _with_pins(people: Iterator[Person], job: Job) -> Iterator[Person]:
    """Put the PINs that are held in the place of those that are to be kept."""
    held: Layers | None = None
    for person in people:
        holder = person.holder
        if KEPT in (holder.pin, holder.duress_pin):
            held = held or _held(job)
            with suppress(DamagedRecord):  # nobody knows what to keep: it is refused
                had = held.person(holder.id)
                holder = with_kept_pins(holder, None if had is None else had.holder)
        yield person if holder is person.holder else person._replace(holder=holder)


def _held(job: Job) -> Layers:
    table, deltas = _read(Path(job.table), Path(job.log))
    overlay = Overlay()
    for each in deltas[: job.changes]:
        overlay.put(each.people, each.gone)
    return Layers(table, overlay)


def _from_table(job: Job) -> tuple[Iterator[Person], Plan]:
    table, deltas = _read(Path(job.table), Path(job.log))
    overlay, rest = Overlay(), table.rest()
    for each in deltas[: job.changes]:
        overlay.put(each.people, each.gone)
        rest = rest if each.rest is None else each.rest
    header, more = table.header, len(overlay)
    most = header.holders + more, header.credentials + more
    return Layers(table, overlay).people(), Plan(job.generation, job.version, *most, rest)


def _read(table: Path, log: Path) -> tuple[PeopleTable, list[Delta]]:
    path = table
    try:
        opened = PeopleTable(PEOPLE_DISK.map(table))
        path = log
        return opened, PeopleLog(log, PEOPLE_DISK, opened.header.salt).read()
    except DamagedState as error:
        raise explained(path, error) from error


def _while_wanted(people: Iterator[Person], parent: int) -> Iterator[Person]:
    for number, person in enumerate(people):
        if number % _LOOKED_AFTER == 0 and os.getppid() != parent:
            raise StateError("nobody waits for the people any more")
        yield person


def main(argument: str) -> int:
    """Do a job and say how it went."""
    parent = os.getppid()
    mistakes: tuple[str, ...] = ()
    failure = ""
    try:
        run(Job(**json.loads(argument)), parent)
    except PeopleRefused as refused:
        mistakes = refused.mistakes
    except (StateError, OSError) as error:
        failure = f"{error}"
    sys.stdout.write(json.dumps({"mistakes": mistakes, "failure": failure}) + "\n")
    return 1 if mistakes or failure else 0


if __name__ == "__main__":
    os.nice(NICE)
    sys.exit(main(sys.argv[1]))
