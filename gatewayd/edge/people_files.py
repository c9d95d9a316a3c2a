"""The people's files in their directory, and the switch from one table to the next.

    current              which generation counts, replaced whole
    people-<n>.table     who holds what at some version (people_layout)
    people-<n>.log       what changed since (people_log)

A generation is complete and synced before `current` names it, so a power cut leaves the old
one or the new one. What belongs to no current generation is removed at the next start.

When replacing `current` fails, nobody can know which generation the next start would find. No
change is taken then until `current` was written again. Synchronous; one thread at a time.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, Self
from zlib import crc32

from gatewayd.core.access.people import MODULUS, Outcome, PeopleChange
from gatewayd.edge import people_layout as layout
from gatewayd.edge.disk import replace, sync_directory, write_new
from gatewayd.edge.people_build import PeopleRefused, Plan, build
from gatewayd.edge.people_disk import PEOPLE_DISK, PeopleDisk
from gatewayd.edge.people_layout import Header
from gatewayd.edge.people_log import DATA, LONGEST, Delta, PeopleLog, explained
from gatewayd.edge.people_table import PeopleTable
from gatewayd.edge.people_view import Layers, Overlay
from gatewayd.errors import DamagedState, StateError

CURRENT = "current"
_LONGEST_CURRENT = 256
_PREFIX = "people-"


class Names(NamedTuple):
    """The files of one generation."""

    table: Path
    log: Path


class State(NamedTuple):
    """What is held: the people, and what is versioned together with them."""

    layers: Layers
    version: int
    total: int  # the sum of the digest
    rest: bytes
    holders: int
    credentials: int


class PeopleFiles:
    """One directory."""

    def __init__(self, directory: Path, disk: PeopleDisk = PEOPLE_DISK) -> None:
        """Use `open`."""
        self._directory, self._disk = directory, disk
        self._log: PeopleLog
        self._deltas: list[Delta] = []  # in the log; their persons are the overlay's
        self._in_doubt = False  # whether `current` may name another generation
        self.generation = 0
        self.state: State

    @classmethod
    def open(cls, directory: Path, disk: PeopleDisk = PEOPLE_DISK) -> Self:
        """Read what is there; begin with nobody in an empty directory.

        Raises DamagedState or StateError, both naming the file.
        """
        files = cls(directory, disk)
        current = directory / CURRENT
        try:
            names = disk.listing(directory)
            raw = disk.read(current, _LONGEST_CURRENT)
            generation = 0 if raw is None else _generation(raw)
        except (OSError, DamagedState) as error:
            raise explained(current, error) from error
        if not generation and any(each.endswith(".table") for each in names):
            files._only_begun(names)
        files._load(generation) if generation else files._begin()
        files._sweep(names)
        return files

    def names(self, generation: int) -> Names:
        """Return the files of a generation."""
        stem = f"{_PREFIX}{generation}"
        return Names(self._directory / f"{stem}.table", self._directory / f"{stem}.log")

    @property
    def logged(self) -> int:
        """How many changes the log has."""
        return len(self._deltas)

    @property
    def is_full(self) -> bool:
        """Whether the log should be merged into a table soon, for its length."""
        return self._log.end > LONGEST // 2

    def next_generation(self) -> int:
        """Return the number of the next one; nothing on the disk names it. Raise StateError."""
        try:
            self._settle()
        except OSError as error:
            raise explained(self._directory / CURRENT, error) from error
        return self.generation + 1

    def delta(self, change: PeopleChange, outcome: Outcome) -> Delta:
        """Return what the log would say of a change."""
        total = (self.state.total + outcome.moved) % MODULUS
        holders, credentials = outcome.more
        return Delta(
            change.base,
            change.version,
            total,
            outcome.after,
            outcome.gone,
            change.rest,
            holders,
            credentials,
        )

    def commit(self, delta: Delta) -> None:
        """Make a change last. It is not shown yet: that is `shown`. Raise StateError."""
        try:
            self._settle()
            kept = self._log.append(delta)
        except OSError as error:
            raise explained(self._log_path, error) from error
        if not kept:
            raise StateError(f"{self._log_path}: no room before the table is written anew")
        self._deltas.append(delta)

    def shown(self, delta: Delta) -> State:
        """Return the state with a change that was committed; the overlay changes in place."""
        self.state.layers.overlay.put(delta.people, delta.gone)
        self.state = _after(self.state, delta)
        return self.state

    def adopt(self, generation: int, since: int, expected: str | None = None) -> State:
        """Switch to a table that lies there complete and synced, and return what is held then.

        Changes of the log from number `since` on are carried over. Raises StateError, or
        PeopleRefused if the table does not come to the `expected` digest; the old generation
        counts then. `retire` removes what does not count once nobody reads it.
        """
        names = self.names(generation)
        try:
            self._settle()
            table = self._table(names.table, generation)
            if expected not in (None, table.header.digest.hex()):
                raise PeopleRefused([f"the people come to digest {table.header.digest.hex()}"])
            log = PeopleLog(names.log, self._disk, table.header.salt)
            carried = self._deltas[since:]
            log.create(log.framed(carried))
            log.end = DATA + len(log.framed(carried))
            self._point_to(generation)
        except (OSError, DamagedState) as error:
            raise explained(names.table, error) from error
        self._log, self._deltas, self.generation = log, carried, generation
        self.state = _replayed(table, carried)
        return self.state

    def retire(self, generation: int) -> None:
        """Remove the files of a generation that does not count. Raise OSError."""
        if generation != self.generation and not self._in_doubt:
            for path in self.names(generation):
                self._disk.unlink(path)

    def blocks(self) -> Iterator[bytes]:
        """Return the blocks of the table's file, for `PeopleTable.damage`. Raise OSError."""
        names = self.names(self.generation)
        return self._disk.blocks(names.table, layout.HEADER, layout.BLOCK)

    @property
    def _log_path(self) -> Path:
        return self.names(self.generation).log

    def _only_begun(self, names: list[str]) -> None:
        """Tell a first start that was cut short from a `current` that was lost."""
        tables = {each for each in names if each.endswith(".table")}
        first = self.names(1)
        log = self._disk.read(first.log, DATA + 1)
        if tables != {first.table.name} or (log is not None and len(log) > DATA):
            why = DamagedState("it is missing beside tables")
            raise explained(self._directory / CURRENT, why)

    def _begin(self) -> None:
        """Write an empty table as the first generation."""
        names = self.names(1)
        try:
            header = write_table(self._disk, names.table)
            log = PeopleLog(names.log, self._disk, header.salt)
            log.create()
            self._point_to(1)
        except OSError as error:
            raise explained(names.table, error) from error
        self._load(1)

    def _load(self, generation: int) -> None:
        names = self.names(generation)
        path = names.table
        try:
            table = self._table(path, generation)
            path = names.log
            log = PeopleLog(path, self._disk, table.header.salt)
            deltas = log.read()
            self.state = _replayed(table, deltas)
            self._sync(path)  # what a killed process left must last before it is believed
        except (OSError, DamagedState) as error:
            raise explained(path, error) from error
        self._log, self._deltas, self.generation = log, deltas, generation

    def _table(self, path: Path, generation: int) -> PeopleTable:
        table = PeopleTable(self._disk.map(path))
        if table.header.generation != generation:
            raise DamagedState(f"it is of generation {table.header.generation}")
        return table

    def _sync(self, path: Path) -> None:
        handle = self._disk.open(path)
        try:
            self._disk.sync(handle)
        finally:
            self._disk.close(handle)
        sync_directory(self._disk, self._directory)

    def _point_to(self, generation: int) -> None:
        """Make a generation the current one, once its names last."""
        sync_directory(self._disk, self._directory)
        self._in_doubt = True
        replace(self._disk, self._directory / CURRENT, _current(generation))
        self._in_doubt = False

    def _settle(self) -> None:
        """Say again which generation counts, if that is in doubt."""
        if self._in_doubt:
            self._point_to(self.generation)

    def _sweep(self, names: list[str]) -> None:
        """Remove what an earlier run left of other generations."""
        keep = {each.name for each in self.names(self.generation)}
        try:
            for name in names:
                if name.startswith(_PREFIX) and name not in keep:
                    self._disk.unlink(self._directory / name)
        except OSError as error:
            raise explained(self._directory, error) from error


def write_table(disk: PeopleDisk, path: Path, plan: Plan | None = None) -> Header:
    """Write a table with nobody in it, and sync it. Raise OSError."""
    file = BytesIO()
    header = build(file, (), Plan(1, 0, 0, 0) if plan is None else plan)
    write_new(disk, path, file.getvalue())
    return header


def _replayed(table: PeopleTable, deltas: list[Delta]) -> State:
    """Return what a table and its log make together. Raise DamagedState."""
    header, overlay = table.header, Overlay()
    state = State(
        Layers(table, overlay),
        header.version,
        int.from_bytes(header.digest),
        table.rest(),
        header.holders,
        header.credentials,
    )
    for each in deltas:
        if each.base != state.version:
            raise DamagedState(f"a change from {each.base} follows version {state.version}")
        overlay.put(each.people, each.gone)
        state = _after(state, each)
    return state


def _after(state: State, delta: Delta) -> State:
    """Return the state after a change that the overlay has taken in."""
    return State(
        state.layers,
        delta.version,
        delta.total,
        state.rest if delta.rest is None else delta.rest,
        state.holders + delta.more_holders,
        state.credentials + delta.more_credentials,
    )


def _current(generation: int) -> bytes:
    text = f"generation {generation}"
    return f"{text} {crc32(text.encode()):08x}\n".encode()


def _generation(raw: bytes) -> int:
    words = raw.decode(errors="replace").split()
    number = words[1] if len(words) == 3 else ""
    if not (number.isascii() and number.isdigit()) or raw != _current(int(number)):
        raise DamagedState("it does not name a generation")
    return int(number)
