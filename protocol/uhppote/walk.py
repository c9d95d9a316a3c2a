"""How the log of a board is read: every event once, in order, without a gap unnoticed.

A board numbers its events from 1 and keeps some 200,000; the oldest are overwritten. The walk
remembers the last one taken and asks for the next. What a board pushes, and what a status
says of the newest, are hints: an event counts once it was asked for by its number. An event
far ahead is asked for at once and announced, and read again when its turn comes.

Answers may come late, by up to `LATEST_ANSWER`, so whatever was heard tells how things were
at some time since then. Three rules follow:

* An event with the number asked for is true whenever it comes, as numbers are given once;
  so is "overwritten". "There is none" names no number: it proves something only after
  nothing else was asked for so long that it can be no other question's answer.
* A newest number below what was read is looked into only once that lies longer back. Then
  the last event is asked for again: if it is gone or another one, the board was reset or
  replaced, and a new epoch begins, after a pause in which late answers of the old one die.
* The oldest event is no answer before the one before it was found to be gone.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf

from protocol.uhppote.happenings import (
    Announced,
    BoardEvent,
    EventRead,
    EventsLost,
    NewEpoch,
    Why,
)
from protocol.uhppote.status import OLDEST, Event, EventType, GetEvent

LATEST_ANSWER = 5.0  # seconds after the question; later ones do not exist
PAUSE = 0.5  # seconds until what cannot be yet is asked again
HINTS_BOUND = 16  # the oldest go; the walk comes by anyway
ANNOUNCED_BOUND = 64  # then nothing is announced until the walk has caught up


@dataclass(frozen=True, slots=True)
class Cursor:
    """What was read last; `event` recognises the board's history, None if unknown."""

    epoch: int
    index: int
    event: Event | None = None


class Start(Enum):
    """Where to begin with a board never met before."""

    NOW = "with what happens from now on"
    OLDEST = "with the oldest event it has"


@dataclass(slots=True)
class WalkCounters:
    """What was heard and not taken."""

    hints: int = 0
    replayed: int = 0  # hints at what was read or announced
    false_hints: int = 0  # there is no such event
    stale: int = 0  # a number of the newest that was overtaken, or made up
    lost: int = 0  # events overwritten unread


class Walk:
    """Which event to ask for next, and what follows from the answer."""

    def __init__(
        self, emit: Callable[[BoardEvent], None], cursor: Cursor | None, start: Start
    ) -> None:
        self.counters = WalkCounters()
        self._emit = emit
        self._start = start
        self._known = cursor is not None
        self.cursor = cursor or Cursor(0, 0)
        self._newest = 0  # by the latest status
        self._behind_since = inf  # all along, the board has said that there is more
        self._advanced_at = -inf
        self._not_before = -inf
        self._checking = False  # whether the last event is still the same
        self._seeking = False  # the oldest event, because the next one is gone
        self._oldest: int | None = None  # said to be it; what comes before must be gone
        self._alone_since = inf  # nothing else was asked, and there was none
        self._skips_unread = False  # what is gone before the first one read was never ours
        self._hints: deque[int] = deque(maxlen=HINTS_BOUND)
        self._announced: set[int] = set()
        self._hint_last = False

    # --- asking ---------------------------------------------------------------------------

    def next_at(self) -> float:
        """When there is something to ask: a time, or infinity."""
        return self._not_before if self._question() is not None else inf

    def question(self, now: float) -> GetEvent | None:
        """Return what to ask now, if anything."""
        return None if now < self._not_before else self._question()

    def _question(self) -> GetEvent | None:
        if self._checking:
            return GetEvent(self.cursor.index)
        if self._oldest is not None:
            return GetEvent(self._oldest - 1)
        if self._hints and not (self._hint_last and self._behind()):
            return GetEvent(self._hints[0])
        if self._seeking:
            return GetEvent(OLDEST)
        return GetEvent(self.cursor.index + 1) if self._behind() else None

    def _behind(self) -> bool:
        return self.cursor.index < self._newest

    # --- hearing --------------------------------------------------------------------------

    def reconnected(self) -> None:
        """Somebody answers again: is it the same board, with the same history?"""
        self._checking = self.cursor.index > 0

    def hint(self, index: int) -> None:
        """Somebody says that this event happened."""
        self.counters.hints += 1
        if index <= self.cursor.index or index in self._announced:
            self.counters.replayed += 1
        elif index not in self._hints:
            self._hints.append(index)

    def newest(self, index: int, now: float) -> None:
        """The board was asked, and says that this is the newest."""
        if not self._known:
            self._known = True
            self._newest = index
            self._begin(index if self._start is Start.NOW else 0, Why.FIRST_CONTACT)
            return
        if index >= self.cursor.index:
            self._newest = index
        elif now - self._advanced_at > LATEST_ANSWER:
            self._checking = True
        else:
            self.counters.stale += 1
        if not self._behind():
            self._behind_since = inf
        elif self._behind_since == inf:
            self._behind_since = now

    def take(self, asked: int, event: Event, now: float) -> None:
        """An event, or none, is the answer to a question of ours."""
        there = event.index == asked and event.type != EventType.OVERWRITTEN
        self._hint_last = asked in self._hints
        if there:
            self._alone_since = inf
        if self._checking and asked == self.cursor.index:
            self._checked(event, now, there=there)
        elif asked == OLDEST:
            self._found_oldest(event, now)
        elif self._oldest is not None and asked == self._oldest - 1:
            self._proved_oldest(event, now, there=there)
        elif asked == self.cursor.index + 1:
            self._step(event, now, there=there)
        else:
            self._confirm(event, asked, there=there)

    def _step(self, event: Event, now: float, *, there: bool) -> None:
        hinted = self._forget_hint(self.cursor.index + 1)
        if there:
            self._read(event, now)
        elif event.type == EventType.OVERWRITTEN:
            self._seeking = True
        elif not self._behind():
            self.counters.false_hints += hinted
        elif now - self._behind_since > LATEST_ANSWER:
            self._seeking = True
        else:
            self._not_before = now + PAUSE

    def _read(self, event: Event, now: float) -> None:
        index = event.index
        self.cursor = Cursor(self.cursor.epoch, index, event)
        self._advanced_at = now
        self._behind_since = now if self._behind() else inf
        self._seeking = False
        self._skips_unread = False
        announced = index in self._announced
        self._announced.discard(index)
        self._forget_hint(index)
        self._emit(EventRead(self.cursor.epoch, event, announced))

    def _confirm(self, event: Event, asked: int, *, there: bool) -> None:
        self._forget_hint(asked)
        if not there:
            self.counters.false_hints += 1
        elif len(self._announced) < ANNOUNCED_BOUND:
            self._announced.add(asked)
            self._newest = max(self._newest, asked)
            self._emit(Announced(self.cursor.epoch, event))

    def _forget_hint(self, index: int) -> bool:
        if index not in self._hints:
            return False
        self._hints.remove(index)
        return True

    # --- what is gone ---------------------------------------------------------------------

    def _found_oldest(self, event: Event, now: float) -> None:
        """Somebody says which is the oldest; it may be an answer to something else."""
        following = self.cursor.index + 1
        if event.type == EventType.OVERWRITTEN:
            return  # which the oldest is not
        if event.index == following:
            self._read(event, now)
        else:  # or an older one: then the next is missing among others
            self._oldest = max(event.index, following + 1)

    def _proved_oldest(self, event: Event, now: float, *, there: bool) -> None:
        assert self._oldest is not None
        gone = self._oldest - 1
        if not there and not self._is_gone(event, now):
            return
        self._oldest = None
        self._seeking = False
        if not there:
            self._skip_to(gone, event if event.index == gone else None)
        elif gone == self.cursor.index + 1:
            self._read(event, now)

    def _is_gone(self, event: Event, now: float) -> bool:
        """Whether an answer proves that the event asked for is not there."""
        if event.type == EventType.OVERWRITTEN:
            return True
        if self._alone_since == inf:
            self._alone_since = now
        gone = now - self._alone_since > LATEST_ANSWER
        if gone:
            self._alone_since = inf
        else:
            self._not_before = now + PAUSE
        return gone

    def _skip_to(self, last: int, overwritten: Event | None) -> None:
        first = self.cursor.index + 1
        self.cursor = Cursor(self.cursor.epoch, last, overwritten)
        self._announced = {index for index in self._announced if index > last}
        for index in [index for index in self._hints if index <= last]:
            self._hints.remove(index)
        if not self._skips_unread:
            self.counters.lost += last - first + 1
            self._emit(EventsLost(self.cursor.epoch, first, last))

    # --- another history ------------------------------------------------------------------

    def _checked(self, event: Event, now: float, *, there: bool) -> None:
        if there and self.cursor.event in (None, event):
            self.cursor = Cursor(self.cursor.epoch, event.index, event)
            self._checking = False
        elif there:
            self._restart(Why.REPLACED, now)
        elif event.type == EventType.OVERWRITTEN:
            self._checking = False
        elif self._is_gone(event, now):
            self._restart(Why.RESET, now)

    def _restart(self, why: Why, now: float) -> None:
        self._not_before = now + LATEST_ANSWER
        self._newest = 0
        self._behind_since = inf
        self._begin(0, why)

    def _begin(self, last: int, why: Why) -> None:
        self.cursor = Cursor(self.cursor.epoch + 1, last)
        self._checking = last > 0  # what is it? So that it is known again
        self._seeking = False
        self._oldest = None
        self._alone_since = inf
        self._skips_unread = True
        self._hints.clear()
        self._announced.clear()
        self._emit(NewEpoch(self.cursor.epoch, last, why))
