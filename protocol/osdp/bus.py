"""One line and the peripherals on it, without the line.

A Bus never reads, writes, waits or looks at a clock. Whoever owns the wire calls:

    link_up(now), link_down(now)    the port or socket came or went
    outgoing(now)                   what to write, perhaps nothing; after every other call
    receive(data, now)              what was read, or b"" once `deadline` has come
    next_event()                    what it meant, until None
    deadline                        when to call `receive` at the latest

Time is any number of seconds that only rises. One command is on the wire at a time.

**Who is next** is for `turns`, what is said then for `conversation`.

**When.** Our frame needs its characters' time; then the answer must begin within
`REPLY_TIMEOUT`, in a handshake within `PROOF_TIMEOUT`. While one is coming in the window
grows with every byte, never beyond what the longest frame needs. One that comes later is
taken all the same as long as its command is pending. Before we speak the line has been idle
for two characters, unless these are shorter than `SHORTEST_WAIT`: no event loop waits so
briefly, and what it takes to get here is longer. A command whose last character would leave
at or after its `expires` is not sent.
"""

from collections import deque
from collections.abc import Iterable
from math import inf

from protocol.message import Message
from protocol.osdp.commands import SetCommunication, SetKey
from protocol.osdp.commissioning import Window
from protocol.osdp.conversation import PROBE_INTERVAL
from protocol.osdp.counters import Counters
from protocol.osdp.frame import LONGEST, Frame, FrameReader
from protocol.osdp.gate import Open
from protocol.osdp.happenings import (
    Alarm,
    Alarming,
    Answers,
    BusEvent,
    Delivered,
    Done,
    Dropped,
    Ending,
    Expired,
    Identified,
    Refused,
    Replied,
    SetUp,
    SetUpFailed,
    Unreadable,
    WentOffline,
    WentSilent,
    WindowClosed,
)
from protocol.osdp.introduction import Chance
from protocol.osdp.orders import AHEAD, POLLING, Order, Priority
from protocol.osdp.peripheral import Peripheral
from protocol.osdp.secure_keys import BaseKey
from protocol.osdp.settings import PeripheralSettings
from protocol.osdp.turns import (
    PROBE_PATIENCE,
    PROBE_SHARE,
    REPLY_TIMEOUT,
    SHORTEST_WINDOW,
    Turns,
)

INTER_CHARACTER = 0.15  # nominal 20 ms (5.8), which kills good frames on batching transports
LONGEST_ARRIVAL = 0.3  # seconds for one answer over a transport of unknown speed
SHORTEST_WAIT = 0.001
IDLE_CHARACTERS = 2  # before we speak (5.7)
NOISE_PATIENCE = 0.05  # seconds we wait for a line that will not be quiet
LINE_DOWN = "the line is down"


class Bus(Turns):
    """The panel's side of one line."""

    def __init__(
        self,
        peripherals: Iterable[PeripheralSettings],
        *,
        character_time: float = 0.0,
        chance: Chance | None = None,
    ) -> None:
        """`character_time`: seconds a character takes on the wire, 0 where that is unknown.

        `chance`: returns so many bytes that nobody could guess. Raises ValueError if it is
        missing and a peripheral is secure.
        """
        self._events: deque[BusEvent] = deque()
        units = [Peripheral(each, self._events.append, chance) for each in peripherals]
        super().__init__(units, character_time)
        idle = IDLE_CHARACTERS * character_time
        self._idle = idle if idle >= SHORTEST_WAIT else 0.0
        self._reader = FrameReader()
        self._dropped_before = 0
        self._bad_before = 0
        self._up = False
        self._now = 0.0
        self._wake = inf
        self._commissioned: Peripheral | None = None  # whose window is open, or was
        self._spoke_at = 0.0
        self._limit = 0.0  # the exchange in flight ends then, whatever arrives
        self._quiet_at = 0.0
        self._noisy_since: float | None = None

    @property
    def deadline(self) -> float:
        """When to call `receive` at the latest, infinity if never. Valid after `outgoing`."""
        return min(self._wake, self._alarm)

    def next_event(self) -> BusEvent | None:
        """Return the oldest event not yet taken."""
        return self._events.popleft() if self._events else None

    def counters(self, address: int) -> Counters:
        """Return a copy of one peripheral's counters."""
        return self._peripherals[address].counters.copy()

    # --- the link ---------------------------------------------------------------------

    def link_up(self, now: float) -> None:
        """The line can be written to. Everybody is asked who they are."""
        if self._up:
            self.link_down(now)
        self._up = True
        self._now = self._wake = now
        self._doubtful = list(self._peripherals.values())
        for each in self._doubtful:
            each.due = now - PROBE_PATIENCE  # nobody waits for a gap at the start
            each.full_from = now

    def link_down(self, now: float) -> None:
        """The line is gone: every command ends, every connection, every gate closes."""
        self._up = False
        self._now = now
        self._flight = None
        self._commissioned = None
        self._wake = self._alarm = inf
        self._turns.clear()
        self._doubtful.clear()
        self._ordered.clear()
        self._forget()
        for each in self._peripherals.values():
            each.placed = None
            each.silent = True
            each.close_window(LINE_DOWN, now)
            each.end_connection(LINE_DOWN, now)

    # --- what the owner wants ---------------------------------------------------------

    def send(  # noqa: PLR0913 - a command and the five things that hang on it, all by name
        self,
        address: int,
        command: Message,
        *,
        priority: Priority,
        expires: float,
        tag: int,
        connection: int,
    ) -> bool:
        """Queue a command; if True is returned it ends in exactly one `Done(tag)`.

        False: the gate is not open for this connection, nobody has this address, or
        `QUEUE_BOUND` commands wait already. Raises UnsendableMessage; also for a key that is
        not to be told inside a session, or is none of those in `set_keys`.
        """
        peripheral = self._peripherals.get(address)
        if peripheral is None or peripheral.gate != Open(connection):
            return False
        order = self._order(command, priority, expires, tag)
        if not peripheral.queue(order):
            return False
        self._expect(peripheral, order)
        return True

    def _order(self, command: Message, priority: Priority, expires: float, tag: int) -> Order:
        self._serial += 1
        return Order(priority, self._serial, expires, tag, command, command.encode())

    def _expect(self, peripheral: Peripheral, order: Order) -> None:
        """It has a command; take care of it."""
        self._ordered[peripheral.address] = peripheral
        self._alarm = min(self._alarm, order.expires)
        self._look_again()

    def open_gate(self, address: int, connection: int) -> bool:
        """Let everything through to one unit, as it introduced itself for `connection`.

        False, and nothing happens, if that connection is over or was never told of, or if
        the unit is secure and no session stands.
        """
        peripheral = self._peripherals.get(address)
        if peripheral is None or not peripheral.open(connection, self._now):
            return False
        self._settle(peripheral)
        self._look_again()
        return True

    def close_gate(self, address: int, *, identify_again: bool) -> None:
        """Ask this unit for nothing but its identity from now on.

        `identify_again`: read it anew, which ends in `Identified` with a new connection.
        While a unit is commissioned its gate is closed already, and nothing happens.
        """
        peripheral = self._peripherals[address]
        in_flight = peripheral is self._flight
        peripheral.close(self._now, identify_again=identify_again, in_flight=in_flight)
        if self._up:
            self._settle(peripheral)
            self._look_again()

    # --- keys -------------------------------------------------------------------------

    def set_keys(self, address: int, keys: tuple[BaseKey, ...]) -> None:
        """Try these keys in the handshakes begun from now on; a standing session stays.

        With none at all it ends: nobody is believed whose key was forgotten. Raises
        ValueError for more than `MOST_KEYS`.
        """
        peripheral = self._peripherals[address]
        peripheral.set_keys(keys, self._now)
        if self._up:
            self._settle(peripheral)
            self._look_again()

    def commission(self, address: int, until: float) -> bool:
        """Open the commissioning window of one secure peripheral, until then.

        Its connection ends, and the window in exactly one `WindowClosed`, after at most
        `LONGEST_WINDOW`. False, and nothing happens, if the line is down, nobody secure has
        this address, or a window is open.
        """
        peripheral = self._peripherals.get(address)
        if peripheral is None or not self._up or self._commissioning is not None:
            return False
        window = peripheral.commission(until, self._now)
        if window is None:
            return False
        self._commissioned = peripheral
        self._alarm = min(self._alarm, window.until)
        self._settle(peripheral)
        self._look_again()
        return True

    def set_up(
        self, address: int, command: SetKey | SetCommunication, *, tag: int, connection: int
    ) -> bool:
        """Queue a command for the unit in its window; ends in exactly one `Done(tag)`.

        False, and nothing happens, if that is not the connection of the last `SetUp`, or if
        `QUEUE_BOUND` commands wait already. Raises UnsendableMessage for a key that is none of
        those in `set_keys`: nobody would try it afterwards.
        """
        peripheral, window = self._commissioned, self._commissioning
        if peripheral is None or window is None or peripheral.address != address:
            return False
        if not window.ready or window.ready != connection:
            return False
        order = self._order(command, Priority.ROUTINE, window.until, tag)
        if not peripheral.set_up(order):
            return False
        self._expect(peripheral, order)
        return True

    def end_commissioning(self, address: int) -> None:
        """Close the window of this unit, if it has one."""
        peripheral = self._commissioned
        if peripheral is not None and peripheral.address == address and peripheral.window:
            self._close_window("it was cancelled", self._now)
            self._look_again()

    @property
    def _commissioning(self) -> Window | None:
        return None if self._commissioned is None else self._commissioned.window

    def _close_window(self, why: str, now: float) -> None:
        assert self._commissioned is not None
        self._commissioned.close_window(why, now)
        self._settle(self._commissioned)
        self._commissioned = None

    # --- the wire ---------------------------------------------------------------------

    def outgoing(self, now: float) -> bytes:
        """Return the next frame to write, its mark character first, or nothing yet."""
        self._now = now
        if now >= self._alarm:
            self._sweep(now)
        if self._flight is not None or not self._up:
            return b""
        if now < self._quiet_at and self._wait_for_quiet(now):
            return b""
        self._noisy_since = None
        while (choice := self._choose(now)) is not None:
            peripheral, order = choice
            if wire := self._speak(peripheral, now, order=order):
                return wire
        self._wake = self._next_moment(now)
        return b""

    def receive(self, data: bytes, now: float) -> None:
        """Take what was read; nothing at all means that the deadline has come."""
        self._now = now
        if data and self._up:
            self._take(data, now)
        if self._flight is not None and now >= self._wake:
            self._silence(self._flight, now)
        if now >= self._alarm:
            self._sweep(now)

    def _speak(self, peripheral: Peripheral, now: float, *, order: bool) -> bytes:
        wire = peripheral.speak(now, self._character_time, order=order)
        if not wire:
            self._settle(peripheral)
            return b""
        self._forget()
        self._flight = peripheral
        self._spoke_at = now
        ended = now + len(wire) * self._character_time
        self._wake = ended + self._listen(peripheral, now)
        self._limit = max(self._wake, ended + REPLY_TIMEOUT) + self._longest_arrival()
        if peripheral.silent and now >= peripheral.full_from:
            peripheral.full_from = now + self._full_window_interval()
        return wire

    def _longest_arrival(self) -> float:
        return LONGEST * self._character_time or LONGEST_ARRIVAL

    def _take(self, data: bytes, now: float) -> None:
        if self._idle:
            self._quiet_at = now + self._idle
        for frame in self._reader.feed(data):
            self._hear(frame, now)
        if self._reader.dropped != self._dropped_before:
            self._count_noise()
        if self._flight is not None and self._reader.pending:
            growing = min(now + INTER_CHARACTER, self._limit)
            self._wake = max(self._wake, growing)

    def _hear(self, frame: Frame, now: float) -> None:
        if not frame.reply:
            return  # an echo of our own, or another panel
        peripheral = self._flight
        if peripheral is None or frame.address != peripheral.address:
            self._hear_late(frame, now)
        elif self._heard_out(peripheral, frame, now):
            self._flight = None
            self._wake = now
            self._settle(peripheral)

    def _heard_out(self, peripheral: Peripheral, frame: Frame, now: float) -> bool:
        alone = peripheral.doubtful and not self._turns and self._was_dead(now)
        over = peripheral.hear(frame, now)
        if alone and not peripheral.doubtful:
            self._hurry(now)
        return over

    def _hear_late(self, frame: Frame, now: float) -> None:
        """Its window is over, but what it answers may be pending still."""
        peripheral = self._peripherals.get(frame.address)
        if peripheral is None:
            return
        if peripheral.pending is None:
            peripheral.counters.stragglers += 1
        elif peripheral.hear(frame, now):
            self._settle(peripheral)
            self._look_again()

    def _silence(self, peripheral: Peripheral, now: float) -> None:
        self._forget()
        self._flight = None
        self._wake = self._missed_at = now
        was_silent = peripheral.silent
        if was_silent:
            self._probe_from = now + PROBE_SHARE * min(now - self._spoke_at, SHORTEST_WINDOW)
        peripheral.missed(now)
        if peripheral.silent and not was_silent:  # it just had several whole windows
            peripheral.full_from = now + self._full_window_interval()
        self._settle(peripheral)

    def _wait_for_quiet(self, now: float) -> bool:
        if self._noisy_since is None:
            self._noisy_since = now
        self._wake = self._quiet_at
        return now < self._noisy_since + NOISE_PATIENCE

    def _count_noise(self) -> None:
        """Bytes that were no frame are put down to whoever was to speak."""
        dropped, bad = self._reader.dropped, self._reader.bad_checks
        if self._flight is not None:
            counters = self._flight.counters
            counters.dropped_bytes += dropped - self._dropped_before
            counters.bad_checks += bad - self._bad_before
        self._dropped_before, self._bad_before = dropped, bad

    def _forget(self) -> None:
        """Half a frame from before must not swallow the answer to come."""
        if self._reader.pending:
            self._reader.forget()
            self._count_noise()

    # --- what ends by itself ----------------------------------------------------------

    def _look_again(self) -> None:
        if self._flight is None:
            self._wake = self._now

    def _sweep(self, now: float) -> None:
        """End what ends by itself: commands and a window by time, connections by silence."""
        self._alarm = inf
        for each in list(self._ordered.values()):
            in_flight = each is self._flight
            each.expire(now, in_flight=in_flight)
            self._alarm = min(self._alarm, each.next_expiry(in_flight=in_flight))
            self._settle(each)
        for each in self._doubtful:
            if each is self._flight or not each.connected:
                continue
            if now >= each.offline_at:
                each.end_connection("no valid message for 8 s", now)
            else:
                self._alarm = min(self._alarm, each.offline_at)
        if self._commissioning is not None:
            if now >= self._commissioning.until:
                self._close_window("its time is over", now)
            else:
                self._alarm = min(self._alarm, self._commissioning.until)


__all__ = [
    "AHEAD",
    "POLLING",
    "PROBE_INTERVAL",
    "REPLY_TIMEOUT",
    "Alarm",
    "Alarming",
    "Answers",
    "BaseKey",
    "Bus",
    "BusEvent",
    "Counters",
    "Delivered",
    "Done",
    "Dropped",
    "Ending",
    "Expired",
    "Identified",
    "PeripheralSettings",
    "Priority",
    "Refused",
    "Replied",
    "SetUp",
    "SetUpFailed",
    "Unreadable",
    "WentOffline",
    "WentSilent",
    "WindowClosed",
]
