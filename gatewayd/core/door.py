"""One door as it stands: what we ordered, what its inputs say, and what follows.

A `DoorState` knows neither controllers nor connections. It is told what was ordered and
how that ended, what its contact and exit button say, and how late it is; it returns the
events that this makes. Its rules:

* Inputs are levels, events are edges: the same level twice is nothing new.
* The first level after a part was out of sight is only where we start from. An exit
  button that is active then was not pressed. A door that is open then was not forced, as
  nobody saw it open; but from then on it must not stay open for too long, and if it was
  closed when it was lost from sight, that is told.
* A door opens unexpectedly, is forced, unless its mode is unlocked, a release is under way
  or one has ended less than `GRACE` ago (the report of a contact takes its time).
* A fault of the wiring is neither open nor closed nor a press. The door counts as open or
  closed as it did before, and a press must be seen to begin, from rest.
* A mode is a wish for a state of the lock's output (`wanted`); what the controller last
  confirmed is `held`. Where they differ, the order is given again.
* Every start begins with the mode that was ordered last. A door that was never ordered
  into one begins with LOCKED and with no wish at all: nothing moves by itself.
* What the lock's output does apart from releases is its `rest`: as last confirmed, or read
  while no release was under way. A release leaves it as it is, also if it is not known.
* An output that rests on while the mode is another is unexplained. It has a moment to fall
  back, as it may be a release of an earlier run; then there is an alarm, and a lock that
  was ordered off is told so again. The alarm lasts until the output is seen off.
* Access taken or not is only said where it can be seen: the contact is there, and the
  door was closed when it was released. The latest holder counts; one before it who is not
  through yet has not taken it. An exit or a request, having no name, takes nobody's place.
"""

import math
from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from gatewayd.core.events import (
    AccessNotTaken,
    AccessTaken,
    DoorClosed,
    DoorFault,
    DoorForced,
    DoorFoundOpen,
    DoorHeld,
    DoorModeChanged,
    DoorModeNotApplied,
    DoorOpened,
    DoorPreAlarm,
    DoorUnlockedUnexplained,
    Event,
    ReleaseFailed,
)
from gatewayd.core.facts import InputState, Outcome
from gatewayd.core.model import ContactState, Door, DoorMode, HolderId, Moment, OrderId

GRACE = 1.0  # seconds after a release in which an opening still belongs to it
RESTART = "restart"  # by whom a mode is that was ordered before the start
TELL_AGAIN = 5.0  # seconds until a lock that did not follow its door's mode is told again

FORCED, HELD_OPEN, PRE_ALARM = "forced", "held", "pre_alarm"
CONTACT_FAULT, EXIT_FAULT = "contact_fault", "exit_fault"
UNEXPLAINED = "unexplained_unlock"


class Timer(Enum):
    """What a door waits for; when two are due at once, in this order."""

    RELOCK = 1  # the strike falls back
    WINDOW = 2  # an opening does not belong to a release any more
    PRE_ALARM = 3
    HELD = 4
    MODE = 5  # tell the lock its mode again
    UNEXPLAINED = 6  # an output that is on is no release of an earlier run any more


class DoorState:
    """What is known of one door, and its timers."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.mode = DoorMode.LOCKED
        self.contact = ContactState.UNKNOWN
        self.contact_since: datetime | None = None
        self.locked: bool | None = None
        self.alarms: tuple[str, ...] = ()  # in ascending order
        self.wanted: bool | None = None
        self.held: bool | None = None
        self._rest: bool | None = None
        self._latching: OrderId | None = None
        self._complained = False  # that the lock does not follow
        self._releasing: set[OrderId] = set()
        self._awaited = False  # whether somebody was let in and is not through yet
        self._holder: HolderId | None = None
        self._opened: bool | None = None
        self._closed_when_lost = False
        self._told_open = False  # whether the newest event says so
        self._exit: InputState | None = None
        self._due: dict[Timer, float] = {}

    @property
    def deadline(self) -> float:
        """When `tick` is next needed, in monotonic seconds."""
        return min(self._due.values(), default=math.inf)

    # --- releases ---------------------------------------------------------------------

    def release_ordered(self, order: OrderId, holder: HolderId | None) -> list[Event]:
        """Expect that somebody opens the door."""
        self._releasing.add(order)
        events: list[Event] = []
        if self._opened is False:
            waiting = self._holder if self._awaited else None
            if waiting is not None and holder not in (None, waiting):
                events.append(AccessNotTaken(self.door.id, waiting))
            self._awaited, self._holder = True, holder or waiting
        return events

    def release_ended(
        self, order: OrderId, outcome: Outcome, detail: str, now: Moment
    ) -> list[Event]:
        """Take note of what the lock's controller made of it."""
        self._releasing.discard(order)
        if outcome in (Outcome.DELIVERED, Outcome.UNCONFIRMED):
            relock = now.mono + self.door.release_seconds
            self._due[Timer.RELOCK] = relock
            self._due[Timer.WINDOW] = now.mono + self._longest_release
            self.locked = False if outcome is Outcome.DELIVERED else None
        elif not self._released():
            self._awaited = False
        if outcome is Outcome.DELIVERED:
            return []
        return [ReleaseFailed(self.door.id, outcome, detail)]

    def forget(self, order: OrderId) -> None:
        """An order was never given after all."""
        self._releasing.discard(order)
        if order == self._latching:
            self._latching = None

    # --- modes ------------------------------------------------------------------------

    def set_mode(self, mode: DoorMode, by: str, now: Moment) -> list[Event]:
        """Wish for a mode. The lock must be told, even if it is the mode we have."""
        before, self.mode = self.mode, mode
        self.wanted, self.held = mode is DoorMode.UNLOCKED, None
        self._due.pop(Timer.MODE, None)
        if mode is DoorMode.UNLOCKED:
            self._awaited = False
            self._stop_open_timing()
            self._end_alarms()
            self._explained()
        elif before is DoorMode.UNLOCKED and self._opened:
            self._time_open(now)
        return [] if before is mode else [DoorModeChanged(self.door.id, mode, by)]

    def take_up(self, mode: DoorMode, now: Moment) -> list[Event]:
        """Go on with the mode that was ordered before the start, and say so."""
        self.set_mode(mode, RESTART, now)
        return [DoorModeChanged(self.door.id, mode, RESTART)]

    @property
    def must_tell_mode(self) -> bool:
        """Whether the lock has yet to be told what its output should be."""
        return (
            self.wanted is not None
            and self.wanted is not self.held
            and self._latching is None
            and Timer.MODE not in self._due
        )

    def latch_ordered(self, order: OrderId) -> None:
        """Wait for how this order ends; an earlier one does not matter any more."""
        self._latching = order
        self._due.pop(Timer.MODE, None)

    def latch_ended(
        self, order: OrderId, outcome: Outcome, detail: str, now: Moment, *, on: bool
    ) -> list[Event]:
        """Take note of what the lock's controller made of it."""
        if order == self._latching:
            self._latching = None
        if outcome is Outcome.DELIVERED:
            self._output_is(on=on)
            return []
        self.held = None
        if outcome is Outcome.UNCONFIRMED:
            self._rest = self.locked = None
        if self._latching is None:
            self._due[Timer.MODE] = now.mono + TELL_AGAIN
        if self._complained:
            return []
        self._complained = True
        return [DoorModeNotApplied(self.door.id, self.mode, outcome, detail)]

    # --- the lock's output ------------------------------------------------------------

    def output_read(self, now: Moment, *, on: bool) -> None:
        """The lock's controller says how its output is."""
        self.locked = not on
        if not on:
            self._rest = False
            self._explained()
        elif not self._released():
            self._rest = True
            if self.mode is not DoorMode.UNLOCKED and UNEXPLAINED not in self.alarms:
                self._due.setdefault(Timer.UNEXPLAINED, now.mono + self._longest_release)

    def lock_lost(self) -> None:
        """The lock's controller is out of sight."""
        self.locked = self.held = self._rest = None
        self._due.pop(Timer.RELOCK, None)
        self._due.pop(Timer.UNEXPLAINED, None)
        self._due.pop(Timer.MODE, None)

    def _output_is(self, *, on: bool) -> None:
        self.held, self.locked, self._complained = on, not on, False
        self._rest = on
        self._due.pop(Timer.RELOCK, None)
        if not on:
            self._explained()

    @property
    def _longest_release(self) -> float:
        return self.door.release_seconds + GRACE

    def _explained(self) -> None:
        """The output is off, or may be on."""
        self._due.pop(Timer.UNEXPLAINED, None)
        self._end(UNEXPLAINED)

    # --- the contact ------------------------------------------------------------------

    def contact_read(self, level: ContactState, now: Moment, what: str) -> list[Event]:
        """Take the contact's level: OPEN, CLOSED or FAULT; `what` is the matter then."""
        if level is self.contact:
            return []
        self.contact, self.contact_since = level, now.utc
        what = what if level is ContactState.FAULT else ""
        events = self._fault_is(CONTACT_FAULT, "contact", what)
        if level is ContactState.OPEN:
            events += self._open(now)
        elif level is ContactState.CLOSED:
            events += self._closed()
        return events

    def contact_lost(self, now: Moment) -> None:
        """The contact's controller is out of sight."""
        self._closed_when_lost |= self._opened is False
        self._opened = None
        self._awaited = False
        self._stop_open_timing()
        if self.contact is not ContactState.UNKNOWN:
            self.contact, self.contact_since = ContactState.UNKNOWN, now.utc

    def _open(self, now: Moment) -> list[Event]:
        before, self._opened = self._opened, True
        if before:
            return []
        if self.mode is not DoorMode.UNLOCKED:
            self._time_open(now)
        if before is None:
            return self._found_open()
        self._told_open = True
        if not self._expected():
            self._alarm(FORCED)
            return [DoorForced(self.door.id)]
        return [DoorOpened(self.door.id), *self._taken()]

    def _found_open(self) -> list[Event]:
        """Say so if it was closed when it was seen last, and is not to stand open."""
        before, self._closed_when_lost = self._closed_when_lost, False
        if not before or self.mode is DoorMode.UNLOCKED:
            return []
        self._told_open = True
        return [DoorFoundOpen(self.door.id)]

    def _closed(self) -> list[Event]:
        before, self._opened = self._opened, False
        self._closed_when_lost = False
        self._stop_open_timing(keep_alarm=True)
        ended = self._end_alarms()
        told, self._told_open = self._told_open, False
        return [DoorClosed(self.door.id, ended)] if before or told or ended else []

    def _taken(self) -> Iterable[Event]:
        if self._awaited:
            self._awaited = False
            yield AccessTaken(self.door.id, self._holder)

    def _released(self) -> bool:
        return bool(self._releasing) or Timer.WINDOW in self._due

    def _expected(self) -> bool:
        return self.mode is DoorMode.UNLOCKED or self._released()

    # --- the exit button --------------------------------------------------------------

    def exit_read(self, level: InputState) -> tuple[bool, list[Event]]:
        """Take the exit button's level, ACTIVE while pressed; say if a press begins."""
        before, self._exit = self._exit, level
        events = self._fault_is(EXIT_FAULT, "exit_button", level if level.faulty else "")
        return before is InputState.INACTIVE and level is InputState.ACTIVE, events

    def exit_lost(self) -> None:
        """The exit button's controller is out of sight."""
        self._exit = None

    # --- time -------------------------------------------------------------------------

    def tick(self, now: Moment) -> list[Event]:
        """Do what is due."""
        due = sorted((at, timer.value) for timer, at in self._due.items() if at <= now.mono)
        events: list[Event] = []
        for _, value in due:
            del self._due[Timer(value)]
        for _, value in due:
            events += self._ring(Timer(value))
        return events

    def _ring(self, timer: Timer) -> list[Event]:
        match timer:
            case Timer.RELOCK:
                self.locked = None if self._rest is None else not self._rest
            case Timer.WINDOW:
                if self._awaited and not self._releasing:
                    self._awaited = False
                    return [AccessNotTaken(self.door.id, self._holder)]
            case Timer.PRE_ALARM:
                self._alarm(PRE_ALARM)
                return [DoorPreAlarm(self.door.id)]
            case Timer.HELD:
                self._end(PRE_ALARM)
                self._alarm(HELD_OPEN)
                return [DoorHeld(self.door.id)]
            case Timer.UNEXPLAINED:
                self.held = None  # a lock that was ordered off is told so again
                self._alarm(UNEXPLAINED)
                return [DoorUnlockedUnexplained(self.door.id)]
            case _:  # Timer.MODE: from now on `must_tell_mode` holds
                pass
        return []

    def _time_open(self, now: Moment) -> None:
        if HELD_OPEN in self.alarms:
            return
        end = now.mono + self.door.open_seconds
        self._due[Timer.HELD] = end
        if self.door.prealarm_seconds > 0:
            self._due[Timer.PRE_ALARM] = max(now.mono, end - self.door.prealarm_seconds)

    def _stop_open_timing(self, *, keep_alarm: bool = False) -> None:
        self._due.pop(Timer.HELD, None)
        self._due.pop(Timer.PRE_ALARM, None)
        if not keep_alarm:
            self._end(PRE_ALARM)

    # --- alarms -----------------------------------------------------------------------

    def _alarm(self, alarm: str) -> None:
        self.alarms = tuple(sorted({*self.alarms, alarm}))

    def _end(self, *alarms: str) -> tuple[str, ...]:
        ended = tuple(each for each in self.alarms if each in alarms)
        if ended:
            self.alarms = tuple(each for each in self.alarms if each not in alarms)
        return ended

    def _end_alarms(self) -> tuple[str, ...]:
        return self._end(FORCED, HELD_OPEN, PRE_ALARM)

    def _fault_is(self, alarm: str, part: str, what: str) -> list[Event]:
        """`what` is the matter; empty: nothing is."""
        fault = bool(what)
        if fault is (alarm in self.alarms):
            return []
        if fault:
            self._alarm(alarm)
        else:
            self._end(alarm)
        return [DoorFault(self.door.id, fault, part, what)]
