"""A journal in a directory, and what its loop and a failing disk do to it."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatewayd.core.events import DoorOpened, Event, InternalError
from gatewayd.core.model import ClientId, DoorId, Moment, RequestId
from gatewayd.edge.journal import LONGEST_READ, Entry, Journal, Limits, Remembered
from tests.edge.posted import Posted

NOW = Moment(100.0, datetime(2030, 1, 1, tzinfo=UTC))
OPENED = DoorOpened(DoorId("lobby"))
SMALL = Limits(ring=4096, requests=5)


def encode(seq: int, event: Event, now: Moment) -> bytes:
    assert now == NOW
    if event == InternalError("unspeakable"):
        raise KeyError("no layout")
    return json.dumps({"seq": seq, "kind": event.KIND, **asdict(event)}).encode()


def decoded(entry: Entry) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(entry.body)
    assert body.pop("seq") == entry.seq
    return body


class Desk:
    """A journal in a directory, and the thread of its loop."""

    def __init__(self, directory: Path, limits: Limits = SMALL) -> None:
        self.directory = directory
        self.limits = limits
        self.post = Posted()
        self.journal = self._open()

    def _open(self) -> Journal:
        return Journal.open(self.directory, encode=encode, post=self.post, limits=self.limits)

    def restart(self) -> None:
        self.journal.close()
        self.journal = self._open()

    def restart_later(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Restart, with a change to the database while nobody has it open."""
        self.journal.close()
        with closing(sqlite3.connect(self.directory / "journal.db")) as database, database:
            change(database)
        self.journal = self._open()

    def note(self, count: int = 1, event: Event = OPENED) -> None:
        for _ in range(count):
            self.journal.note(event, NOW)

    def settle(self) -> None:
        self.post.until(lambda: self.journal.committed == self.journal.last)

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Everything committed, numbered without a hole."""
        self.settle()
        entries = self.journal.read(after, LONGEST_READ)
        if entries:
            first = entries[0].seq
            assert [entry.seq for entry in entries] == list(range(first, first + len(entries)))
        return [decoded(entry) for entry in entries]

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events()]

    def remember(self, request: str, client: str = "c") -> Remembered:
        answers: list[Remembered] = []
        self.journal.remember_request(RequestId(request), ClientId(client), 1, answers.append)
        self.post.until(lambda: bool(answers))
        (answer,) = answers
        return answer


def hold_writer(desk: Desk) -> closing[sqlite3.Connection]:
    """An intruder's lock: while it is held no transaction succeeds."""
    intruder = sqlite3.connect(desk.directory / "journal.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    return closing(intruder)
