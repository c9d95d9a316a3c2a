"""Recordings on disk: bounded, for nobody else's eyes, and never in the way of a line."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.core.model import Moment
from gatewayd.edge import trace_file
from gatewayd.edge.trace_file import Recording, older, read_trace
from gatewayd.edge.trace_keys import LONGEST, read_trace_keys
from gatewayd.errors import ConfigError, StateError
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Keypad
from protocol.osdp.trace import LONGEST_LINE, Direction, Record, UnreadableRecord

NOON = datetime(2026, 11, 23, 12, 0, 0, 123_456, UTC)
POLL = Frame(1, 0, 0x60, b"").encode()
PIN = Frame(1, 0, 0x53, Keypad(0, b"13579").encode(), reply=True).encode()
KEY = "8f1d4ac2077eb93351e60bd4729cfa18"


class StillClock:
    """Always says the same."""

    def moment(self) -> Moment:
        return Moment(1.0, NOON)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces" / "north.osdpcap"


def recording(path: Path, *, unmasked: bool = False) -> Recording:
    return Recording(path, StillClock(), unmasked=unmasked)


def records(path: Path) -> list[Record]:
    return [each for _, each in read_trace(path) if isinstance(each, Record)]


# --- writing ------------------------------------------------------------------------------


def test_what_passes_is_recorded_with_its_time(path: Path) -> None:
    made = recording(path)
    made.tap(Direction.OUTPUT, b"\xff" + POLL)
    made.tap(Direction.INPUT, PIN)
    made.close()
    asked, answered = records(path)
    assert asked == Record(1_795_435_200_123_456_000, Direction.OUTPUT, POLL)
    assert (answered.direction, answered.masked) == (Direction.INPUT, True)
    assert (made.records, made.lost, made.trouble) == (2, 0, None)
    assert b"13579".hex(" ") not in path.read_text()


def test_unmasked_it_is_recorded_as_it_was(path: Path) -> None:
    made = recording(path, unmasked=True)
    made.tap(Direction.INPUT, PIN)
    made.close()
    assert [each.data for each in records(path)] == [PIN]


def test_nobody_else_may_read_it(path: Path) -> None:
    recording(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_file_before_is_kept_and_no_more(path: Path) -> None:
    for count in range(3):
        made = recording(path)
        for _ in range(count):
            made.tap(Direction.OUTPUT, POLL)
        made.close()
    assert (len(records(path)), len(records(older(path)))) == (2, 1)
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "north.older.osdpcap",
        "north.osdpcap",
    ]


def test_a_full_file_makes_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_file, "LARGEST", 400)
    made = recording(path)
    for _ in range(20):
        made.tap(Direction.OUTPUT, POLL)
        made.flush()
    made.close()
    for each in (path, older(path)):
        assert 0 < each.stat().st_size <= 400
        assert records(each)


def test_what_the_disk_is_too_slow_for_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "MOST_WAITING", 3)
    made = recording(path)
    for _ in range(5):
        made.tap(Direction.OUTPUT, POLL)
    made.close()
    assert (made.records, made.lost, len(records(path))) == (3, 2, 3)


def test_a_disk_that_fails_ends_the_recording(path: Path) -> None:
    made = recording(path)
    made._file.close()
    made._file = Path("/dev/full").open("wb")  # noqa: SIM115  closed below
    made.tap(Direction.OUTPUT, POLL)
    made.flush()
    assert "No space left" in str(made.trouble)
    made.tap(Direction.OUTPUT, POLL)
    made.close()
    assert made.records == 1


def test_after_the_end_nothing_is_written(path: Path) -> None:
    made = recording(path)
    made.close()
    made.tap(Direction.OUTPUT, POLL)
    made.close()
    assert made.trouble is not None
    assert records(path) == []


def test_a_fault_of_ours_stays_here(path: Path) -> None:
    made = recording(path)
    made.tap("sideways", POLL)  # type: ignore[arg-type]  # a fault
    assert made.trouble == "failed; see the log"
    made.close()


# --- reading ------------------------------------------------------------------------------


def test_lines_that_are_no_records_are_told_with_their_number(tmp_path: Path) -> None:
    good = Record(5, Direction.INPUT, POLL)
    path = tmp_path / "mixed"
    long = b"x" * (3 * LONGEST_LINE)
    lines = [good.encode().encode(), b"", b"rubbish", long, good.encode().encode()[:20]]
    path.write_bytes(b"\r\n".join(lines))
    read = list(read_trace(path))
    assert [(number, type(each)) for number, each in read] == [
        (1, Record),
        (3, UnreadableRecord),
        (4, UnreadableRecord),
        (5, UnreadableRecord),
    ]
    assert "longer than" in str(read[2][1])


def test_an_endless_line_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"x" * (LONGEST_LINE + 1))
    assert [number for number, _ in read_trace(path)] == [1]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="nowhere: No such file"):
        list(read_trace(tmp_path / "nowhere"))


# --- keys ---------------------------------------------------------------------------------


def keys(place: Path, text: str, mode: int = 0o600) -> dict[int, list[bytes]]:
    path = place / "keys"
    path.write_text(text)
    path.chmod(mode)
    return read_trace_keys(path)


def test_an_address_may_have_several_keys(tmp_path: Path) -> None:
    text = f"# of the annex\n\n3 {KEY}\r\n 3\t{'30' * 16}\n126 {KEY.upper()}"
    key = bytes.fromhex(KEY)
    assert keys(tmp_path, text) == {3: [key, b"0" * 16], 126: [key]}


def test_mistakes_are_named_without_a_word_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        keys(tmp_path, f"127 {KEY}\n{KEY} 3\n3 {KEY}\n3 {KEY}0\nüü\n")
    assert [each.key for each in caught.value.mistakes] == [
        "line 1",
        "line 2",
        "line 4",
        "line 5",
    ]
    assert KEY[:8] not in str(caught.value)


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="chmod 600"):
        keys(tmp_path, f"3 {KEY}", 0o640)
    with pytest.raises(StateError, match="longer"):
        keys(tmp_path, "#" * (LONGEST + 1))
