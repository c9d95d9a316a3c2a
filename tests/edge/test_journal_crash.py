"""What was promised is kept: by a killed process, and while the disk is full."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from gatewayd.edge.journal import Journal
from gatewayd.edge.people_store import PeopleStore
from tests.edge.posted import Posted
from tests.edge.victim import LIMITS, PEOPLE, body_of, card_of, encode

KILLS = 20
ROOT = Path(__file__).parents[2]


def victim(directory: Path, what: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.edge.victim", str(directory), what],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )


def promises_until_killed(directory: Path, lines: int) -> dict[str, int]:
    """Kill a victim after so many lines; return the last number of every kind of promise."""
    promised = {"noted": 0, "saved": 0}
    with victim(directory, "work") as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            kind, value = line.split()
            promised[kind.decode()] = int(value)
            if number == lines:
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return promised


def check_journal(directory: Path, promised: int, delivered: int) -> tuple[int, int]:
    """Every promised event is there, whole; no hole. Return the last and the delivered."""
    post = Posted()
    journal = Journal.open(directory, encode=encode, post=post, limits=LIMITS)
    post.until(lambda: journal.committed == journal.last)
    assert journal.last >= promised
    assert journal.delivered >= delivered
    expected = 1
    while entries := journal.read(expected - 1, 1000):
        for entry in entries:
            assert (entry.seq, entry.body) == (expected, body_of(expected))
            expected += 1
    assert expected == journal.last + 1
    journal.close()
    return journal.last, journal.delivered


def check_people(directory: Path, promised: int) -> None:
    """A whole version, not older than the last that was promised."""
    store = PeopleStore.open(directory / PEOPLE, post=Posted())
    version, held = store.version, sorted(store.view.credentials())
    store.close()
    assert version >= promised
    assert held == [card_of(each) for each in range(1, version + 1)]


def test_a_killed_process_keeps_every_promise_twenty_times(tmp_path: Path) -> None:
    chance = random.Random(20)  # noqa: S311 - moments to kill at, not secrets
    last = saved = delivered = 0
    for _ in range(KILLS):
        promised = promises_until_killed(tmp_path, chance.randrange(400))
        last, delivered = check_journal(tmp_path, max(last, promised["noted"]), delivered)
        saved = max(saved, promised["saved"])
        check_people(tmp_path, saved)


def test_a_full_disk_loses_nothing_and_is_over_when_it_is_over(tmp_path: Path) -> None:
    with victim(tmp_path, "full") as process:
        assert process.wait(60) == 0
    assert check_journal(tmp_path, 600, 0) == (600, 0)
    check_people(tmp_path, 1)
