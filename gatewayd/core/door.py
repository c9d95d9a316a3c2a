"""One door as it stands: what we ordered, what its inputs say, and what follows.

A `DoorState` knows neither controllers nor connections. It is told what was ordered and
how that ended, what its contact and exit button say, and how late it is; it returns the
events that this makes. Its rules:

* Inputs are levels, events are edges: the same level twice is nothing new.
* The first level after a part was out of sight is only where we start from. An exit
  button that is active then was not pressed. A door that is open then was not forced, as
  nobody saw it open; but from then on it must not stay open for too long, and if it was
  closed when it was lost from sight, that is told.
* A door opens unexpectedly, is forced, unless its mode is an open one, a release is under
  way or one has ended less than `GRACE` ago (the report of a contact takes its time).
* A release lasts as long as its cause says, and never ends one earlier that is running.
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
* An output that is seen off while the mode is an open one is told again a moment later, or at
  once if somebody wants to pass.
* Access taken or not is only said where it can be seen: the contact is there, and the
  door was closed when it was released. Who was let in is kept by its `passage`.
"""

import math
from datetime import datetime
from enum import Enum

from gatewayd.core.access.attempt import Decision
from gatewayd.core.events import (
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
from gatewayd.core.model import (
    ContactState,
    Door,
    DoorMode,
    Moment,
    OrderId,
    is_open_mode,
)
from gatewayd.core.passage import Passage

GRACE = 1.0  # seconds after a release in which an opening still belongs to it
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
        self.by = ""  # why, as in `DoorModeChanged`; empty: nothing ever ordered it
        self.until: datetime | None = None
        self.contact = ContactState.UNKNOWN
        self.contact_since: datetime | None = None
        self.locked: bool | None = None
        self.alarms: tuple[str, ...] = ()  # in ascending order
        self.wanted: bool | None = None
        self.held: bool | None = None
        self._rest: bool | None = None
        self._latching: OrderId | None = None
        self._complained = False  # that the lock does not follow
        self._releasing: dict[OrderId, float] = {}  # under way, and for how long
        self.passage = Passage(door.id)
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

    @property
    def releasing(self) -> bool:
        """Whether a release is on its way to the lock."""
        return bool(self._releasing)

    @property
    def releasing_or_released(self) -> bool:
        """Whether a release is on its way to the lock, or runs."""
        return self.releasing or Timer.RELOCK in self._due

    def release_seconds(self, asked: float, now: Moment) -> float:
        """Return for how long to release the lock, so that no release ends earlier by it."""
        running = self._due.get(Timer.RELOCK, now.mono) - now.mono
        return max(asked, math.ceil(running * 10) / 10, *self._releasing.values())

    def release_ordered(
        self, order: OrderId, seconds: float, grant: Decision | None
    ) -> list[Event]:
        """Expect that somebody opens the door."""
        self._releasing[order] = seconds
        return self.let_in(grant, seen=self.contact is ContactState.CLOSED)

    def let_in(self, grant: Decision | None, *, seen: bool = False) -> list[Event]:
        """Somebody may pass, with or without a release."""
        return list(self.passage.let_in(grant, seen=seen))

    def release_ended(
        self, order: OrderId, outcome: Outcome, detail: str, now: Moment
    ) -> list[Event]:
        """Take note of what the lock's controller made of it."""
        seconds = self._releasing.pop(order, self.door.release_seconds)
        if outcome in (Outcome.DELIVERED, Outcome.UNCONFIRMED):
            self._due[Timer.RELOCK] = now.mono + seconds
            self._due[Timer.WINDOW] = now.mono + seconds + GRACE
            self.locked = False if outcome is Outcome.DELIVERED else None
        elif not self._released():
            self.passage.drop()
        if outcome is Outcome.DELIVERED:
            return []
        return [ReleaseFailed(self.door.id, outcome, detail)]

    def forget(self, order: OrderId) -> None:
        """An order was never given after all."""
        if self._releasing.pop(order, None) is not None:
            self.passage.drop()
        if order == self._latching:
            self._latching = None

    # --- modes ------------------------------------------------------------------------

    def set_mode(
        self, mode: DoorMode, by: str, now: Moment, until: datetime | None = None
    ) -> list[Event]:
        """Wish for a mode, and say why if that is another reason than before."""
        before, was_open = (self.mode, self.by, self.until), self.stays_open
        self.mode, self.by, self.until = mode, by, until
        if self.wanted is not self.stays_open:
            self.wanted, self.held = self.stays_open, None
            self._due.pop(Timer.MODE, None)
        if self.stays_open:
            self.passage.out_of_sight()
            self._stop_open_timing()
            self._end_alarms()
            self._explained()
        elif was_open and self._opened:
            self._time_open(now)
        if before == (mode, by, until):
            return []
        return [DoorModeChanged(self.door.id, mode, by, until)]

    @property
    def stays_open(self) -> bool:
        """Whether the mode keeps the lock released."""
        return is_open_mode(self.mode)

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
            self._fell_shut(now)
        elif not self._released():
            self._rest = True
            if not self.stays_open and UNEXPLAINED not in self.alarms:
                self._due.setdefault(Timer.UNEXPLAINED, now.mono + self._longest_release)

    def _fell_shut(self, now: Moment) -> None:
        """A lock that was ordered on and is off is told again; somebody may want to leave."""
        if self.held:
            self.held = None
            self._due.setdefault(Timer.MODE, now.mono + TELL_AGAIN)

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
        door = self.door
        return max(door.release_seconds, door.extended_release_seconds) + GRACE

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
        else:
            self.passage.out_of_sight()
        return events

    def contact_lost(self, now: Moment) -> None:
        """The contact's controller is out of sight."""
        self._closed_when_lost |= self._opened is False
        self._opened = None
        self.passage.out_of_sight()
        self._stop_open_timing()
        if self.contact is not ContactState.UNKNOWN:
            self.contact, self.contact_since = ContactState.UNKNOWN, now.utc

    def _open(self, now: Moment) -> list[Event]:
        before, self._opened = self._opened, True
        if before:
            return []
        if not self.stays_open:
            self._time_open(now)
        if before is None:
            return self._found_open()
        self._told_open = True
        if not self._expected():
            self._alarm(FORCED)
            return [DoorForced(self.door.id)]
        return [DoorOpened(self.door.id), *self.passage.opened()]

    def _found_open(self) -> list[Event]:
        """Say so if it was closed when it was seen last, and is not to stand open."""
        before, self._closed_when_lost = self._closed_when_lost, False
        if not before or self.stays_open:
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

    def _released(self) -> bool:
        return self.releasing or Timer.WINDOW in self._due

    def _expected(self) -> bool:
        return self.stays_open or self._released()

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
                if not self.releasing:
                    return list(self.passage.given_up())
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
        grant = self.passage.grant
        end = now.mono + (self.door.open_seconds if grant is None else grant.open_seconds)
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
