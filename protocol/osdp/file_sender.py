"""Sends one file to one unit (SIA OSDP 2.2, 6.26 and 7.25), without a line and without a clock.

    sender = FileSender(content)
    sender.connected(room, now)      its gate is open; `room`: bytes of a fragment's data
    sender.next(now)                 what to send now, if anything; ask again at `deadline`
    sender.answered(reply, now)      what the unit said to it
    sender.unsent(now)               it was not sent after all
    sender.lost(now, forgotten=...)  the connection is over
    sender.abort(now)                the panel does not want it any more
    sender.progress, sender.ended

One command is out at a time. The unit says when the next may come, how long it may be, and
how it goes on; while it works on what it has it is asked with messages without data. A
transfer ends well only after the unit has acknowledged every byte, in order.

**After a lost connection** it goes on from the last acknowledged byte if it was the line that
went, and begins anew if it was the unit: that may have lost its power and with it what it
had, and some units would not notice the hole. A unit that refuses to go on gets all of it
anew, too. But once everything was sent it does not begin anew: a unit that may be installing
a file is not given it again. If it never says what became of it, that is a failure, and the
end says so.

Everything is bounded: the file, how often it is interrupted, how long the unit may be away
and how long it may take to finish. A unit's wish to leave the secure channel is ignored.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from protocol.osdp.commands import Abort
from protocol.osdp.replies import Nak, NakReason
from protocol.osdp.sizes import longest_body
from protocol.osdp.transfer import (
    FileType,
    TransferAction,
    TransferFile,
    TransferResult,
    TransferStatus,
)

LARGEST_FILE = 16 << 20  # bytes
FRAGMENT_HEAD = 11  # bytes of a fragment's body in front of its data
MOST_INTERRUPTIONS = 10  # lost connections, and beginnings anew
AWAY_PATIENCE = 600.0  # seconds without a connection
FINISHING_PATIENCE = 900.0  # seconds of messages without data
FINISHING_PAUSE = 0.5  # seconds between two of them, if the unit does not say
REBOOT_PAUSE = 10.0  # seconds for a unit that restarts in the middle to go away
UNSENT_PAUSE = 0.5  # seconds until a command that did not leave is tried again

_REFUSALS: dict[int, str] = {
    TransferResult.ABORTED: "it gave the transfer up",
    TransferResult.UNRECOGNISED: "it does not recognise the file",
    TransferResult.MALFORMED: "it found the file damaged or unfit",
}
_NAKS: dict[int, str] = {
    NakReason.LENGTH: "a part of the file was too long for it",
    NakReason.UNKNOWN_COMMAND: "it takes no files",
    NakReason.RECORD: "it could not use a part of the file",
}
_EARLY = "it says that it has used the file, and does not have all of it yet"
_UNCERTAIN = "it has got everything but did not say what became of it; look at its firmware"


class End(StrEnum):
    """How a transfer ended."""

    PROCESSED = "processed"  # the unit has put the file to use
    REBOOTING = "rebooting"  # the unit restarts with it
    RECEIVED = "received"  # the unit has all of it and said no more
    ABORTED = "aborted"  # the panel did not want it any more
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a transfer; `why` is a sentence about the last two."""

    end: End
    why: str = ""

    @property
    def well(self) -> bool:
        """Whether the unit has every byte and did not object."""
        return self.end not in (End.ABORTED, End.FAILED)


class Stage(StrEnum):
    """What a transfer is at."""

    AWAY = "away"  # there is no connection
    SENDING = "sending"
    FINISHING = "finishing"  # the unit works on what it has
    ABORTING = "aborting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is: `acknowledged` of `total` bytes."""

    stage: Stage
    acknowledged: int
    total: int
    interruptions: int  # lost connections, and beginnings anew
    ended: Ended | None = None


class FileSender:
    """One transfer. Times are any number of seconds that only rises."""

    def __init__(self, content: bytes, kind: FileType | int = FileType.OPAQUE) -> None:
        """Raise ValueError for an empty file, and for one longer than `LARGEST_FILE`."""
        if not 0 < len(content) <= LARGEST_FILE:
            raise ValueError(f"the file has {len(content)} bytes, must be 1 to {LARGEST_FILE}")
        self.ended: Ended | None = None
        self.deadline = inf  # when to call `next`
        self.interleaves = True  # whether the unit wants other commands in between
        self._content = content
        self._kind = kind
        self._most = 0  # bytes of a fragment's data; 0: there is no connection
        self._room = 0  # likewise, as the unit wishes
        self._acknowledged = 0
        self._out: TransferFile | Abort | None = None
        self._resumed = False  # the unit has yet to show that it goes on
        self._working_until: float | None = None  # it is asked without data
        self._aborting = False
        self._interruptions = 0

    @property
    def progress(self) -> Progress:
        """How far it is."""
        total = len(self._content)
        done, often = self._acknowledged, self._interruptions
        return Progress(self._stage, done, total, often, self.ended)

    @property
    def _stage(self) -> Stage:
        if self.ended is not None:
            return Stage.ENDED
        if self._aborting:
            return Stage.ABORTING
        if not self._most:
            return Stage.AWAY
        return Stage.SENDING if self._working_until is None else Stage.FINISHING

    # --- the connection ---------------------------------------------------------------

    def connected(self, room: int, now: float) -> None:
        """Begin or go on. `room`: bytes of a fragment's data, as buffer and line allow."""
        if self.ended is not None:
            return
        if room < 1:
            self._end(End.FAILED, "its receive buffer has no room for any part of a file")
            return
        self._most = self._room = room
        self.deadline = now

    def lost(self, now: float, *, forgotten: bool) -> None:
        """The connection is over, and with it what is under way.

        `forgotten`: the unit may have lost its power, and what it had of the file.
        """
        if self.ended is not None:
            return
        everything = self._everything_sent
        self._out, self._most, self.deadline = None, 0, now + AWAY_PATIENCE
        if self._aborting:
            self._end(End.ABORTED, "the connection was lost")
        elif not forgotten:
            self._resumed = self._acknowledged > 0
            self._interrupted()
        elif everything:
            self._end(End.FAILED, _UNCERTAIN)
        else:
            self._anew()

    @property
    def _everything_sent(self) -> bool:
        under_way = len(self._out.data) if isinstance(self._out, TransferFile) else 0
        return self._acknowledged + under_way == len(self._content)

    def _anew(self) -> None:
        self._acknowledged, self._resumed, self._working_until = 0, False, None
        self._interrupted()

    def _interrupted(self) -> None:
        self._interruptions += 1
        if self._interruptions > MOST_INTERRUPTIONS:
            self._end(End.FAILED, f"it was interrupted more than {MOST_INTERRUPTIONS} times")

    # --- what to say ------------------------------------------------------------------

    def abort(self, now: float) -> None:
        """Let the unit forget it, once what is under way is answered."""
        if self.ended is not None:
            return
        self._aborting = True
        if not self._most:
            self._end(End.ABORTED, "the unit was away")
        elif self._out is None:
            self.deadline = now

    def give_up(self, why: str) -> None:
        """End it without a word to the unit, for a reason that lies outside."""
        if self.ended is None:
            self._end(End.FAILED, why)

    def next(self, now: float) -> TransferFile | Abort | None:
        """Return the command to send now; None before `deadline` and after the end.

        It comes back in `answered` or `unsent`, unless `lost` is first.
        """
        if self.ended is not None or self._out is not None or now < self.deadline:
            return None
        if not self._most:
            self._end(End.FAILED, f"the unit was away for {AWAY_PATIENCE:.0f} s")
            return None
        if self._working_until is not None and now >= self._working_until:
            self._end(End.FAILED, f"the unit did not finish in {FINISHING_PATIENCE:.0f} s")
            return None
        self._out = Abort() if self._aborting else self._fragment()
        self.deadline = inf
        return self._out

    def _fragment(self) -> TransferFile:
        start, room = self._acknowledged, self._room if self._working_until is None else 0
        data = self._content[start : start + room]
        return TransferFile(self._kind, len(self._content), start, data)

    # --- what came of it --------------------------------------------------------------

    def unsent(self, now: float) -> None:
        """What is under way did not leave, though the connection stands."""
        if self._out is not None:
            self._out = None
            self.deadline = now + UNSENT_PAUSE

    def answered(self, reply: TransferStatus | Nak | None, now: float) -> None:
        """Take the answer to what is under way; None: something else than a status."""
        out = self._out
        if isinstance(out, Abort):
            self._end(End.ABORTED, "as asked")
        elif out is not None:
            everything = self._everything_sent
            self._out, self.deadline = None, now
            if isinstance(reply, TransferStatus) and _goes_on(reply):
                self._accepted(out, reply, now)
            else:
                self._refused(_in_words(reply), everything=everything)
            if self._aborting and self.ended is None:
                self.deadline = now

    def _accepted(self, out: TransferFile, status: TransferStatus, now: float) -> None:
        self.interleaves = bool(status.action & TransferAction.INTERLEAVE)
        self._resumed = False
        self._acknowledged += len(out.data)
        if status.longest:
            self._room = min(self._most, _room_in(status.longest))
        self.deadline = now + status.delay / 1000
        if status.status == TransferResult.FINISHING:
            self._wait_for(status, now)
            return
        self._working_until = None
        if self._acknowledged == len(self._content):
            self._end(_ENDS[status.status])
        elif status.status == TransferResult.PROCESSED:
            self._end(End.FAILED, _EARLY)
        elif status.status == TransferResult.REBOOTING:
            self.deadline = now + max(REBOOT_PAUSE, status.delay / 1000)
            self._anew()

    def _wait_for(self, status: TransferStatus, now: float) -> None:
        """Ask without data until it says something else."""
        if self._working_until is None:
            self._working_until = now + FINISHING_PATIENCE
        if not status.delay:
            self.deadline = now + FINISHING_PAUSE

    def _refused(self, why: str, *, everything: bool) -> None:
        """A unit that refuses to go on has forgotten; else that is the end."""
        if not self._resumed:
            self._end(End.FAILED, why)
        elif everything:
            self._end(End.FAILED, _UNCERTAIN)
        else:
            self._anew()

    def _end(self, end: End, why: str = "") -> None:
        self.ended = Ended(end, why)
        self._out, self.deadline = None, inf


_ENDS: dict[int, End] = {
    TransferResult.PROCEED: End.RECEIVED,
    TransferResult.PROCESSED: End.PROCESSED,
    TransferResult.REBOOTING: End.REBOOTING,
}


def _goes_on(status: TransferStatus) -> bool:
    """Whether it is none of the refusals, and one that is known."""
    return status.status == TransferResult.FINISHING or status.status in _ENDS


def _in_words(reply: TransferStatus | Nak | None) -> str:
    match reply:
        case TransferStatus():
            why = _REFUSALS.get(reply.status, "it said what nobody understands")
            return f"{why} (status {int(reply.status)})"
        case Nak():
            return f"{_NAKS.get(reply.reason, 'it refused')} (NAK {int(reply.reason)})"
        case _:
            return "it answered without a status"


def _room_in(longest: int) -> int:
    """Bytes of data if the unit says how long a message may be.

    Some mean the whole frame and some the data. What fits the first fits the second; what is
    too little for a frame can only mean the second.
    """
    room = longest_body(longest, secure=True) - FRAGMENT_HEAD
    return room if room > 0 else longest
