"""A process for tests to kill, or to take the disk from: `python -m tests.edge.victim`.

It notes events and changes people as fast as it can and says on its standard output
what it was promised: "noted <seq>", "saved <version>".
"""

import os
import resource
import sys
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from gatewayd.core.access.model import Credential, Holder
from gatewayd.core.access.people import PeopleChange
from gatewayd.core.events import DoorOpened, Event
from gatewayd.core.model import ClientId, DoorId, HolderId, Moment, RequestId
from gatewayd.edge.journal import Journal, Limits, Remembered
from gatewayd.edge.people_store import PeopleStore
from tests.edge.posted import Posted

NOW = Moment(0.0, datetime(2030, 1, 1, tzinfo=UTC))
EVENT = DoorOpened(DoorId("lobby"))
PEOPLE = "people"
LIMITS = Limits(ring=1 << 20)


def body_of(seq: int) -> bytes:
    """What event `seq` must read as: of every length, never twice the same."""
    return b"%d " % seq + blake2b(b"%d" % seq).digest() * (1 + seq % 5)


def encode(seq: int, event: Event, now: Moment) -> bytes:
    del now
    return body_of(seq) if event == EVENT else event.KIND.encode()


def card_of(version: int) -> Credential:
    """Whoever comes with a version has a card of that number."""
    return Credential(f"26:{version:08x}", HolderId(f"holder {version}"))


def change_to(version: int) -> PeopleChange:
    """Version n holds exactly n people."""
    card = card_of(version)
    holders = {card.holder: Holder(card.holder)}
    return PeopleChange(version - 1, version, holders, {card.key: card})


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


class Victim:
    """A journal and a store in one directory, driven by one thread."""

    def __init__(self, directory: Path) -> None:
        self.post = Posted()
        self.journal = Journal.open(directory, encode=encode, post=self.post, limits=LIMITS)
        self.store = PeopleStore.open(directory / PEOPLE, post=self.post)
        self.version = self.store.version
        self.saving = False
        self.failure: Exception | None = None

    def note(self) -> None:
        entry = self.journal.note(EVENT, NOW)
        if entry is not None:
            say(f"noted {entry.seq}")

    def save(self) -> None:
        if not self.saving:
            self.saving = True
            self.store.apply(change_to(self.version + 1), self.saved)

    def saved(self, why: Exception | None) -> None:
        self.saving, self.failure = False, why
        if why is None:
            self.version += 1
            say(f"saved {self.version}")

    def work(self) -> None:
        """Until somebody ends it."""
        while True:
            self.note()
            self.save()
            self.journal.set_delivered(self.journal.committed)
            self.post.all()

    def lose_the_disk(self) -> None:
        """No file may grow or be written for a while, as on a full disk; then all is well."""
        for _ in range(100):
            self.note()
        self.post.until(lambda: self.journal.committed == 100)
        _, hard = soft_hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        for _ in range(500):
            self.note()
        self.post.until(lambda: self.journal.trouble is not None)
        self.a_request_must_not_act()
        self.save()
        self.post.until(lambda: self.failure is not None)
        assert self.journal.committed == 100
        assert self.journal.lost == 0
        resource.setrlimit(resource.RLIMIT_FSIZE, soft_hard)
        self.post.until(lambda: self.journal.committed == 600 and self.journal.trouble is None)
        self.save()
        self.post.until(lambda: self.version == 1)
        self.journal.close()
        self.store.close()

    def a_request_must_not_act(self) -> None:
        answers: list[Remembered] = []
        self.journal.remember_request(RequestId("r"), ClientId("c"), 1, answers.append)
        self.post.until(lambda: bool(answers))
        assert answers == [Remembered.FAILED]


if __name__ == "__main__":
    victim = Victim(Path(sys.argv[1]))
    victim.lose_the_disk() if sys.argv[2] == "full" else victim.work()
