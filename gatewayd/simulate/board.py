"""A UHPPOTE board in memory: bytes and the time go in, bytes come out.

It does what real boards are known to do, also where other simulators do not: it heeds dates,
profiles and tasks, knows directions, keeps 200,000 events, says granted cards are of type 1,
marks its pushed events 0x19 as firmware 6.62, and stays silent about what it does not
understand. With the host in control it denies every card (reason 5) and leaves the door to
the host, for as long as it hears one message in 30 s; then its own list decides.

Nothing was compared with hardware. Where the papers are silent the milder guess was taken,
and is an option here.

    board = SimulatedBoard(Store(serial, identity_of(serial, address)))
    replies = board.answer(raw, now)
    board.swipe(Swipe(1, 8165538), now)
    for address, raw in board.pushes(now): ...
"""

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address

from gatewayd.simulate.board_answers import ANSWERS
from gatewayd.simulate.board_clock import BoardClock, came_due, moment_of
from gatewayd.simulate.board_decision import (
    Memory,
    Swipe,
    decide,
    interlocked,
    mode_of,
)
from gatewayd.simulate.board_store import Store
from gatewayd.simulate.board_tasks import perform
from protocol.errors import ProtocolError
from protocol.uhppote.doors import DoorMode
from protocol.uhppote.extensions import Capability, decode_extended_request
from protocol.uhppote.frame import EVERY_BOARD, MARK, ODD_MARK, Frame
from protocol.uhppote.message import Reply, Request
from protocol.uhppote.settings import Identify
from protocol.uhppote.status import Direction, Event, EventType, Reason, Status
from protocol.uhppote.values import FourFlags

HOST_SILENCE = 30.0  # seconds without a message; then the board decides by itself
PUSHES_BOUND = 1_000  # waiting to be sent; the oldest go
HISTORY_BOUND = 10_000
CLOCK_LOST = 1  # as an error in the status
ODD_VERSION = "6.62"

BUTTON_CARD, OPENED_CARD, CLOSED_CARD, PASSCODE_CARD = 1, 8, 9, 10  # where no card was shown


@dataclass(frozen=True, slots=True)
class Pulse:
    """A lock was opened for a time, once."""

    door: int
    at: float
    seconds: int
    reason: Reason


@dataclass(slots=True)
class Options:
    """What differs from board to board, or is not known."""

    capabilities: Capability = Capability.NONE
    host_asked_about: str = "all cards"  # or "stored cards": others are unknown (18) at once
    junk: bytes = b""  # what lies at 56 to 61 of every answer, as on real boards


def happened(
    door: int,
    card: int,
    reason: Reason,
    direction: Direction = Direction.IN,
    *,
    granted: bool = True,
) -> Event:
    """Return what happened at a door without a card; `card` tells the source."""
    return Event(0, EventType.DOOR, granted, door, direction, card, None, reason)


class SimulatedBoard:
    """One board with up to four doors."""

    def __init__(self, store: Store, options: Options | None = None) -> None:
        self.store = store
        self.options = options or Options()
        self.clock = BoardClock()
        self.memory = Memory()
        self.powered = True
        self.fire = False
        self.forced_lock = False
        self.special = 0  # the key pressed last
        self.pulses: deque[Pulse] = deque(maxlen=HISTORY_BOUND)
        self.heard: deque[Request] = deque(maxlen=HISTORY_BOUND)
        self._heard_at = float("-inf")
        self._ticked: datetime | None = None
        self._pushes: deque[tuple[tuple[IPv4Address, int], bytes]] = deque(maxlen=PUSHES_BOUND)
        self._pushed = 0
        self._pushed_at = float("-inf")

    # --- the wire -------------------------------------------------------------------------

    def answer(self, raw: bytes, now: float) -> bytes | None:
        """Return the reply to one datagram; None for silence."""
        if not self.powered:
            return None
        try:
            frame = Frame.decode(raw)
            request = decode_extended_request(frame, self.options.capabilities)
        except ProtocolError:
            return None
        everybody = frame.serial == EVERY_BOARD and isinstance(request, Identify)
        if not everybody and frame.serial != self.store.serial:
            return None
        self.tick(now)
        self.heard.append(request)
        self._heard_at = now
        reply = ANSWERS[type(request)](self, request, now)
        return None if reply is None else self._encode(reply, frame.sequence)

    def _encode(self, reply: Reply, sequence: int) -> bytes:
        echoes = Capability.SEQUENCE in self.options.capabilities
        frame = Frame(reply.CODE, self.store.serial, reply.encode(), sequence if echoes else 0)
        raw, junk = frame.encode(), self.options.junk
        return raw[:56] + junk.ljust(8, b"\0") if junk else raw

    def pushes(self, now: float) -> list[tuple[tuple[IPv4Address, int], bytes]]:
        """Return what is to be sent to the listener, and take it as sent."""
        self.tick(now)
        interval = self.store.settings.interval
        if self.powered and interval and now - self._pushed_at >= interval:
            self._push(now)
        pushes = list(self._pushes)
        self._pushes.clear()
        return pushes

    def _push(self, now: float) -> None:
        address, port = self.store.settings.listener
        self._pushed_at = now
        if not port:
            return
        self._pushed += 1
        mark = ODD_MARK if self.store.identity.version == ODD_VERSION else MARK
        status = self.status(now)
        body = Frame(status.CODE, self.store.serial, status.encode(), self._pushed, mark)
        self._pushes.append(((address, port), body.encode()))

    # --- what it knows --------------------------------------------------------------------

    def status(self, now: float) -> Status:
        """Say how the board is."""
        at = self.clock.read(now)
        moment = None if at is None else moment_of(at)
        doors = [self.memory.doors[door] for door in (1, 2, 3, 4)]
        opened: FourFlags = (doors[0].open, doors[1].open, doors[2].open, doors[3].open)
        pressed: FourFlags = (
            doors[0].pressed,
            doors[1].pressed,
            doors[2].pressed,
            doors[3].pressed,
        )
        relays = sum(self.unlocked(door, now) << (door - 1) for door in self.doors)
        return Status(
            self.store.log.get(self.store.log.newest),
            opened,
            pressed,
            error=0 if moment else CLOCK_LOST,
            time=moment.time if moment else None,
            special=self.special,
            relays=relays,
            inputs=self.forced_lock | self.fire << 1,
            date=moment.date if moment else None,
        )

    @property
    def doors(self) -> range:
        """The doors that there are."""
        return range(1, self.store.doors + 1)

    def mode(self, door: int, now: float) -> DoorMode | int:
        """Return how a door behaves now."""
        return mode_of(self.store, self.memory, door, self.clock.read(now))

    def unlocked(self, door: int, now: float) -> bool:
        """Whether a lock is energised."""
        pulse = self.memory.doors[door].unlocked_until > now
        return self.powered and (pulse or self.mode(door, now) == DoorMode.NORMALLY_OPEN)

    def host_decides(self, now: float) -> bool:
        """Whether cards are left to the host: it wants that, and was heard of late."""
        return self.store.settings.host_control and now - self._heard_at <= HOST_SILENCE

    # --- what is done to it ---------------------------------------------------------------

    def swipe(self, swipe: Swipe, now: float) -> Reason:
        """Show a card; returns what the board made of it."""
        self.tick(now)
        reason = self._judge(swipe, now)
        granted = reason == Reason.CARD
        if granted:
            self.unlock(swipe.door, now, reason)
        event = Event(
            type=EventType.CARD,
            granted=granted,
            door=swipe.door,
            direction=swipe.direction,
            card=swipe.card,
            reason=reason,
        )
        self.record(event, now)
        return reason

    def _judge(self, swipe: Swipe, now: float) -> Reason:
        if self.host_decides(now):
            stored = self.store.cards.get(swipe.card) is not None
            if stored or self.options.host_asked_about == "all cards":
                return Reason.DENIED_HOST_DECIDES
            return Reason.DENIED_UNKNOWN
        return decide(self.store, self.memory, swipe, self.clock.read(now), now)

    def enter_passcode(self, door: int, code: int, now: float) -> bool:
        """Type a passcode at a keypad; it opens whatever the mode."""
        self.tick(now)
        codes = self.store.settings.passcodes.get(door, ())
        if not self.store.settings.keypads[door - 1] or not code or code not in codes:
            return False
        self.unlock(door, now, Reason.PASSCODE)
        self.record(happened(door, PASSCODE_CARD, Reason.PASSCODE), now)
        return True

    def press(self, door: int, now: float) -> None:
        """Press and let go of the exit button."""
        self.tick(now)
        reason = Reason.BUTTON
        if self.memory.doors[door].button_disabled:
            reason = Reason.BUTTON_DISABLED
        elif self.forced_lock:
            reason = Reason.BUTTON_FORCED_LOCK
        elif interlocked(self.store, self.memory, door, now):
            reason = Reason.BUTTON_INTERLOCK
        granted = reason == Reason.BUTTON
        if granted:
            self.unlock(door, now, reason)
        if self.store.settings.special_events:
            self.record(happened(door, BUTTON_CARD, reason, granted=granted), now)

    def move(self, door: int, now: float, *, open_: bool) -> None:
        """Open or close a door, as its contact sees it."""
        self.tick(now)
        state = self.memory.doors[door]
        forced = open_ and not self.unlocked(door, now)
        if state.open == open_:
            return
        state.open = open_
        if not self.store.settings.special_events:
            return
        reason = Reason.DOOR_OPENED if open_ else Reason.DOOR_CLOSED
        card = OPENED_CARD if open_ else CLOSED_CARD
        self.record(happened(door, card, reason), now)
        if forced:
            alarm = happened(door, card, Reason.FORCED_OPEN, granted=False)
            self.record(replace(alarm, type=EventType.ALARM), now)

    def cut_power(self) -> None:
        """Everything not stored is gone, and nothing is answered."""
        self.powered = False
        self.memory = Memory()
        self._pushes.clear()
        self._heard_at = float("-inf")

    def return_power(self, now: float) -> None:
        """Start again, and log it."""
        self.powered = True
        self._ticked = self.clock.read(now)
        self.record(happened(1, 0, Reason.POWER_ON), now)

    # --- what it does ---------------------------------------------------------------------

    def unlock(self, door: int, now: float, reason: Reason) -> None:
        """Give a lock its pulse."""
        seconds = self.store.settings.controls[door].delay
        self.memory.doors[door].unlocked_until = now + seconds
        self.pulses.append(Pulse(door, now, seconds, reason))

    def record(self, event: Event, now: float) -> None:
        """Write an event to the log, with its number and time, and tell the listener."""
        at = self.clock.read(now)
        moment = None if at is None else moment_of(at)
        self.store.log.add(replace(event, index=self.store.log.newest + 1, at=moment))
        self._push(now)

    def tick(self, now: float) -> None:
        """Do what tasks came due since last time."""
        at, before = self.clock.read(now), self._ticked
        self._ticked = at
        if at is None or before is None or not self.powered:
            return
        for task in self.store.settings.tasks:
            if came_due(task, before, at):
                perform(self, task, now)
