"""Files on their way to the units of one line.

One part of a file is queued at a time, as a routine command: unlocks and feedback go before
it, and after each part the transfer waits twice as long as that took, so that polls go in
between and most of the line stays everybody's. A unit that wants no other commands in between
gets its parts without that pause; it is polled and its lock is driven all the same, because a
door comes before a file. A part is short enough that nobody waits long for its end.

A transfer goes to an approved unit only: it rests while the gate is closed, and ends if
another unit answers at the address.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from protocol.message import Message
from protocol.osdp.bus import Done, Priority, Replied
from protocol.osdp.file_sender import FRAGMENT_HEAD, Ended, FileSender, Progress
from protocol.osdp.happenings import Delivered, Dropped, Ending, Refused
from protocol.osdp.replies import TransferStatus
from protocol.osdp.sizes import SMALLEST_RECEIVE, longest_body, receive_size

PART_SECONDS = 0.1  # that a part may take on the wire
SHORTEST_PART = 64  # bytes of a frame, however slow the wire
PART_PATIENCE = 30.0  # seconds until a part counts as lost; the connection ends long before
PAUSE_SHARE = 2  # times what a part took, that the line is left to others after it
LONGEST_PAUSE = 0.4  # seconds; a unit that answers slowly does not hold up the line so long
LAST_TAG = -1_000  # tags of parts are below it

Who = tuple[str, int, str]  # vendor, model, serial number


class Send(Protocol):
    """`Bus.send`."""

    def __call__(  # noqa: PLR0913 - as the bus has it
        self,
        address: int,
        command: Message,
        *,
        priority: Priority,
        expires: float,
        tag: int,
        connection: int,
    ) -> bool:
        """Queue a command."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A unit that may be driven now. `size`: of its receive buffer, as far as it says."""

    address: int
    connection: int
    who: Who
    size: int | None
    secure: bool


@dataclass(slots=True)
class _Running:
    sender: FileSender
    who: Who
    connection: int = 0  # whose gate is open; 0 while it rests
    tag: int = 0  # of the part under way
    sent_at: float = 0.0
    rests_until: float = -inf
    status: TransferStatus | None = field(default=None)  # that came for it
    unclear: bool = False  # it ended without an answer to be understood

    @property
    def deadline(self) -> float:
        if self.unclear or self.sender.ended is not None:
            return -inf
        return inf if self.tag else max(self.sender.deadline, self.rests_until)


def longest_part(character_time: float) -> int:
    """Return how many bytes a frame may have to leave room for others.

    A wire of unknown speed may be a slow one.
    """
    if not character_time:
        return SMALLEST_RECEIVE
    return max(SHORTEST_PART, int(PART_SECONDS / character_time))


class Transfers:
    """All transfers of one line, at most one for each unit."""

    def __init__(
        self, send: Send, character_time: float, ended: Callable[[int, Ended], None]
    ) -> None:
        """`ended` is called once for each transfer, with its unit's address."""
        self._send = send
        self._longest = longest_part(character_time)
        self._ended = ended
        self._running: dict[int, _Running] = {}
        self._over: dict[int, Progress] = {}
        self._tag = LAST_TAG

    @property
    def deadline(self) -> float:
        """When to call `step`, infinity if never."""
        return min((each.deadline for each in self._running.values()), default=inf)

    def begin(self, address: int, content: bytes, who: Who) -> bool:
        """Begin a transfer, which waits for `opened`; False: one is under way already.

        Raises ValueError for content that no transfer takes.
        """
        if address in self._running:
            return False
        self._running[address] = _Running(FileSender(content), who)
        return True

    def abort(self, address: int, now: float) -> bool:
        """Call a transfer off; False: there is none."""
        running = self._running.get(address)
        if running is None:
            return False
        running.sender.abort(now)
        running.rests_until = now
        return True

    def progress(self, address: int) -> Progress | None:
        """Say how far the newest transfer is, or how it ended; None if there was none."""
        running = self._running.get(address)
        return self._over.get(address) if running is None else running.sender.progress

    # --- what happens to the unit -----------------------------------------------------

    def opened(self, unit: Opened, now: float) -> None:
        """The gate of a unit is open."""
        running = self._running.get(unit.address)
        if running is None or running.connection == unit.connection:
            return
        if running.who != unit.who:
            running.sender.give_up("another unit answers at its address")
            return
        running.connection = unit.connection
        frame = min(receive_size(unit.size), self._longest)
        room = longest_body(frame, secure=unit.secure) - FRAGMENT_HEAD
        running.sender.connected(room, now)

    def lost(self, address: int, now: float, *, forgotten: bool) -> None:
        """Its gate is closed. `forgotten`: it may have lost its power."""
        running = self._running.get(address)
        if running is not None and running.connection:
            running.connection = running.tag = 0
            running.unclear = False
            running.sender.lost(now, forgotten=forgotten)

    def line_lost(self, now: float) -> None:
        """The line is gone; the units may not even know."""
        for address in self._running:
            self.lost(address, now, forgotten=False)

    # --- what the bus says ------------------------------------------------------------

    def replied(self, event: Replied) -> bool:
        """Take the answer to a part; False: it is none."""
        running = self._running.get(event.address)
        if running is None or not running.tag or event.tag != running.tag:
            return event.tag is not None and event.tag < LAST_TAG
        if isinstance(event.reply, TransferStatus):
            running.status = event.reply
        return True

    def done(self, event: Done, now: float) -> bool:
        """Take the end of a part; False: it is none."""
        if event.tag >= LAST_TAG:
            return False
        running = self._running.get(event.address)
        if running is not None and event.tag == running.tag:
            self._conclude(running, event.outcome, now)
        return True

    def _conclude(self, running: _Running, outcome: Ending, now: float) -> None:
        match outcome:
            case Delivered():
                running.sender.answered(running.status, now)
            case Refused(nak):
                running.sender.answered(nak, now)
            case Dropped(sent=True):  # unreadable, or the connection ends: then `lost` follows
                running.unclear = True
                return
            case _:
                running.sender.unsent(now)
        self._rest(running, now)

    def _rest(self, running: _Running, now: float) -> None:
        running.tag, running.unclear = 0, False
        pause = min(PAUSE_SHARE * (now - running.sent_at), LONGEST_PAUSE)
        running.rests_until = now + (pause if running.sender.interleaves else 0.0)

    # --- what to do -------------------------------------------------------------------

    def step(self, now: float) -> None:
        """Queue the parts that are due, and tell of the transfers that have ended.

        Call it after every event was heard.
        """
        for address, running in list(self._running.items()):
            if running.unclear:
                running.sender.answered(None, now)
                self._rest(running, now)
            if now >= running.deadline:
                self._next(address, running, now)
            if running.sender.ended is not None:
                del self._running[address]
                self._over[address] = running.sender.progress
                self._ended(address, running.sender.ended)

    def _next(self, address: int, running: _Running, now: float) -> None:
        command = running.sender.next(now)
        if command is None:
            return
        self._tag -= 1
        running.tag, running.status, running.sent_at = self._tag, None, now
        queued = self._send(
            address,
            command,
            priority=Priority.ROUTINE,
            expires=now + PART_PATIENCE,
            tag=running.tag,
            connection=running.connection,
        )
        if not queued:  # its queue is full
            running.tag = 0
            running.sender.unsent(now)
