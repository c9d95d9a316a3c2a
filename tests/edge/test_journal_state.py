"""State is kept beside the events: newest of each key, up to the same point after any end."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from gatewayd.core.events import InternalError
from gatewayd.edge.journal import NO_ROOM_FOR_STATE, Journal, Limits
from gatewayd.edge.journal_state import (
    LEAST_RING,
    LONGEST_KEY,
    LONGEST_VALUE,
    Backlog,
    StateEntry,
    unpack,
)
from gatewayd.edge.ring import Ring
from gatewayd.errors import DamagedState
from tests.edge.journal_desk import NOW, OPENED, SMALL, Desk, hold_writer
from tests.edge.posted import FAST, Posted
from tests.edge.state_victim import key_of
from tests.edge.victim import LIMITS, body_of, encode

ANNA: dict[str, object] = {"area": "lab", "since": "2026-05-08T10:00:00.000000Z"}
BULKY: dict[str, object] = {"text": "x" * 3000}
ROOT = Path(__file__).parents[2]
KILLS = 10
PAGE = 4096
LEAST = len('{"text":"","n":0}')


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.journal.close()


def kept_after_a_restart(desk: Desk) -> Mapping[str, object]:
    desk.restart()
    return desk.journal.kept()


def fill(desk: Desk) -> dict[str, dict[str, object]]:
    """Keep state until there is no room; return all of it, what waits included."""
    kept: dict[str, dict[str, object]] = {}
    told: list[str | None] = []
    tell = desk.journal.on_trouble
    desk.journal.on_trouble = told.append  # nothing posted is run meanwhile
    while not told:
        key = f"bulky/{len(kept)}"
        kept[key] = BULKY
        desk.journal.keep([(key, BULKY)])
        assert len(kept) < 100
    assert told == [NO_ROOM_FOR_STATE]
    desk.journal.on_trouble = tell
    tell(*told)
    return kept


# --- keeping ----------------------------------------------------------------------


def test_what_was_kept_is_there_after_a_restart(desk: Desk) -> None:
    desk.journal.keep([("presence/anna", ANNA), ("mode/lobby", {"mode": "locked"})])
    assert kept_after_a_restart(desk) == {
        "presence/anna": ANNA,
        "mode/lobby": {"mode": "locked"},
    }


def test_nothing_is_kept_at_first(desk: Desk) -> None:
    assert desk.journal.kept() == {}
    desk.journal.keep([])
    assert kept_after_a_restart(desk) == {}


def test_the_newest_value_of_a_key_counts(desk: Desk) -> None:
    desk.journal.keep([("threat_level", {"level": 1}), ("threat_level", {"level": 2})])
    assert kept_after_a_restart(desk) == {"threat_level": {"level": 2}}
    desk.journal.keep([("threat_level", {"level": 3})])
    assert kept_after_a_restart(desk) == {"threat_level": {"level": 3}}


def test_no_value_forgets_a_key(desk: Desk) -> None:
    desk.journal.keep([("presence/anna", ANNA), ("presence/bob", ANNA)])
    desk.restart()
    desk.journal.keep([("presence/anna", None), ("never/kept", None)])
    assert kept_after_a_restart(desk) == {"presence/bob": ANNA}


def test_state_has_no_numbers_of_events(desk: Desk) -> None:
    desk.note()
    desk.journal.keep([("a", {})])
    desk.note()
    desk.restart()
    desk.journal.keep([("b", {})])
    desk.note()
    assert desk.kinds() == ["door.opened"] * 3
    assert desk.journal.last == 3


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (("", {}), "state '': a key has 1 to 600 characters"),
        (("k" * (LONGEST_KEY + 1), {}), "a key has 1 to 600 characters"),
        (("mode/\ud800", {}), "surrogates not allowed"),
        (("mode/lobby", {"text": "\ud800"}), "state 'mode/lobby': .* surrogates not allowed"),
        (("mode/lobby", {"text": "ü" * 2048}), "state 'mode/lobby': .* at most 4096 bytes"),
        (("mode/lobby", {"at": object()}), "state 'mode/lobby': .* not JSON serializable"),
        (("mode/lobby", {"at": float("nan")}), "state 'mode/lobby': .* not JSON compliant"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name_with_all_that_came_with_it(
    desk: Desk, entry: StateEntry, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        desk.journal.keep([("presence/anna", ANNA), entry])
    assert kept_after_a_restart(desk) == {}


def test_the_longest_entry_there_can_be_finds_room_in_the_smallest_ring(desk: Desk) -> None:
    key, value = "\x00" * LONGEST_KEY, {"text": '"' * ((LONGEST_VALUE - LEAST) // 2)}
    for number in range(10):
        desk.journal.keep([(key, value | {"n": number})])
        desk.note()
        desk.settle()
    assert kept_after_a_restart(desk) == {key: value | {"n": 9}}


def test_many_entries_at_once_take_several_records(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits())
    entries = [(f"mode/{number}", BULKY) for number in range(200)]
    desk.journal.keep(entries)
    assert desk.journal.trouble is None
    desk.restart()
    assert desk.journal.kept() == dict(entries)
    desk.journal.close()


# --- without a disk ---------------------------------------------------------------


def test_what_the_disk_did_not_take_before_the_end_is_there_after_it(desk: Desk) -> None:
    desk.journal.keep([("presence/anna", ANNA), ("presence/bob", ANNA)])
    desk.note()
    desk.settle()
    with hold_writer(desk):
        desk.journal.keep([("presence/anna", None)])
        desk.note()
        desk.journal.keep([("presence/eve", ANNA)])
        desk.journal.close()
    desk.restart()
    assert desk.journal.kept() == {"presence/bob": ANNA, "presence/eve": ANNA}
    assert desk.journal.last == 2
    assert kept_after_a_restart(desk) == {"presence/bob": ANNA, "presence/eve": ANNA}


def test_state_that_finds_no_room_waits_and_is_kept_by_the_next_commit(desk: Desk) -> None:
    told: list[str | None] = []
    desk.journal.on_trouble = told.append
    with hold_writer(desk):
        kept = fill(desk)
        assert told == [NO_ROOM_FOR_STATE]
        desk.journal.keep([("bulky/0", None), ("last", {"n": 1})])
        desk.journal.keep([("last", {"n": 2})])
    desk.post.until(lambda: told[-1] is None)
    assert desk.journal.trouble is None
    del kept["bulky/0"]
    assert kept_after_a_restart(desk) == kept | {"last": {"n": 2}}


def test_no_event_passes_the_state_that_waits_before_it(desk: Desk) -> None:
    with hold_writer(desk):
        fill(desk)
        assert desk.journal.note(OPENED, NOW) is None
        assert desk.journal.lost == 1
    desk.post.until(lambda: desk.journal.committed == 1)
    assert [(each["kind"], each["count"]) for each in desk.events()] == [("events.lost", 1)]


def test_state_that_waits_at_the_end_goes_to_the_disk_past_the_ring(desk: Desk) -> None:
    with hold_writer(desk):
        kept = fill(desk)
    desk.restart()  # nothing of what was posted has run, so the ring is as full as it was
    assert desk.journal.kept() == kept


def test_state_waits_for_room_in_the_queue_as_well(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(waiting=10, batch=10))
    told: list[str | None] = []
    desk.journal.on_trouble = told.append
    entries = [(f"presence/{number}", {"n": number}) for number in range(100)]
    with hold_writer(desk):
        for entry in entries:
            desk.journal.keep([entry])
        assert NO_ROOM_FOR_STATE in told
    desk.post.until(lambda: told[-1] is None and desk.journal.trouble is None)
    with hold_writer(desk):
        desk.journal.keep((f"more/{number}", {}) for number in range(5))
        for number in range(20):
            desk.journal.keep([(f"late/{number}", {})])
    desk.restart()
    kept = desk.journal.kept()
    assert len(kept) == 125
    assert kept.items() >= dict(entries).items()
    desk.journal.close()


def test_a_failing_disk_is_the_first_thing_to_tell_of(desk: Desk) -> None:
    told: list[str | None] = []
    desk.journal.on_trouble = told.append
    with hold_writer(desk):
        fill(desk)
        desk.post.until(lambda: len(told) > 1)
        assert desk.journal.trouble is not None
        assert "database is locked" in desk.journal.trouble
    desk.post.until(lambda: told[-1] is None)
    assert told[0] == NO_ROOM_FOR_STATE
    assert "database is locked" in str(told[1])


# --- damage -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"s",
        b"s[",
        b"s[1]",
        b"s1",
        b"s{}",
        b's[["k",1]]',
        b"e\x00",
        b"s" + b"[" * 9999,
    ],
)
def test_a_record_that_nobody_wrote_is_no_state(desk: Desk, body: bytes) -> None:
    desk.journal.keep([("a", {})])
    desk.note()
    desk.journal.close()
    ring = Ring.open(desk.directory / "journal.ring")
    ring.reset(3)
    ring.append(3, body)
    ring.close()
    desk.restart()
    assert desk.journal.kept() == {"a": {}}
    sound = body[:1] == b"e"
    desk.note()
    assert (desk.directory / "journal.ring.damaged").exists() != sound
    if not sound:
        assert desk.kinds() == ["door.opened", "journal.gap_possible", "door.opened"]


def test_a_ring_newer_than_its_database_is_kept_aside_with_its_state(desk: Desk) -> None:
    desk.journal.keep([("a", {"n": 1})])
    desk.restart()
    shutil.copy(desk.directory / "journal.db", desk.directory / "backup")
    with closing(sqlite3.connect(desk.directory / "backup")) as backup:
        assert backup.execute("SELECT seq FROM cursor WHERE name = 'state'").fetchall()
    for number in (2, 3):
        desk.journal.keep([("a", {"n": number})])
        desk.note()
        desk.settle()
    with hold_writer(desk):
        desk.journal.keep([("a", {"n": 4})])
        desk.journal.close()
    for name in ("journal.db-wal", "journal.db-shm"):
        (desk.directory / name).unlink(missing_ok=True)
    shutil.copy(desk.directory / "backup", desk.directory / "journal.db")
    desk.restart()
    assert desk.journal.kept() == {"a": {"n": 1}}
    desk.note()
    assert desk.kinds() == ["journal.gap_possible", "door.opened"]


@pytest.mark.parametrize("value", ["", "7", "[]", "null", "[" * 9999])
def test_a_value_that_nobody_wrote_is_refused_by_name(desk: Desk, value: str) -> None:
    desk.restart_later(lambda db: db.execute("INSERT INTO state VALUES ('a/b', ?)", (value,)))
    with pytest.raises(DamagedState, match=r"journal\.db is damaged \(state 'a/b' is no JSON"):
        desk.journal.kept()


# --- laid out and read ------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
values = st.dictionaries(st.text(max_size=5), json_values, max_size=3)


@given(st.dictionaries(keys, st.none() | values, max_size=10), st.integers(0, 300))
def test_whatever_is_packed_is_unpacked_whole_and_within_its_room(
    entries: dict[str, dict[str, object] | None], room: int
) -> None:
    backlog = Backlog()
    try:
        backlog.add(entries.items())
    except ValueError as error:
        assert "surrogates" in str(error)  # noqa: PT017 - the only reason there can be
        return
    body, pairs = backlog.pack(room)
    assert len(body) <= max(room, len("[]"))
    assert unpack(body) == pairs
    backlog.take(pairs)
    rest, others = backlog.pack(sys.maxsize)
    assert unpack(rest) == others
    assert [key for key, _ in pairs + others] == list(entries)


# --- ends of any kind -------------------------------------------------------------


def killed_victim(directory: Path, lines: int) -> dict[str, int]:
    """Kill a victim after so many lines; return the last number of every kind of promise."""
    promised = {"kept": 0, "noted": 0}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.edge.state_victim", str(directory), "work"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            kind, value = line.split()
            promised[kind.decode()] = int(value)
            if number == lines:
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return promised


def found_after(directory: Path) -> tuple[int, int]:
    """Return the numbers of the newest event and of the state; nothing else is there."""
    post = Posted()
    with closing(Journal.open(directory, encode=encode, post=post, limits=LIMITS)) as journal:
        kept = journal.kept()
        last = journal.last
        post.until(lambda: journal.committed == last)
        newest = journal.read(last - 1, 1)
    assert [each.body for each in newest] == [body_of(last)] * (last > 0)
    numbers = [int(str(value["number"])) for value in kept.values()]
    assert list(kept) == [key_of(number) for number in numbers]
    return last, max(numbers, default=0)


def test_events_and_state_of_a_killed_process_end_at_the_same_point(tmp_path: Path) -> None:
    chance = random.Random(10)  # noqa: S311 - moments to kill at, not secrets
    for _ in range(KILLS):
        promised = killed_victim(tmp_path, chance.randrange(1, 400))
        last, number = found_after(tmp_path)
        assert last >= promised["noted"]
        assert number >= promised["kept"]
        assert number in (last, last + 1)


def test_a_full_disk_loses_no_state_and_is_over_when_it_is_over(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.edge.state_victim", str(tmp_path), "full"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0
    assert found_after(tmp_path) == (501, 502)


Model = dict[str, dict[str, Any]]


class StateAndEnds(RuleBasedStateMachine):
    """Against a dictionary and a list, through restarts, kills and power cuts.

    `points` are what a power cut may leave: the events so far and the state there was, after
    each record. Of a kill only the last of them is left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = TemporaryDirectory(dir=FAST)
        self.lives = 0
        self.points: list[tuple[int, Model]] = [(0, {})]
        self.intruder: sqlite3.Connection | None = None
        self.desk = Desk(self._next_place(), SMALL)
        self._begin()

    def _next_place(self) -> Path:
        self.lives += 1
        place = Path(self.place.name) / str(self.lives)
        place.mkdir()
        return place

    def _begin(self) -> None:
        self.points = self.points[-1:]
        self.unsettled = 0  # bytes, about
        self.rings: list[bytes] = []
        self._look()

    def _look(self) -> None:
        """Remember the ring: of each of its pages any version may have got to the disk."""
        self.rings.append((self.desk.directory / "journal.ring").read_bytes())

    def _happened(self, events: int, model: Model, size: int) -> None:
        self.points.append((events, model))
        self.unsettled += size
        self._look()

    @precondition(lambda self: self.unsettled < LEAST_RING // 2)
    @rule(entries=st.lists(st.tuples(st.sampled_from("abcde"), st.none() | values), max_size=3))
    def keep(self, entries: list[tuple[str, dict[str, Any] | None]]) -> None:
        try:
            self.desk.journal.keep(entries)
        except ValueError:
            return
        events, model = self.points[-1]
        after = {
            key: value for key, value in (model | dict(entries)).items() if value is not None
        }
        self._happened(events, after, len(json.dumps(entries)) + 100)

    @precondition(lambda self: self.unsettled < LEAST_RING // 2)
    @rule(what=st.text(st.characters(codec="ascii"), max_size=20))
    def note(self, what: str) -> None:
        assert self.desk.journal.note(InternalError(what), NOW) is not None
        events, model = self.points[-1]
        self._happened(events + 1, model, 200)

    @precondition(lambda self: self.intruder is None)
    @rule()
    def settle(self) -> None:
        self.note("settled")
        self.desk.settle()
        self._look()
        self.unsettled = 0
        self._check(self.desk)

    @precondition(lambda self: self.intruder is None)
    @rule()
    def take_the_disk_away(self) -> None:
        self.intruder = hold_writer(self.desk).__enter__()

    @rule()
    def give_the_disk_back(self) -> None:
        if self.intruder is not None:
            self.intruder.close()
            self.intruder = None

    @rule()
    def restart(self) -> None:
        self.give_the_disk_back()
        self.desk.restart()
        self._check(self.desk)
        self._begin()

    @rule()
    def kill(self) -> None:
        """The process is gone; what it stored into the ring is in the page cache."""
        self._go_on_with(lambda ring: ring)
        self.points = self.points[-1:]
        self._check(self.desk)
        self._begin()

    @rule(data=st.data())
    def cut_the_power(self, data: st.DataObject) -> None:
        """Commits have lasted; each page of the ring is as it was at some time or other."""

        def some_version(ring: bytes) -> bytes:
            pages = range(0, len(ring), PAGE)
            which = data.draw(
                st.lists(st.sampled_from(self.rings), min_size=len(pages), max_size=len(pages))
            )
            return b"".join(
                version[at : at + PAGE] for at, version in zip(pages, which, strict=True)
            )

        self._go_on_with(some_version)
        found = self.desk.journal.last, self.desk.journal.kept()
        assert found in self.points
        self.points = [found]
        self._begin()

    def _go_on_with(self, of_ring: Callable[[bytes], bytes]) -> None:
        """Copy what an end leaves at this very moment, and open that."""
        intruder = self.intruder or hold_writer(self.desk).__enter__()
        place = self._next_place()
        for path in self.desk.directory.glob("journal.db*"):
            if path.suffix != ".db-shm":
                shutil.copy(path, place)
        (place / "journal.ring").write_bytes(
            of_ring((self.desk.directory / "journal.ring").read_bytes())
        )
        intruder.close()
        self.intruder = None
        self.desk.journal.close()
        self.desk = Desk(place, SMALL)
        assert not (place / "journal.ring.damaged").exists()

    def _check(self, desk: Desk) -> None:
        events, model = self.points[-1]
        desk.settle()
        assert desk.journal.last == events
        assert desk.journal.lost == 0
        assert desk.journal.kept() == model

    def teardown(self) -> None:
        self.restart()
        self.desk.journal.close()
        self.place.cleanup()


TestStateAndEnds = StateAndEnds.TestCase
TestStateAndEnds.settings = settings(stateful_step_count=15)  # each end opens files
