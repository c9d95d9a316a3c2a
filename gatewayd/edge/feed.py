"""The journal on its way to `R/events`: in order, at least once, a window at a time.

Entries are read in a worker thread, `READ` at a time, and handed out one by one. The cursor
moves over entries that were acknowledged without a gap, so a new connection, or a broker
that refused one, gets everything after the last entry that is certainly there.

Nothing spins: a refused entry or an unreadable journal pauses the feed, longer each time,
and an empty journal is looked at again when it has committed something.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from gatewayd.edge.backoff import Backoff

READ = 500  # entries in one go
ENOUGH = READ // 2  # with fewer than that at hand, read on
FIRST_PAUSE = 1.0  # seconds
LONGEST_PAUSE = 60.0
NOBODY_LISTENS = 0x10  # PUBACK: taken, but there is no subscriber
FAILURE = 0x80  # PUBACK: from here on it was not taken

log = structlog.get_logger()


class Entry(Protocol):
    """One journal entry, as it goes out."""

    @property
    def seq(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class EventSource(Protocol):
    """What the feed wants of the journal."""

    @property
    def delivered(self) -> int:
        """The last entry that is certainly with the broker."""

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return committed entries in order. Called in a worker thread."""

    def set_delivered(self, seq: int) -> None:
        """Remember how far the broker has everything."""


@dataclass(slots=True)
class Sent:
    """An entry on its way."""

    seq: int
    run: int
    arrived: bool = False


class Feed:
    """Hands out what the broker does not have yet."""

    def __init__(
        self,
        source: EventSource,
        more: Callable[[], None],
        chance: Callable[[], float] = random.random,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._source = source
        self._more = more  # tells that `take` or `idle` may have changed
        self._backoff = Backoff(first_pause, LONGEST_PAUSE, chance)
        self._ready: deque[Entry] = deque()
        self._sent: deque[Sent] = deque()
        self._position = 0  # the last entry that was read
        self._run = 0  # what belongs to an earlier run is void
        self._running = False
        self._reading = False
        self._more_to_read = True  # as far as is known
        self._timer: asyncio.TimerHandle | None = None
        self.delivered_total = 0
        self.unheard_total = 0  # taken by the broker, but nobody listens
        self.trouble: str | None = None  # why it pauses

    def start(self) -> None:
        """Begin after the last entry that is certainly there."""
        self.stop()
        self._running = True
        self._position = self._source.delivered
        self._more_to_read = True
        self._read()

    def stop(self) -> None:
        """Forget what is on its way; nothing is handed out until `start`."""
        self._run += 1
        self._running = False
        self._ready.clear()
        self._sent.clear()
        if self._timer is not None:
            self._timer.cancel()

    def committed(self) -> None:
        """The journal has more."""
        self._more_to_read = True
        if self._running and len(self._ready) < ENOUGH:
            self._read()

    @property
    def idle(self) -> bool:
        """Whether the broker has everything that was committed."""
        waiting = self._ready or self._sent or self._reading or self._more_to_read
        return self._running and not waiting

    def take(self) -> tuple[Entry, Sent] | None:
        """Return the next entry and what to call `settle` with, or None."""
        if not self._ready:
            return None
        entry = self._ready.popleft()
        sent = Sent(entry.seq, self._run)
        self._sent.append(sent)
        if len(self._ready) < ENOUGH:
            self._read()
        return entry, sent

    def settle(self, sent: Sent, code: int) -> None:
        """The broker's word on an entry: an MQTT reason code."""
        if sent.run != self._run:
            return
        if code >= FAILURE:
            self._pause(f"the broker refuses events (reason code {code:#04x})")
            return
        self.unheard_total += code == NOBODY_LISTENS
        sent.arrived = True
        if sent is self._sent[0]:
            self._advance()

    def _advance(self) -> None:
        last = 0
        while self._sent and self._sent[0].arrived:
            last = self._sent.popleft().seq
            self.delivered_total += 1
        self._source.set_delivered(last)
        if self.trouble is not None:
            log.info("events_flow_again", after=self.trouble)
            self.trouble = None
            self._backoff.reset()

    def _read(self) -> None:
        if self._reading or not self._more_to_read:
            return
        self._reading, self._more_to_read = True, False
        reading = asyncio.get_running_loop().run_in_executor(
            None, self._source.read, self._position, READ
        )
        run = self._run
        reading.add_done_callback(lambda done: self._filled(run, done))

    def _filled(self, run: int, done: "asyncio.Future[Sequence[Entry]]") -> None:
        if done.cancelled():
            return
        self._reading = False
        error = done.exception()
        if run != self._run:
            if self._running:  # the new run has been waiting for the thread
                self._read()
            return
        if error is not None:
            self._pause(f"the journal cannot be read: {error}")
            return
        entries = done.result()
        if len(entries) == READ:
            self._more_to_read = True
        if entries:
            self._ready.extend(entries)
            self._position = entries[-1].seq
        elif self._more_to_read:
            self._read()
        self._more()

    def _pause(self, why: str) -> None:
        pause = self._backoff.next_pause()
        if why != self.trouble:
            log.warning("events_paused", why=why, seconds=round(pause, 1))
        self.trouble = why
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(pause, self.start)
