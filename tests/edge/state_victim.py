"""A process for tests to kill, or to take the disk from: `python -m tests.edge.state_victim`.

Before each event it keeps the event's number under a key, so the two can be compared after
any end: of events and state both are there up to the same point. It says on its standard
output what it was promised: "kept <number>", "noted <number>".
"""

import resource
import sys
from pathlib import Path

from gatewayd.edge.journal import Journal
from tests.edge.posted import Posted
from tests.edge.victim import EVENT, LIMITS, NOW, encode, say

KEYS = 7  # the number is kept under one of so many keys; the one before is forgotten


def key_of(number: int) -> str:
    return f"number/{number % KEYS}"


class Victim:
    """A journal, driven by one thread."""

    def __init__(self, directory: Path) -> None:
        self.post = Posted()
        self.journal = Journal.open(directory, encode=encode, post=self.post, limits=LIMITS)

    def keep(self) -> None:
        number = self.journal.last + 1
        forgotten = key_of(number - 1), None
        self.journal.keep([forgotten, (key_of(number), {"number": number})])
        say(f"kept {number}")

    def note(self) -> None:
        entry = self.journal.note(EVENT, NOW)
        assert entry is not None
        say(f"noted {entry.seq}")

    def work(self) -> None:
        """Until somebody ends it."""
        while True:
            self.keep()
            self.note()
            self.journal.set_delivered(self.journal.committed)
            if self.journal.last - self.journal.committed > 1000:
                self.settle()
            self.post.all()

    def settle(self) -> None:
        self.post.until(lambda: self.journal.committed == self.journal.last)

    def lose_the_disk(self) -> None:
        """No file may grow or be written for a while, as on a full disk; then all is well."""
        self.keep()
        self.note()
        self.settle()
        _, hard = soft_hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        for _ in range(500):
            self.keep()
            self.note()
        self.post.until(lambda: self.journal.trouble is not None)
        assert self.journal.committed == 1
        resource.setrlimit(resource.RLIMIT_FSIZE, soft_hard)
        self.post.until(lambda: self.journal.committed == 501 and self.journal.trouble is None)
        self.keep()
        self.journal.close()


if __name__ == "__main__":
    victim = Victim(Path(sys.argv[1]))
    victim.lose_the_disk() if sys.argv[2] == "full" else victim.work()
