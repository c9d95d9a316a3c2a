"""Keys against a world that does what it likes.

A careful owner commissions a unit, gives it new keys, and keeps each key until another one is
proved. Power goes, answers are lost, lines break, windows are cancelled, in whatever order:

* a key never goes out in clear, nor to a unit outside its window or its open session;
* the default key is asked for inside a window only, and there nothing is polled or driven
  (both are checked by the line for every frame that is written);
* each window closes once, each command ends once;
* a mended line proves the unit with one of the keys its owner kept, without an alarm, but for
  one that its sessions end too often.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gatewayd.simulate.device import AfterKey, Device
from protocol.osdp.bus import (
    Alarm,
    Alarming,
    BaseKey,
    BusEvent,
    Delivered,
    Done,
    Ending,
    Identified,
    Priority,
    SetUp,
    SetUpFailed,
    WentOffline,
    WindowClosed,
)
from protocol.osdp.commands import KeyType, SetCommunication, SetKey
from protocol.osdp.losses import LOSSES_BOUND
from tests.simulate.line import Line

UNIT, NEIGHBOUR = 1, 2
WINDOW = 60.0  # seconds


def key(number: int) -> BaseKey:
    return BaseKey(f"key {number}", bytes.fromhex("8f1d4ac2077eb933") + number.to_bytes(8))


class Owner:
    """Keeps the keys of one unit as somebody does who must not lose it."""

    def __init__(self, line: Line, *keys: BaseKey) -> None:
        self._line = line
        self._made = len(keys)
        self.keys = keys
        self.ready: int | None = None  # the connection in the window that may be set up

    def another(self) -> BaseKey:
        self._made += 1
        return key(self._made)

    def keep(self, *keys: BaseKey) -> None:
        self.keys = keys
        self._line.bus.set_keys(UNIT, keys)

    def hear(self, event: BusEvent) -> None:
        match event:
            case Identified(address=1, proved=True, key=name):
                (proved,) = [each for each in self.keys if each.name == name]
                self.keep(proved)
            case SetUp():
                self.ready = event.connection
            case SetUpFailed() | WindowClosed():
                self.ready = None


class AnyKeys(RuleBasedStateMachine):
    """One unit that gets its keys, and a neighbour in clear."""

    @initialize(
        baud=st.sampled_from([0, 9600, 115_200]),
        after=st.sampled_from(AfterKey),
        given=st.booleans(),
    )
    def begin(self, baud: int, after: AfterKey, given: bool) -> None:  # noqa: FBT001 - drawn by name
        first = key(1)
        self.line = Line.with_units(2, baud=baud, keys={UNIT: first.content})
        self.owner = Owner(self.line, first)
        self.device: Device = self.line.device(UNIT)
        self.device.after_key = after
        if given:
            self.owner.keep(first)
        else:
            self.device.forget_key()
            self.owner.keep()
        self.up = True
        self.opened = self.closed = 0
        self.tags = 0
        self.until = 0.0  # when the window that is open closes
        self.ended: dict[int, Ending] = {}
        self.told: set[int] = set()  # connections told of and not ended
        self.line.on_event(self.owner.hear)
        self.line.on_event(self.check)
        self.line.run(1)

    def check(self, event: BusEvent) -> None:
        match event:
            case WindowClosed():
                self.closed += 1
                self.until = 0.0
                assert event.address == UNIT
                assert self.opened == self.closed
            case SetUp() | SetUpFailed():
                assert event.address == UNIT
                assert self.opened == self.closed + 1
            case Done():
                assert event.tag not in self.ended
                self.ended[event.tag] = event.outcome
            case Identified(address=1):
                assert event.proved == (event.fault is None) == (event.key is not None)
                self.told = {event.connection}
            case WentOffline(address=1):
                self.told.remove(event.connection)

    @invariant()
    def nobody_complains(self) -> None:
        if any(event.what is Alarm.SESSIONS_BROKEN for event in self.line.events(Alarming)):
            assert self.line.bus.counters(UNIT).resets > LOSSES_BOUND  # its power, mostly
        assert {event.what for event in self.line.events(Alarming)} <= {Alarm.SESSIONS_BROKEN}
        assert not self.device.complaints
        assert self.opened - self.closed == (self.line.commissioned is not None)

    @invariant()
    def some_key_fits(self) -> None:
        """Whatever is under way: the unit's key is among those its owner keeps."""
        held = [each.content for each in self.owner.keys]
        assert self.device.key is None or self.device.key in held

    # --- what its owner does ------------------------------------------------------------

    def tag(self) -> int:
        self.tags += 1
        return self.tags

    @rule(within=st.sampled_from([0.05, 1.0, 5.0, 30.0]))
    def the_key_is_changed(self, within: float) -> None:
        connection = self.line.connection(UNIT)
        if not connection or len(self.owner.keys) != 1:
            return
        new = self.owner.another()
        self.owner.keep(new, *self.owner.keys)
        assert self.line.bus.send(
            UNIT,
            SetKey(KeyType.SCBK, new.content),
            priority=Priority.ROUTINE,
            expires=self.line.now + within,
            tag=self.tag(),
            connection=connection,
        )

    @rule(seconds=st.sampled_from([0.5, 5.0, WINDOW]))
    def a_window_is_opened(self, seconds: float) -> None:
        was_open = self.line.commissioned is not None
        if self.line.commission(UNIT, seconds):
            self.opened += 1
            self.until = self.line.now + seconds
            assert self.up
            assert not was_open
        else:
            assert was_open or not self.up

    @rule()
    def the_window_is_cancelled(self) -> None:
        self.line.bus.end_commissioning(UNIT)
        self.line.run(0)

    @rule()
    @precondition(lambda self: self.owner.ready is not None)
    def the_first_key_is_given(self) -> None:
        assert self.owner.ready is not None
        new = self.owner.another()
        self.owner.keep(new, *self.owner.keys[:1])
        self.set_up(SetKey(KeyType.SCBK, new.content))

    @rule()
    @precondition(lambda self: self.owner.ready is not None)
    def the_speed_is_set(self) -> None:
        self.set_up(SetCommunication(UNIT, 9600))

    def set_up(self, command: SetKey | SetCommunication) -> None:
        ready, tag = self.owner.ready, self.tag()
        assert ready is not None
        if not self.line.bus.set_up(UNIT, command, tag=tag, connection=ready):
            self.tags -= 1

    @rule(address=st.sampled_from([UNIT, NEIGHBOUR]))
    def a_door_is_released(self, address: int) -> None:
        tag = self.tag()
        if not self.line.unlock(address, tag, within=2.0):
            self.tags -= 1

    @rule(again=st.booleans())
    def the_gate_is_closed(self, again: bool) -> None:  # noqa: FBT001 - drawn by name
        self.line.close_gate(UNIT, identify_again=again)
        self.line.run(0)

    # --- what happens to it -------------------------------------------------------------

    @rule(seconds=st.floats(0.001, 0.1))
    def a_moment_passes(self, seconds: float) -> None:
        self.line.run(seconds)

    @rule(seconds=st.floats(0.1, 10))
    def time_passes(self, seconds: float) -> None:
        self.line.run(seconds)

    @rule(commands=st.integers(1, 12))
    def some_commands_pass(self, commands: int) -> None:
        end = len(self.line.written) + commands
        self.line.run_until(lambda: len(self.line.written) >= end, 5)

    @rule()
    def its_power_fails_for_a_moment(self) -> None:
        self.device.cycle_power()

    @rule()
    def it_is_unplugged_or_back(self) -> None:
        self.line.place(UNIT).unplugged ^= True

    @rule()
    def it_hears_but_is_not_heard_or_again(self) -> None:
        self.line.place(UNIT).mute ^= True

    @rule(times=st.integers(1, 4))
    def its_answers_are_cut_in_half(self, times: int) -> None:
        self.line.place(UNIT).half = times

    @rule(times=st.integers(1, 5))
    def it_is_busy(self, times: int) -> None:
        self.device.busy = times

    @rule()
    def it_is_put_back_to_how_it_was_delivered(self) -> None:
        self.device.forget_key()

    @rule()
    def the_link_goes_or_comes(self) -> None:
        if self.up:
            self.line.bus.link_down(self.line.now)
        else:
            self.line.bus.link_up(self.line.now)
        self.up ^= True
        self.line.run(0)

    # --- and in the end -----------------------------------------------------------------

    def teardown(self) -> None:
        """Whatever happened, the unit can be reached again, and everything has had its end."""
        if not hasattr(self, "line"):
            return
        if not self.up:
            self.the_link_goes_or_comes()
        place = self.line.place(UNIT)
        place.unplugged = place.mute = False
        place.half = self.device.busy = 0
        if self.device.key is None and self.until > self.line.now + 25:
            self.line.run(20)
            taken = self.device.key is not None  # the key that was on its way
            assert taken or self.owner.ready is not None, "it can be set up in its window"
        self.the_window_is_cancelled()
        self.line.close_gate(UNIT, identify_again=True)
        self.line.run(20)
        if self.device.key is None:
            self.commission_it()
        (proved,) = self.owner.keys
        assert self.device.key == proved.content
        assert self.device.secure
        assert self.line.connection(UNIT)
        assert len(self.told) == 1
        assert self.opened == self.closed
        assert sorted(self.ended) == list(range(1, self.tags + 1))
        self.nobody_complains()

    def commission_it(self) -> None:
        self.a_window_is_opened(WINDOW)
        self.line.run(10)
        self.the_first_key_is_given()
        self.line.run(10)
        assert self.ended[self.tags] == Delivered()
        assert self.line.events(WindowClosed)[-1].done


TestAnyKeys = AnyKeys.TestCase
TestAnyKeys.settings = settings(stateful_step_count=40)
