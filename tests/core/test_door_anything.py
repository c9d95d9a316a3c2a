"""One door against a world that does what it likes, beside a simple account of it."""

import math
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatewayd.core.access.attempt import Decision
from gatewayd.core.access.reasons import Reason
from gatewayd.core.door import GRACE, DoorState
from gatewayd.core.events import (
    AccessNotTaken,
    AccessTaken,
    DoorClosed,
    DoorFault,
    DoorForced,
    DoorFoundOpen,
    DoorHeld,
    DoorOpened,
    DoorPreAlarm,
    Event,
    ReleaseFailed,
)
from gatewayd.core.facts import InputState, Outcome
from gatewayd.core.model import (
    ContactState,
    DoorMode,
    HolderId,
    Moment,
    OrderId,
    is_open_mode,
)
from tests.core.site import ANNA, BORIS, IN, LOBBY, LOBBY_DOOR, NOON

MAY_HAVE_MOVED = Outcome.DELIVERED, Outcome.UNCONFIRMED
GRANT = Decision(LOBBY, IN, Reason.GRANTED, credential="1", open_seconds=30.0)
LEVELS = st.sampled_from([ContactState.OPEN, ContactState.CLOSED, ContactState.FAULT])


class AnyDoor(RuleBasedStateMachine):
    """The account: until when an opening is expected, what was seen and what was told."""

    def __init__(self) -> None:
        super().__init__()
        self.door = DoorState(LOBBY_DOOR)
        self.mono = 0.0
        self.numbers = 0
        self.under_way: list[OrderId] = []
        self.expected_until = -math.inf
        self.seen: ContactState | None = None  # the newest level that was no fault
        self.closed_when_lost = False
        self.told_open = False
        self.awaited = 0
        self.let_in = self.passed = 0  # with a name
        self.last_exit: InputState | None = None
        self.latches: list[tuple[OrderId, bool]] = []

    @property
    def now(self) -> Moment:
        return Moment(self.mono, NOON + timedelta(seconds=self.mono))

    def hear(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case DoorOpened() | DoorForced() | DoorFoundOpen():
                    assert not self.told_open
                    self.told_open = True
                case DoorClosed(ended=ended):
                    assert self.told_open or ended or self.seen is not None
                    self.told_open = False
                case AccessTaken() | AccessNotTaken():
                    self.awaited -= 1
                    assert self.awaited >= 0
                case DoorHeld() | DoorPreAlarm():
                    assert self.seen is ContactState.OPEN
                    assert not self.door.stays_open
                case _:
                    pass

    @rule(seconds=st.sampled_from([0.01, 0.5, 1, 4.9, 5, 6, 20, 31]))
    def time_passes(self, seconds: float) -> None:
        self.mono += seconds
        self.hear(self.door.tick(self.now))

    @rule(holder=st.sampled_from([ANNA, BORIS, None]))
    def somebody_is_let_in(self, holder: HolderId | None) -> None:
        self.numbers += 1
        order = OrderId(self.numbers)
        seconds = self.door.release_seconds(5.0, self.now)
        assert seconds == 5.0
        self.under_way.append(order)
        self.awaited += 1
        grant = None if holder is None else GRANT._replace(holder=holder)
        self.let_in += grant is not None
        self.hear(self.door.release_ordered(order, seconds, grant))
        self.nobody_passes_twice()

    @rule(holder=st.sampled_from([ANNA, BORIS]))
    def somebody_passes_an_open_mode(self, holder: HolderId) -> None:
        if self.door.stays_open:
            self.nobody_passes_twice()
            self.let_in += 1
            before = self.passed
            assert self.door.let_in(GRANT._replace(holder=holder)) == []
            self.nobody_passes_twice()
            assert self.passed == before + 1

    def nobody_passes_twice(self) -> None:
        self.passed += len(self.door.passage.take_passed())
        assert self.passed <= self.let_in

    @rule(outcome=st.sampled_from(Outcome), newest=st.booleans())
    def an_order_ends(self, outcome: Outcome, *, newest: bool) -> None:
        if not self.under_way:
            return
        order = self.under_way.pop(-1 if newest else 0)
        events = self.door.release_ended(order, outcome, "", self.now)
        assert bool(events) == (outcome is not Outcome.DELIVERED)
        assert all(isinstance(event, ReleaseFailed) for event in events)
        if outcome in MAY_HAVE_MOVED:
            self.expected_until = self.mono + LOBBY_DOOR.release_seconds + GRACE

    @rule(level=LEVELS)
    def the_contact_says(self, level: ContactState) -> None:
        self.hear(self.door.tick(self.now))
        before, told = self.seen, self.told_open
        expected = bool(
            self.under_way or self.mono < self.expected_until or self.door.stays_open
        )
        unseen_before = self.closed_when_lost
        if level is not ContactState.FAULT:
            self.seen, self.closed_when_lost = level, False
        events = self.door.contact_read(level, self.now, "cut")
        kinds = {type(event) for event in events} - {DoorFault}
        if level is ContactState.OPEN and before is None:
            unseen = unseen_before and not self.door.stays_open
            assert kinds == ({DoorFoundOpen} if unseen else set())
        elif level is ContactState.OPEN and before is ContactState.CLOSED:
            assert kinds & {DoorOpened, DoorForced} == {DoorOpened if expected else DoorForced}
        elif level is ContactState.CLOSED and (told or before is ContactState.OPEN):
            assert kinds == {DoorClosed}
        else:
            assert kinds <= {DoorClosed}  # an alarm that outlasted an outage
        self.hear(events)

    @rule()
    def the_contact_is_lost(self) -> None:
        self.door.contact_lost(self.now)
        self.closed_when_lost |= self.seen is ContactState.CLOSED
        self.seen = None

    @rule(level=st.sampled_from(InputState))
    def the_exit_button_says(self, level: InputState) -> None:
        pressed, events = self.door.exit_read(level)
        assert pressed == (self.last_exit is InputState.INACTIVE and level is InputState.ACTIVE)
        self.last_exit = level
        self.hear(events)

    @rule()
    def the_exit_button_is_lost(self) -> None:
        self.door.exit_lost()
        self.last_exit = None

    @rule(mode=st.sampled_from(DoorMode))
    def somebody_sets_a_mode(self, mode: DoorMode) -> None:
        changed = (mode, "test") != (self.door.mode, self.door.by)
        wanted = self.door.wanted
        assert len(self.door.set_mode(mode, "test", self.now)) == changed
        assert self.door.wanted is is_open_mode(mode)
        if self.door.wanted is not wanted:
            assert self.door.must_tell_mode or self.latches

    @rule()
    def the_mode_is_told(self) -> None:
        if self.door.must_tell_mode:
            self.numbers += 1
            order = OrderId(self.numbers)
            self.latches.append((order, self.door.stays_open))
            self.door.latch_ordered(order)
            assert not self.door.must_tell_mode

    @rule(outcome=st.sampled_from(Outcome))
    def a_latch_ends(self, outcome: Outcome) -> None:
        if self.latches:
            order, on = self.latches.pop(0)
            self.door.latch_ended(order, outcome, "", self.now, on=on)

    @rule(on=st.booleans())
    def the_output_is_read(self, *, on: bool) -> None:
        self.door.output_read(self.now, on=on)
        assert self.door.locked is not on

    @rule()
    def the_lock_is_lost(self) -> None:
        self.door.lock_lost()
        assert self.door.locked is None

    @invariant()
    def alarms_are_in_order(self) -> None:
        assert list(self.door.alarms) == sorted(set(self.door.alarms))
        masked = {"forced", "held", "pre_alarm"} & set(self.door.alarms)
        assert not (masked and self.door.stays_open)

    @invariant()
    def an_unlocked_door_is_no_alarm(self) -> None:
        assert not self.door.stays_open or not self.flagged

    @property
    def flagged(self) -> bool:
        return "unexplained_unlock" in self.door.alarms

    @invariant()
    def time_that_is_over_is_over(self) -> None:
        self.hear(self.door.tick(self.now))
        assert self.door.deadline > self.mono

    def teardown(self) -> None:
        """In the end nobody is waited for."""
        for order in self.under_way:
            self.hear(self.door.release_ended(order, Outcome.EXPIRED, "", self.now))
        self.time_passes(60)
        self.time_passes(60)
        self.nobody_passes_twice()
        assert self.door.passage.grant is None
        assert not self.door.passage.awaited


TestAnyDoor = AnyDoor.TestCase
