"""Who holds what: kept on disk, shown to the decision, changed and replaced while it serves.

    store = PeopleStore.open(directory, post=loop.call_soon_threadsafe)
    store.view.find("H10301:12:345")          # Credential and Holder, or None
    store.apply(change, done)                 # durable and visible when `done` is called
    store.replace(staging, version, done)     # everything, built in a process of its own

A change is worked out and written on a thread of its own and shown on the caller's. What it
takes away denies from the moment it is worked out, whether or not the disk then keeps it. When
much has changed, table and changes become a new table, in a child process as well.

`done` gets None, `PeopleRefused` with every mistake named, or what failed; nothing was changed
then, apart from what `core.access.narrowing` says. Other errors go to `on_trouble`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Protocol, Self

from gatewayd.core.access.model import Credential
from gatewayd.core.access.narrowing import narrowed
from gatewayd.core.access.people import (
    Outcome,
    PeopleChange,
    Person,
    digest,
    keys_of,
    worked_out,
)
from gatewayd.core.access.people_check import left_with, too_many
from gatewayd.core.model import HolderId
from gatewayd.edge.people_build import PeopleRefused
from gatewayd.edge.people_child import Child, Job
from gatewayd.edge.people_disk import PEOPLE_DISK, PeopleDisk
from gatewayd.edge.people_files import PeopleFiles, State
from gatewayd.edge.people_layout import LONGEST_REST
from gatewayd.edge.people_parts import Staging
from gatewayd.edge.people_table import PeopleTable
from gatewayd.edge.people_view import Layers, PeopleView
from gatewayd.edge.writer import Post
from gatewayd.errors import StateError

WAITING = 4  # changes on their way to the disk
LARGEST_CHANGE = 10_000  # rows; more are to be replaced as a whole
REBUILT_AT = 20_000  # entries beside the table, after which it is written anew
MOST_BESIDE = 60_000  # entries beside the table, after which no change is taken
DAMAGES = 100  # that are named
CLOSING = 20.0  # seconds
_BREATH = 64  # persons between two moments in which other threads may run
_PAUSE = 0.001  # seconds between two blocks that are checked

Done = Callable[[Exception | None], None]
Found = Callable[[tuple[str, ...]], None]


class Building(Protocol):
    """A build on its way."""

    def wait(self) -> Exception | None:
        """Return when it is done: None, or what went wrong."""

    def stop(self) -> None:
        """End it."""


class _Build(NamedTuple):
    job: Job
    done: Done
    carried_from: int | None  # the number of the first change to be carried over; None: none
    digest: str | None = None  # that must come out
    base: int | None = None  # the version that must still be held; None: any


class PeopleStore:
    """One directory of people. Everything but `open` belongs to one thread, that of `post`."""

    def __init__(
        self, files: PeopleFiles, post: Post, start: Callable[[Job], Building]
    ) -> None:
        """Use `PeopleStore.open`."""
        self.on_trouble: Callable[[str], None] = lambda _: None
        self.view = PeopleView(files.state.layers)
        self.state = files.state  # what the view shows
        self._files, self._post, self._start = files, post, start
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waiting = 0
        self._building: Building | None = None
        self._planned: _Build | None = None
        self._not_before = 0  # changes in the log, before the table is written anew again
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._run, name="people", daemon=True)]
        self._threads[0].start()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        post: Post,
        disk: PeopleDisk = PEOPLE_DISK,
        start: Callable[[Job], Building] = Child,
    ) -> Self:
        """Open or begin a directory. Raise DamagedState or StateError naming the file."""
        return cls(PeopleFiles.open(directory, disk), post, start)

    @property
    def version(self) -> int:
        """Of what the view shows."""
        return self.state.version

    @property
    def digest(self) -> str:
        """Of what the view shows, as in core.access.people."""
        return digest(self.state.total)

    @property
    def rest(self) -> bytes:
        """What is versioned together with the people."""
        return self.state.rest

    def apply(self, change: PeopleChange, done: Done) -> None:
        """Change some people; `done` is posted when it lasts and shows, or failed."""
        rows = len(change.holders) + len(change.credentials)
        if self._waiting >= WAITING:
            done(StateError(f"{WAITING} changes of people are waiting already"))
        elif rows > LARGEST_CHANGE or len(change.rest or b"") > LONGEST_REST:
            done(
                PeopleRefused(
                    [f"a change has at most {LARGEST_CHANGE} rows: replace all people"]
                )
            )
        else:
            self._waiting += 1
            self._jobs.put(lambda: self._apply(change, self._counted(done)))

    def replace(
        self, staging: Staging, version: int, done: Done, *, digest: str | None = None
    ) -> None:
        """Replace everybody by the staged parts, unless they do not come to this digest.

        Nor if somebody is changed meanwhile: what was taken away would be there again.
        """
        self._jobs.put(lambda: self._replace(staging, version, done, digest))

    def verify(self, found: Found) -> None:
        """Read the whole table in the background, then post what is damaged in it."""
        table, blocks = self.state.layers.table, self._files.blocks()
        self._spawn(lambda: self._verify(table, blocks, found))

    def close(self) -> None:
        """Finish the change that is being written, stop a build, and end."""
        self._closing.set()
        self._jobs.put(None)
        if (building := self._building) is not None:
            building.stop()
        for thread in self._threads:
            thread.join(CLOSING)

    # --- on the loop's thread -------------------------------------------------------

    def _counted(self, done: Done) -> Done:
        def ended(why: Exception | None) -> None:
            self._waiting -= 1
            done(why)

        return ended

    def _show(self, state: State) -> None:
        self.state = state
        self.view.show(state.layers)

    # --- on the worker's ------------------------------------------------------------

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread must live and say so
                self._say(f"{type(error).__name__}: {error}")

    def _apply(self, change: PeopleChange, done: Done) -> None:
        state = self._files.state
        why = self._unfit(change, state)
        if why is not None:
            self._tell(lambda: done(why))
            return
        try:
            outcome = worked_out(_Patient(state.layers), change)
            if wrong := outcome.mistakes or self._wrong_for_all(change, outcome):
                raise PeopleRefused(wrong)  # noqa: TRY301 - an answer like the others
            self._narrow(outcome)
            delta = self._files.delta(change, outcome)
            self._files.commit(delta)
        except (StateError, PeopleRefused) as error:
            answer = error
            self._tell(lambda: done(answer))
            return
        self._switch(lambda: self._files.shown(delta), done)
        self._rebuild_if_due()

    def _unfit(self, change: PeopleChange, state: State) -> Exception | None:
        if change.base != state.version:
            return StateError(
                f"the disk holds people {state.version}, "
                f"a change from {change.base} to {change.version} does not fit"
            )
        if len(state.layers.overlay) > MOST_BESIDE:
            self._rebuild_if_due()
            return StateError("too much has changed, the table must be written anew first")
        return None

    def _wrong_for_all(self, change: PeopleChange, outcome: Outcome) -> tuple[str, ...]:
        """Say what is wrong in the light of everybody."""
        state, gone = self._files.state, change.levels_gone
        found = list(too_many(state.holders, state.credentials, outcome))
        if gone:
            found += left_with(gone, self._everybody(state.layers), outcome.after)
        return tuple(found)

    def _everybody(self, layers: Layers) -> Iterator[Person]:
        for number, person in enumerate(layers.people()):
            if self._closing.is_set():
                raise StateError("people are being closed")
            _breathe(number)
            yield person

    def _narrow(self, outcome: Outcome) -> None:
        """Let everything the change takes away deny from now on."""
        before, after = outcome.before, outcome.after
        left: dict[HolderId, Person | None] = {}
        for number, (each, person) in enumerate(before.items()):
            left[each] = narrowed(person, after[each])
            _breathe(number)
        both = (*before.values(), *after.values())
        keys = [key for person in both for key in keys_of(person)]
        self._tell(lambda: self.view.narrow(left, keys))

    def _rebuild_if_due(self) -> None:
        due = len(self._files.state.layers.overlay) > REBUILT_AT or self._files.is_full
        if due and self._planned is None and self._files.logged >= self._not_before:
            self._begin_build(self._merging)

    def _merging(self, generation: int) -> _Build:
        job = self._job(generation, self._files.state.version)
        return _Build(job, self._merged, job.changes, digest(self._files.state.total))

    def _job(self, generation: int, version: int) -> Job:
        """Return what starts from all that is held."""
        names = self._files.names(self._files.generation)
        return Job(
            f"{self._files.names(generation).table}",
            generation,
            version,
            table=f"{names.table}",
            log=f"{names.log}",
            changes=self._files.logged,
        )

    def _merged(self, why: Exception | None) -> None:
        self._not_before = 0 if why is None else self._files.logged + 10
        if why is not None:
            self.on_trouble(f"the table of people could not be written anew: {why}")

    def _replace(
        self, staging: Staging, version: int, done: Done, expected: str | None
    ) -> None:
        if self._planned is not None and self._planned.carried_from is None:
            self._tell(lambda: done(StateError("people are being replaced already")))
        elif self._planned is not None:  # what is merged now would be replaced at once
            if self._building is not None:
                self._building.stop()
            self._closing.wait(_PAUSE)
            self._jobs.put(lambda: self._replace(staging, version, done, expected))
        else:
            self._begin_build(
                lambda generation: _Build(
                    replace(self._job(generation, version), staging=f"{staging.directory}"),
                    done,
                    None,
                    expected,
                    self._files.state.version,
                )
            )

    def _begin_build(self, plan: Callable[[int], _Build]) -> None:
        planned = plan(self._files.generation + 1)
        try:
            self._files.next_generation()
            building = self._start(planned.job)
        except (OSError, StateError) as error:
            why = error
            self._tell(lambda: planned.done(why))
            return
        self._planned, self._building = planned, building

        def wait() -> None:
            outcome = building.wait()
            self._jobs.put(lambda: self._built(planned, outcome))

        self._spawn(wait)

    def _built(self, planned: _Build, why: Exception | None) -> None:
        self._planned = self._building = None
        generation = planned.job.generation
        before, old = self._files.generation, self._files.state
        if why is None:
            why = self._adopt(planned)
        if why is None:
            self._switch(lambda: self._files.state, planned.done)
            del old  # to unmap a large file takes a while: here, not on the loop's thread
            self._retire(before)
        else:
            answer = why
            self._retire(generation)
            self._tell(lambda: planned.done(answer))

    def _adopt(self, planned: _Build) -> Exception | None:
        held, since = self._files.state.version, planned.carried_from
        if since is None and planned.job.version < held:
            return StateError(f"people {held} are newer than {planned.job.version}")
        if planned.base not in (None, held):
            return StateError(
                f"people {planned.base} became people {held} meanwhile: make what replaces "
                f"them anew"
            )
        try:
            self._files.adopt(
                planned.job.generation,
                self._files.logged if since is None else since,
                planned.digest,
            )
        except (StateError, PeopleRefused) as error:
            return error
        return None

    def _retire(self, generation: int) -> None:
        with suppress(OSError):  # the next start tries again
            self._files.retire(generation)

    def _switch(self, state: Callable[[], State], done: Done) -> None:
        """Show another state on the loop's thread, and wait until it does."""
        shown = threading.Event()

        def show() -> None:
            try:
                self._show(state())
                done(None)
            finally:
                shown.set()

        self._tell(show)
        while not (shown.wait(0.05) or self._closing.is_set()):
            pass

    def _verify(self, table: PeopleTable, blocks: Iterator[bytes], found: Found) -> None:
        damages: list[str] = []
        try:
            for damage in table.damage(blocks):
                if damage and len(damages) < DAMAGES:
                    damages.append(damage)
                if self._closing.wait(_PAUSE):
                    return
        except OSError as error:
            if self.state.layers.table is table:  # it may be gone because another one came
                damages.append(f"the table cannot be read: {error.strerror}")
        self._tell(lambda: found(tuple(damages)))

    def _spawn(self, work: Callable[[], None]) -> None:
        self._threads = [each for each in self._threads if each.is_alive()]
        thread = threading.Thread(target=work, name="people's other work", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _say(self, trouble: str) -> None:
        self._tell(lambda: self.on_trouble(trouble))

    def _tell(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._post(call)


class _Patient:
    """Looks people up for a change, and lets other threads run now and then."""

    def __init__(self, layers: Layers) -> None:
        self._layers, self._asked = layers, 0

    def credential(self, key: str) -> Credential | None:
        self._breathe()
        return self._layers.credential(key)

    def person(self, holder: HolderId) -> Person | None:
        self._breathe()
        return self._layers.person(holder)

    def _breathe(self) -> None:
        self._asked += 1
        _breathe(self._asked)


def _breathe(number: int) -> None:
    """Let other threads run now and then."""
    if number % _BREATH == 0:
        time.sleep(0)
