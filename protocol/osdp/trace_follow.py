"""Following a conversation frame by frame: who said what, and whether it holds.

A `Follower` is fed the frames of a line in order, in both directions, and says of each what
it is: a command or a reply, its message, whether it repeats the one before, what is wrong with
its number (SIA OSDP 2.2, 5.9), and what its `Channel` makes of cryptograms and MACs.

It is a listener. It takes no side and changes nothing, and its memory is bounded by the
number of addresses there are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from protocol.errors import MessageError
from protocol.message import Message
from protocol.osdp.commands import decode_command
from protocol.osdp.frame import Frame
from protocol.osdp.mnemonics import mnemonic
from protocol.osdp.replies import Busy, Nak, NakReason, decode_reply
from protocol.osdp.secure_keys import DEFAULT_KEY
from protocol.osdp.trace_channel import Channel, Judged, Verdict
from protocol.osdp.trace_words import describe


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one frame. Its message may be private; `describe` words it."""

    reply: bool
    address: int
    sequence: int
    name: str
    verdict: Verdict
    signed: bool  # it carries a MAC
    message: Message | None = field(default=None, repr=False)  # None: encrypted, or unreadable
    repeated: bool = False
    fault: str = ""  # of its number, or of its turn
    notes: tuple[str, ...] = ()

    def words(self, *, unmasked: bool = False) -> str:
        """Return the message in words, without what is private unless `unmasked`."""
        return "" if self.message is None else describe(self.message, unmasked=unmasked)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole recording came to."""

    commands: int
    replies: int
    repeated: int
    unanswered: int  # commands, those before a repetition included
    sessions: int  # secure ones that could be followed from their handshake
    macs_checked: int  # right and wrong
    wrong: int  # MACs and cryptograms
    not_followable: int
    faults: int  # of numbers and turns
    naks: Mapping[str, int]  # by reason


class Follower:
    """Follows all units of a line. `keys`: candidates by address, 16 bytes each.

    `default_key` makes the key that everybody knows a candidate for all of them. Raises
    ValueError, at the first handshake, for a key of another length.
    """

    def __init__(
        self,
        keys: Mapping[int, Sequence[bytes]] | None = None,
        *,
        default_key: bool = False,
    ) -> None:
        self._keys = keys or {}
        self._common = (DEFAULT_KEY,) if default_key else ()
        self._talks: dict[int, _Talk] = {}
        self._count: Counter[str] = Counter()
        self._naks: Counter[str] = Counter()

    def take(self, frame: Frame, *, masked: bool = False) -> Seen:
        """Say what the next frame is; `masked`: bytes of it were replaced."""
        talk = self._talk(frame.address)
        hear = talk.hear_reply if frame.reply else talk.hear_command
        seen = hear(frame, masked=masked)
        self._add(seen)
        return seen

    def _talk(self, address: int) -> "_Talk":
        talk = self._talks.get(address)
        if talk is None:
            keys = (*self._common, *self._keys.get(address, ()))
            talk = self._talks[address] = _Talk(Channel(address, keys))
        return talk

    def _add(self, seen: Seen) -> None:
        self._count.update(
            {
                "replies": seen.reply,
                "commands": not seen.reply,
                "repeated": seen.repeated,
                "faults": bool(seen.fault),
                "wrong": seen.verdict is Verdict.WRONG,
                "not_followable": seen.verdict is Verdict.UNKNOWN,
                "macs_checked": seen.signed and seen.verdict in (Verdict.PROVED, Verdict.WRONG),
            }
        )
        if isinstance(seen.message, Nak):
            self._naks[_reason(seen.message)] += 1

    @property
    def summary(self) -> Summary:
        """What was heard so far."""
        count, talks = self._count, self._talks.values()
        return Summary(
            count["commands"],
            count["replies"],
            count["repeated"],
            sum(each.unanswered for each in talks),
            sum(each.sessions for each in talks),
            count["macs_checked"],
            count["wrong"],
            count["not_followable"],
            count["faults"],
            dict(self._naks),
        )


class _Talk:
    """The conversation with one unit."""

    def __init__(self, channel: Channel) -> None:
        self.unanswered = 0
        self._channel = channel
        self._command: Frame | None = None
        self._reply: Frame | None = None  # to this command
        self._answered = True
        self._repeating = False
        self._said: Seen | None = None
        self._heard: Seen | None = None

    @property
    def sessions(self) -> int:
        return self._channel.sessions

    def hear_command(self, frame: Frame, *, masked: bool) -> Seen:
        self.unanswered += not self._answered
        last, answered = self._command, self._answered
        self._answered = False
        # number 0 after an answer is a new beginning, not a repetition
        self._repeating = frame == last and (frame.sequence != 0 or not answered)
        if self._repeating and self._said is not None:
            return replace(self._said, repeated=True, fault="")
        fault = "" if last is None else _command_fault(frame, last, answered=answered)
        self._command, self._reply = frame, None
        self._said = _seen(frame, self._channel.take(frame, masked=masked), fault)
        return self._said

    def hear_reply(self, frame: Frame, *, masked: bool) -> Seen:
        fault = self._reply_fault(frame)
        if frame.code != Busy.CODE:
            self._answered = True
        if self._repeating and self._heard is not None and frame == self._reply:
            return replace(self._heard, repeated=True, fault=fault)
        seen = _seen(frame, self._channel.take(frame, masked=masked), fault)
        if frame.code != Busy.CODE:
            self._reply, self._heard = frame, seen
        return seen

    def _reply_fault(self, frame: Frame) -> str:
        if self._command is None:
            return "answers nothing in the recording"
        if self._answered:
            return "a second answer"
        sequence = self._command.sequence
        if frame.code in (Busy.CODE, Nak.CODE) or frame.sequence == sequence:
            return ""  # BUSY is always 0, and a NAK may have the number the unit waits for
        if not frame.sequence:
            return "the unit asks to begin again at 0"
        return f"number {frame.sequence} answers number {sequence}"


def _command_fault(frame: Frame, last: Frame, *, answered: bool) -> str:
    """Say what is wrong with the number of a command that is no repetition."""
    number = frame.sequence
    expected = last.sequence % 3 + 1 if answered else last.sequence
    if number in (0, expected):
        other = not answered and number == last.sequence and number != 0
        return f"another command has number {number}" if other else ""
    return f"number {number} where {expected} or 0 comes next"


def _seen(frame: Frame, judged: Judged, fault: str) -> Seen:
    message, notes = None, [judged.note] if judged.note else []
    if judged.plain is not None:
        try:
            message = (decode_reply if frame.reply else decode_command)(judged.plain)
        except MessageError as error:
            notes.append(str(error))
    if isinstance(message, Nak):
        notes.append(f"refused: {_reason(message)}")
    return Seen(
        frame.reply,
        frame.address,
        frame.sequence,
        mnemonic(frame),
        judged.verdict,
        bool(frame.mac),
        message,
        fault=fault,
        notes=tuple(notes),
    )


def _reason(nak: Nak) -> str:
    if isinstance(nak.reason, NakReason):
        return f"{nak.reason:d} {nak.reason.name.lower().replace('_', ' ')}"
    return f"{nak.reason:#04x}"
