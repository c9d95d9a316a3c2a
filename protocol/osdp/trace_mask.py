"""Recording a line without what is nobody's business.

Cards, keys pressed, biometrics, smart-card data, files, what only one maker understands, and
keys of secure channels are replaced by zeros of the same length, and the frame's check is made
anew: it stays a sound frame of the same kind, to the same unit, at the same time. How many
bits a card has and how many keys were pressed can still be seen.

What is encrypted stays as it is, so that a trace can be followed by whoever has the unit's
key. There are two exceptions, and nobody can follow the session behind them:

* what everybody could decrypt: the session began with the default key, or its beginning is
  not in the trace;
* osdp_KEYSET, always: an old key must not open its successor.

What is no sound frame may be the rest of one: of noise only the length is kept.
"""

from dataclasses import replace

from protocol.errors import MessageError
from protocol.message import Message
from protocol.osdp.commands import (
    COMMANDS,
    Challenge,
    ChallengeAuthenticate,
    ExtendedWrite,
    GeneralAuthenticate,
    ManufacturerCommand,
    MatchBiometric,
    SetKey,
    TransferFile,
    decode_command,
)
from protocol.osdp.frame import Frame
from protocol.osdp.replies import (
    REPLIES,
    BiometricRead,
    ChallengeAuthentication,
    ExtendedRead,
    FormattedCard,
    GeneralAuthentication,
    Keypad,
    ManufacturerReply,
    PivData,
    RawCard,
    decode_reply,
)
from protocol.osdp.secure_handshake import SCS_11, Selector
from protocol.osdp.secure_session import ENCRYPTED, SIGNED_COMMAND, SIGNED_REPLY
from protocol.osdp.trace import Direction, Reassembly, Record

PRIVATE: dict[type[Message], int] = {  # how many bytes of a body tell nothing private
    SetKey: 2,
    MatchBiometric: 6,
    TransferFile: 11,
    ManufacturerCommand: 3,
    ExtendedWrite: 2,
    GeneralAuthenticate: 6,
    ChallengeAuthenticate: 6,
    RawCard: 4,
    FormattedCard: 3,
    Keypad: 2,
    BiometricRead: 6,
    PivData: 6,
    GeneralAuthentication: 6,
    ChallengeAuthentication: 6,
    ManufacturerReply: 3,
    ExtendedRead: 2,
}

_KINDS = {(False, each.CODE): each for each in COMMANDS} | {
    (True, each.CODE): each for each in REPLIES
}
_KEPT_OF_UNKNOWN = 0
_CIPHERTEXT = (SIGNED_COMMAND + ENCRYPTED, SIGNED_REPLY + ENCRYPTED)


class Mask:
    """Takes out of each frame what is private. It must see all frames, in order."""

    def __init__(self) -> None:
        self._sealed: set[int] = set()  # addresses whose ciphertext only their own key opens

    def take(self, frame: Frame) -> Frame:
        """Return the frame as it may be kept: itself, if nothing in it is private."""
        if not frame.reply and frame.code == Challenge.CODE:
            self._begin(frame)
        kept = self._kept(frame)
        private = len(frame.body) - kept
        if private <= 0:
            return frame
        return replace(frame, body=frame.body[:kept] + bytes(private))

    def _begin(self, challenge: Frame) -> None:
        block = challenge.security
        own = bytes((Selector.OWN,))
        if block is not None and block.type == SCS_11 and block.data == own:
            self._sealed.add(challenge.address)
        else:
            self._sealed.discard(challenge.address)

    def _kept(self, frame: Frame) -> int:
        """Return how many bytes of a body may be kept."""
        kind = _KINDS.get((frame.reply, frame.code))
        head = _KEPT_OF_UNKNOWN if kind is None else PRIVATE.get(kind)
        if head is None:
            return len(frame.body)
        if frame.security is not None and frame.security.type in _CIPHERTEXT:
            opened = kind is SetKey or frame.address not in self._sealed
            return 0 if opened else len(frame.body)
        return head if _is_sound(frame) else 0


def _is_sound(frame: Frame) -> bool:
    """Whether a body is laid out as it should: otherwise its head may be private as well."""
    try:
        (decode_reply if frame.reply else decode_command)(frame)
    except MessageError:
        return False
    return True


class Recorder:
    """Turns what passes on a line into records, masked unless asked otherwise.

    Masked, each record is one whole frame without its idle mark, at the time of its last
    bytes; what is half-read waits, bounded by the longest frame. Unmasked, a record is what
    was written or read at once.
    """

    def __init__(self, *, unmasked: bool = False) -> None:
        self._unmasked = unmasked
        self._frames = Reassembly()
        self._mask = Mask()
        self._dropped = dict.fromkeys(Direction, 0)

    def take(self, time: int, direction: Direction, data: bytes) -> list[Record]:
        """Return the records that are due; `time` in nanoseconds since 1970."""
        heard = Record(time, direction, data)
        if self._unmasked:
            return [heard]
        records = []
        for found in self._frames.take(heard):
            kept = self._mask.take(found.frame)
            masked = kept is not found.frame
            there = found.record
            records.append(Record(there.time, there.direction, kept.encode(), masked=masked))
        return records + [record for each in Direction for record in self._noise(each, time)]

    def _noise(self, direction: Direction, time: int) -> list[Record]:
        """Tell how much was no frame; it never passes for one."""
        dropped = self._frames.dropped_from(direction)
        length, self._dropped[direction] = dropped - self._dropped[direction], dropped
        return [Record(time, direction, bytes(length), masked=True)] if length else []
