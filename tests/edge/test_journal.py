"""The journal keeps every event, in order, without holes, across starts."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from gatewayd.core.events import InternalError
from gatewayd.core.model import ClientId, RequestId
from gatewayd.edge.database import set_aside
from gatewayd.edge.journal import LONGEST_READ, Entry, Limits, Remembered
from gatewayd.edge.ring import LONGEST, Ring
from gatewayd.errors import DamagedState, StateError
from tests.edge.journal_desk import NOW, OPENED, Desk, hold_writer
from tests.edge.posted import FAST


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.journal.close()


# --- noting -----------------------------------------------------------------------


def test_events_are_numbered_from_one_and_read_as_they_were_laid_out(desk: Desk) -> None:
    first = desk.journal.note(OPENED, NOW)
    second = desk.journal.note(OPENED, NOW)
    assert first is not None
    assert second is not None
    assert (first.seq, second.seq, desk.journal.last) == (1, 2, 2)
    desk.settle()
    assert desk.journal.read(0, 10) == [first, second]
    assert desk.journal.read(1, 10) == [second]
    assert desk.journal.read(0, 1) == [first]


def test_whoever_waits_for_a_commit_is_told(desk: Desk) -> None:
    told: list[int] = []
    desk.journal.on_commit = lambda: told.append(desk.journal.committed)
    desk.note(3)
    desk.settle()
    assert told[-1] == 3


def test_every_entry_is_told_the_moment_it_is_kept(desk: Desk) -> None:
    told: list[Entry] = []
    desk.journal.on_note = told.append
    desk.note(2)
    assert [entry.seq for entry in told] == [1, 2]


def test_numbers_go_on_after_a_restart(desk: Desk) -> None:
    desk.note(2)
    desk.restart()
    assert (desk.journal.last, desk.journal.committed) == (2, 2)
    desk.note()
    assert len(desk.events()) == 3


def test_what_cannot_be_laid_out_gets_no_number_and_is_told_of(desk: Desk) -> None:
    assert desk.journal.note(InternalError("unspeakable"), NOW) is None
    desk.note()
    lost, opened = desk.events()
    assert (lost["kind"], lost["count"]) == ("events.lost", 1)
    assert lost["why"] == "gateway.error cannot be laid out: KeyError"
    assert opened["kind"] == "door.opened"
    assert desk.journal.lost == 1


def test_what_is_too_long_gets_no_number_and_is_told_of(desk: Desk) -> None:
    desk.note(event=InternalError("x" * LONGEST))
    (lost,) = desk.events()
    assert lost["why"].startswith("gateway.error has ")


def test_what_finds_no_room_is_counted_and_told_of_in_its_place(desk: Desk) -> None:
    with hold_writer(desk):
        while desk.journal.note(OPENED, NOW):
            pass
        kept = desk.journal.last
        desk.note(9)
        assert (desk.journal.last, desk.journal.lost) == (kept, 10)
    desk.post.until(lambda: desk.journal.committed > kept)
    desk.note()
    events = desk.events(after=kept)
    assert [event["kind"] for event in events] == ["events.lost", "door.opened"]
    assert events[0]["count"] == 10


def test_the_queue_to_the_disk_is_bounded(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(ring=1 << 16, waiting=10))
    with hold_writer(desk):
        desk.note(30)
        assert desk.journal.lost > 0
    desk.post.until(lambda: desk.journal.committed >= 10)
    assert "events.lost" in desk.kinds()
    desk.journal.close()


def test_a_failing_disk_is_told_and_nothing_is_lost(desk: Desk) -> None:
    told: list[str | None] = []
    desk.journal.on_trouble = told.append
    with hold_writer(desk):
        desk.note(3)
        desk.post.until(lambda: bool(told))
        desk.note(3)
        assert desk.journal.trouble is not None
        assert "journal.db: database is locked" in desk.journal.trouble
    desk.post.until(lambda: told[-1] is None)
    assert desk.journal.trouble is None
    assert len(desk.events()) == 6


def test_what_the_disk_did_not_take_before_the_end_is_there_after_it(desk: Desk) -> None:
    with hold_writer(desk):
        desk.note(3)
        desk.journal.close()
    desk.restart()
    assert desk.journal.last == 3
    assert desk.kinds() == ["door.opened"] * 3


# --- recovery ---------------------------------------------------------------------


def test_a_machine_that_went_down_leaves_a_possible_gap(desk: Desk) -> None:
    desk.note()
    desk.restart_later(lambda db: db.execute("UPDATE run SET clean = 0, boot = 'another'"))
    desk.note()
    assert desk.kinds() == ["door.opened", "journal.gap_possible", "door.opened"]


@pytest.mark.parametrize("run", ["clean = 0", "boot = 'another'"])
def test_a_killed_process_and_an_orderly_restart_leave_no_gap(desk: Desk, run: str) -> None:
    desk.note()
    desk.restart_later(lambda db: db.execute(f"UPDATE run SET {run}"))  # noqa: S608 - two constants
    desk.note()
    assert desk.kinds() == ["door.opened", "door.opened"]


def test_a_damaged_ring_is_kept_aside_and_told_of(desk: Desk) -> None:
    desk.note()
    desk.journal.close()
    (desk.directory / "journal.ring").write_bytes(bytes(9000))
    desk.restart()
    desk.note()
    assert desk.kinds() == ["door.opened", "journal.gap_possible", "door.opened"]
    assert (desk.directory / "journal.ring.damaged").read_bytes() == bytes(9000)


def test_a_ring_newer_than_its_database_is_kept_aside_and_told_of(desk: Desk) -> None:
    desk.note(2)
    desk.journal.close()
    ring = Ring.open(desk.directory / "journal.ring")
    ring.reset(50)
    ring.append(50, b"from the future")
    ring.close()
    desk.restart()
    desk.note()
    events = desk.events(after=2)
    assert [event["kind"] for event in events] == ["journal.gap_possible", "door.opened"]
    assert "ends at 2, the ring of events begins at 50" in events[0]["why"]


def test_a_lost_database_begins_anew(desk: Desk) -> None:
    desk.note(2)
    desk.settle()
    desk.journal.close()
    set_aside(desk.directory / "journal.db")
    desk.restart()
    desk.note()
    assert len(desk.events()) == 1


def test_a_lost_database_gets_back_what_the_ring_still_holds(desk: Desk) -> None:
    desk.note(2)
    desk.journal.close()  # committed, but nobody has told the ring yet
    set_aside(desk.directory / "journal.db")
    desk.restart()
    assert len(desk.events()) == 2


def test_a_database_of_a_newer_version_is_refused_by_name(desk: Desk) -> None:
    with pytest.raises(StateError, match=r"journal\.db was written by a newer gatewayd"):
        desk.restart_later(lambda db: db.execute("PRAGMA user_version = 99"))


def test_a_database_of_another_program_is_refused(desk: Desk) -> None:
    with pytest.raises(StateError, match="another program"):
        desk.restart_later(lambda db: db.execute("PRAGMA application_id = 1"))


def test_a_damaged_database_is_refused_by_name_and_left_as_it_is(desk: Desk) -> None:
    desk.note(20)
    desk.settle()
    desk.journal.close()
    path = desk.directory / "journal.db"
    damaged = path.read_bytes()[:4096] + b"\xff" * 4096 * 3
    path.write_bytes(damaged)
    with pytest.raises(DamagedState, match=r"journal\.db is damaged .* Restore a backup"):
        desk.restart()
    assert path.read_bytes() == damaged
    aside = set_aside(path)
    assert aside.read_bytes() == damaged
    desk.restart()


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"dear diary " * 1000)
    with pytest.raises(DamagedState, match=r"journal\.db is damaged"):
        Desk(tmp_path)


def test_a_directory_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(StateError, match=r"journal\.db"):
        Desk(tmp_path)


# --- delivering -------------------------------------------------------------------


def test_the_cursor_moves_forward_only_and_survives(desk: Desk) -> None:
    desk.note(5)
    desk.journal.set_delivered(4)
    desk.journal.set_delivered(2)
    assert desk.journal.delivered == 4
    desk.restart()
    assert desk.journal.delivered == 4


def test_the_cursor_is_durable_within_a_moment_without_a_commit(desk: Desk) -> None:
    desk.note(5)
    desk.settle()
    desk.journal.set_delivered(5)
    with closing(sqlite3.connect(desk.directory / "journal.db")) as other:
        desk.post.until(lambda: other.execute("SELECT seq FROM cursor").fetchall() == [(5,)])


def test_an_event_that_does_not_exist_cannot_be_delivered(desk: Desk) -> None:
    with pytest.raises(ValueError, match="event 1 does not exist"):
        desk.journal.set_delivered(1)


def test_delivered_events_go_when_there_are_too_many(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(events=10))
    for _ in range(10):
        desk.note(5)
        desk.settle()
        desk.journal.set_delivered(desk.journal.last)
    assert [entry.seq for entry in desk.journal.read(0, 100)] == list(range(41, 51))
    assert desk.journal.lost == 0
    desk.journal.close()


def test_undelivered_events_that_must_go_are_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(events=10))
    desk.note(30)
    desk.post.until(lambda: desk.journal.lost > 0 and desk.journal.committed > 30)
    events = desk.events()
    assert len(events) <= 10
    assert sum(event.get("count", 0) for event in events) == desk.journal.lost
    assert desk.journal.last - len(events) == desk.journal.lost == desk.journal.delivered
    desk.journal.close()


def test_many_events_can_be_read_while_others_are_written(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits())
    desk.note(1000)
    desk.settle()
    seen: list[int] = []

    def read_all() -> None:
        while len(seen) < 3000:
            entries = desk.journal.read(seen[-1] if seen else 0, 100)
            seen.extend(entry.seq for entry in entries)

    reader = threading.Thread(target=read_all)
    reader.start()
    desk.note(2000)
    desk.settle()
    reader.join(20)
    assert seen == list(range(1, 3001))
    desk.journal.close()


def test_the_wal_is_held_down_while_somebody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.edge.writer.LONGEST_WAL", 1 << 20)
    desk = Desk(tmp_path, Limits())
    desk.note()
    desk.settle()
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            desk.journal.read(0, 1000)

    readers = [threading.Thread(target=read_on) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(30):
        desk.note(100, InternalError("x" * 2000))
        desk.settle()
    stop.set()
    for reader in readers:
        reader.join(20)
    assert (tmp_path / "journal.db-wal").stat().st_size < 6 << 20
    desk.journal.close()


# --- requests ---------------------------------------------------------------------


def test_a_request_is_new_once_per_client(desk: Desk) -> None:
    assert desk.remember("r") is Remembered.NEW
    assert desk.remember("r") is Remembered.DUPLICATE
    assert desk.remember("r", client="another") is Remembered.NEW
    desk.restart()
    assert desk.remember("r") is Remembered.DUPLICATE


def test_a_request_without_an_end_is_found_by_the_next_start(desk: Desk) -> None:
    for request in ("open", "done"):
        desk.remember(request)
    desk.journal.finish_request(RequestId("done"), ClientId("c"))
    desk.restart()
    assert [
        (each.request, each.client, each.seq) for each in desk.journal.unfinished_requests()
    ] == [("open", "c", 1)]
    desk.journal.finish_request(RequestId("open"), ClientId("c"))
    desk.restart()
    assert desk.journal.unfinished_requests() == ()


def test_only_the_newest_requests_are_remembered(desk: Desk) -> None:
    for number in range(6):
        assert desk.remember(f"r{number}") is Remembered.NEW
    assert desk.remember("r1") is Remembered.DUPLICATE
    assert desk.remember("r0") is Remembered.NEW


def test_a_request_that_cannot_be_written_must_not_act(desk: Desk) -> None:
    with hold_writer(desk):
        assert desk.remember("r") is Remembered.FAILED
    assert desk.remember("r") is Remembered.NEW


def test_a_request_that_finds_the_queue_full_must_not_act(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(waiting=0))
    assert desk.remember("r") is Remembered.FAILED
    desk.journal.close()


def test_closing_twice_is_closing_once(desk: Desk) -> None:
    desk.journal.close()
    desk.journal.close()
    with pytest.raises(StateError, match=r"journal\.db"):
        desk.journal.read(0, 1)


# --- anything, in any order -------------------------------------------------------


class JournalMachine(RuleBasedStateMachine):
    """Against a list: what was noted is there, whole and in order, after any restart."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory(dir=FAST)
        self.desk = Desk(Path(self.directory.name), Limits(ring=1 << 16))
        self.noted: list[Entry] = []
        self.delivered = 0

    @rule(what=st.text(max_size=50), count=st.integers(1, 20))
    def note(self, what: str, count: int) -> None:
        for _ in range(count):
            entry = self.desk.journal.note(InternalError(what), NOW)
            assert entry is not None
            self.noted.append(entry)

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        seq = data.draw(st.integers(0, len(self.noted)))
        self.desk.journal.set_delivered(seq)
        self.delivered = max(self.delivered, seq)

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @rule()
    def read(self) -> None:
        self.desk.settle()
        assert self.desk.journal.read(0, LONGEST_READ) == self.noted[:LONGEST_READ]
        assert self.desk.journal.last == len(self.noted)
        assert self.desk.journal.delivered == self.delivered

    def teardown(self) -> None:
        self.read()
        self.desk.journal.close()
        self.directory.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(stateful_step_count=15)  # each restart opens files
