"""Somebody in the wire of one unit, in simulated time.

    attacker = Attacker.on(line, 1)        # everything passes through his hands from now on
    attacker.back = drop(RawCard)          # what becomes of the unit's replies
    attacker.onwards = drop(SetOutputs)    # and of the panel's commands
    attacker.ask(frame, line.now)          # he speaks to the unit as if he were the panel
    attacker.say(frame)                    # and to the panel as if he were the unit
    attacker.leave()                       # he lets everything pass again, and listens

He hears every frame, changes, drops, keeps and adds what he likes; check characters are never
his problem. Two things he has not got: the unit's key, and a say in the random numbers of
others. He knows the default key and the keys that people make up (`guesses`), tries them on
whatever handshake he heard (`crack`), and reads everything he has a key for (`read`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gatewayd.simulate.device import Device
from protocol.checks import crc16
from protocol.message import Message
from protocol.osdp.frame import Frame, FrameReader
from protocol.osdp.replies import ClientCryptogram
from protocol.osdp.secure_handshake import SCS_11, SCS_12
from protocol.osdp.secure_keys import (
    DEFAULT_KEY,
    KEY_LENGTH,
    PUBLISHED_KEYS,
    client_cryptogram,
    derive,
)
from protocol.osdp.trace_follow import Follower, Seen
from tests.simulate.line import Line

_THERE_AND_BACK = "0123456789abcdeffedcba9876543210"

HEARD_BOUND = 100_000  # frames he remembers

Edit = Callable[[Frame], Iterable[Frame | bytes]]


def guesses() -> tuple[bytes, ...]:
    """Return the keys he tries: of the published attack, what people type, and copy."""
    counted = (
        bytes(start + step * at & 0xFF for at in range(KEY_LENGTH))
        for start in range(0x100)
        for step in (0, 1, -1, 0x11)
    )
    words = ("ab", "abc", "deadbeef", "c0ffee", "0123456789", "secret", "5ec2e7", "31415926")
    typed = [word.encode() for word in words] + [b"\xde\xad\xbe\xef", b"\xc0\xff\xee"]
    repeated = ((each * KEY_LENGTH)[:KEY_LENGTH] for each in typed)
    back = bytes.fromhex(_THERE_AND_BACK)
    return (DEFAULT_KEY, *counted, *repeated, back, *sorted(PUBLISHED_KEYS))


@dataclass(frozen=True, slots=True)
class Overheard:
    """One frame that went by, as it was sent."""

    at: float
    frame: Frame


def untouched(frame: Frame) -> Iterable[Frame]:
    """Let it pass."""
    return (frame,)


class Attacker:
    """Hears, changes, drops and adds frames, in both directions."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.onwards: Edit = untouched  # what becomes of a command
        self.back: Edit = untouched  # what becomes of a reply
        self.heard: list[Overheard] = []
        self._from_panel = FrameReader()
        self._to_panel: Callable[[bytes], None] = lambda _: None

    @classmethod
    def on(cls, line: Line, address: int = 1) -> "Attacker":
        """Cut the wire of one unit and sit in between."""
        place = line.place(address)
        attacker = cls(place.device)
        attacker._to_panel = line.noise
        place.between = attacker.answer
        return attacker

    def answer(self, wire: bytes, now: float) -> bytes:
        """Return what the panel hears in answer to what it said."""
        return b"".join(
            _bytes(said)
            for command in self._from_panel.feed(wire)
            for passed in self._hear(command, now, self.onwards)
            for reply in self._from_unit(passed, now)
            for said in self._hear(reply, now, self.back)
        )

    def _hear(self, frame: Frame, now: float, edit: Edit) -> Iterable[Frame | bytes]:
        assert len(self.heard) < HEARD_BOUND
        self.heard.append(Overheard(now, frame))
        return edit(frame)

    def _from_unit(self, said: Frame | bytes, now: float) -> Iterable[Frame]:
        return FrameReader().feed(self.device.answer(_bytes(said), now))

    def ask(self, said: Frame | bytes, now: float) -> list[Frame]:
        """Say this to the unit and keep its answer; the panel hears nothing of it."""
        return list(self._from_unit(said, now))

    def say(self, said: Frame | bytes) -> None:
        """Say this to the panel, asked or not."""
        self._to_panel(_bytes(said))

    def leave(self) -> None:
        """Let everything pass."""
        self.onwards = self.back = untouched

    # --- what he has heard ------------------------------------------------------------

    def frames(self, kind: type[Message] | None = None, *, reply: bool = True) -> list[Frame]:
        """Return what went by in one direction, as it was sent."""
        return [
            each.frame
            for each in self.heard
            if each.frame.reply is reply and _is(kind, each.frame)
        ]

    def read(self, *keys: bytes) -> list[Seen]:
        """Open all that can be opened with these keys."""
        follower = Follower({self.device.address: keys})
        return [follower.take(each.frame) for each in self.heard]

    def understood(self, *keys: bytes) -> list[Message]:
        """Return every message that he can read with these keys."""
        return [each.message for each in self.read(*keys) if each.message is not None]

    def crack(self, guesses: Sequence[bytes]) -> set[bytes]:
        """Return the guesses that fit a handshake he heard; nobody hears him try."""
        return {
            guess
            for challenge, answer in self._handshakes()
            for guess in guesses
            if client_cryptogram(derive(guess, challenge), challenge, answer.random)
            == answer.cryptogram
        }

    def _handshakes(self) -> Iterable[tuple[bytes, ClientCryptogram]]:
        challenge = b""
        for each in self.heard:
            frame = each.frame
            kind = frame.security.type if frame.security else None
            if kind == SCS_11:
                challenge = frame.body
            elif kind == SCS_12 and challenge:
                yield challenge, ClientCryptogram.decode(frame.body)


# --- what he does to frames ---------------------------------------------------------------


def drop(*kinds: type[Message]) -> Edit:
    """Let nothing of these pass; of no kind: nothing at all."""
    codes = {kind.CODE for kind in kinds}
    return lambda frame: () if not codes or frame.code in codes else (frame,)


def instead(kind: type[Message] | None, *forged: Message, sequence: int | None = None) -> Edit:
    """Say these in clear in the place of a kind of reply; None: of every one."""

    def edit(frame: Frame) -> Iterable[Frame]:
        if not _is(kind, frame):
            return (frame,)
        return [in_clear(each, frame, sequence=sequence) for each in forged]

    return edit


def changing(kind: type[Message] | None, change: Callable[[Frame], Frame | bytes]) -> Edit:
    """Change a kind of frames, and mend their check characters."""
    return lambda frame: (change(frame) if _is(kind, frame) else frame,)


def saying(kind: type[Message], *, before: Sequence[Frame] = ()) -> Edit:
    """Say something of his own ahead of a kind of frames."""
    return lambda frame: (*before, frame) if _is(kind, frame) else (frame,)


def in_clear(message: Message, like: Frame, *, sequence: int | None = None) -> Frame:
    """Return a message in clear, addressed and numbered like another frame."""
    number = like.sequence if sequence is None else sequence
    return Frame(
        like.address, number, message.CODE, message.encode(), reply=like.reply, crc=like.crc
    )


def selecting(selector: bytes) -> Callable[[Frame], Frame]:
    """Say that a step of a handshake is about another key than it is."""

    def change(frame: Frame) -> Frame:
        assert frame.security is not None
        return replace(frame, security=replace(frame.security, data=selector))

    return change


def flipped(frame: Frame, bit: int) -> bytes:
    """Return a frame with one bit of it changed, and a check that fits."""
    raw = bytearray(frame.encode()[:-2])
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw) + crc16(bytes(raw)).to_bytes(2, "little")


def _bytes(said: Frame | bytes) -> bytes:
    return said.encode() if isinstance(said, Frame) else said


def _is(kind: type[Message] | None, frame: Frame) -> bool:
    return kind is None or frame.code == kind.CODE
