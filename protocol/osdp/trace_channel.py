"""Listening to a secure channel with its key (SIA OSDP 2.2, Annex D).

A `Channel` hears all frames of one address. With the right key among its candidates it checks
every cryptogram of a handshake and every MAC of the session, and decrypts; a key that is set
on the way joins the candidates. It never speaks, and unlike a party to a session it goes on
after a fault: what fits again afterwards is opened again.

A MAC that does not match is called wrong once. What follows it and does not match either can
not be followed: a frame that is missing in the recording would make all of them look forged.
"""

from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest

from protocol.errors import MalformedMessage
from protocol.osdp.commands import Challenge, KeyType, ServerCryptogram, SetKey
from protocol.osdp.frame import BROADCAST, MAC_LENGTH, Frame, SecurityBlock
from protocol.osdp.replies import Busy
from protocol.osdp.secure_cipher import BLOCK, SessionCipher
from protocol.osdp.secure_handshake import (
    SCS_11,
    SCS_12,
    SCS_13,
    SCS_14,
    Challenging,
    Established,
    Failed,
    Handshake,
    Proving,
    Reason,
    Selector,
)
from protocol.osdp.secure_keys import KEY_LENGTH, SessionKeys, initial_rmac
from protocol.osdp.secure_session import ENCRYPTED, SIGNED_COMMAND, SIGNED_REPLY

MOST_KEYS = 16  # candidates for one address; the oldest goes

NO_KEY = "no key was given for this unit"
NO_BEGINNING = "the session's beginning is not in the recording"
NO_KEY_FITS = "none of the keys fits"
MASKED = "masked in the recording"
AFTER_A_FAULT = "follows a fault or a gap"

_ALL_ONES = (1 << 8 * BLOCK) - 1


class Verdict(StrEnum):
    """What can be said of a frame's authenticity."""

    OPEN = "open"  # in clear, or a random number: there is nothing to check
    PROVED = "ok"
    WRONG = "wrong"
    UNKNOWN = "not followable"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a channel says of a frame. `plain`: the frame in clear, if it could be opened."""

    verdict: Verdict
    plain: Frame | None = None
    note: str = ""


class _Chain:
    """The MACs of one session: each begins with the last one of the other direction."""

    def __init__(self, keys: SessionKeys, first: bytes) -> None:
        self._cipher = SessionCipher(keys)
        self._command = self._reply = int.from_bytes(first, "big")
        self._broken = False

    def open(self, frame: Frame, block: SecurityBlock) -> Judged:
        vector = self._command if frame.reply else self._reply
        mac = self._cipher.mac(frame.head(), vector)
        if not compare_digest(mac[:MAC_LENGTH], frame.mac):
            return self._refuse()
        self._broken = False
        signed = SIGNED_REPLY if frame.reply else SIGNED_COMMAND
        if block.type not in (signed, signed + ENCRYPTED):
            return Judged(Verdict.WRONG, note="the block is the other direction's")
        self._move(frame, int.from_bytes(mac, "big"))
        if block.type == signed:
            return Judged(
                Verdict.PROVED, frame, "signed but not encrypted" if frame.body else ""
            )
        return self._decrypt(frame, vector)

    def _refuse(self) -> Judged:
        if self._broken:
            return Judged(Verdict.UNKNOWN, note=AFTER_A_FAULT)
        self._broken = True
        return Judged(Verdict.WRONG, note="the MAC does not match")

    def _move(self, frame: Frame, mac: int) -> None:
        if not frame.reply:
            self._command = mac
        elif frame.code != Busy.CODE:  # which leaves the chain where it was
            self._reply = mac

    def _decrypt(self, frame: Frame, vector: int) -> Judged:
        body = self._cipher.decrypt(frame.body, vector ^ _ALL_ONES)
        if body is None:
            return Judged(Verdict.PROVED, note="it does not end like an encrypted body")
        plain = Frame(frame.address, frame.sequence, frame.code, body, frame.reply, frame.crc)
        return Judged(Verdict.PROVED, plain)


class Channel:
    """What is known of the secure channel with one unit."""

    def __init__(self, address: int, keys: tuple[bytes, ...]) -> None:
        self.sessions = 0
        self._address = address
        self._keys = list(dict.fromkeys(keys))[-MOST_KEYS:]
        self._offers: tuple[Challenging, ...] = ()
        self._proving: Proving | None = None
        self._chain: _Chain | None = None
        self._over = True  # whether the standard says that there is no session
        self._why = NO_BEGINNING if keys else NO_KEY

    def take(self, frame: Frame, *, masked: bool = False) -> Judged:
        """Judge a frame that is no repetition, in order."""
        block = frame.security
        if block is None:
            return self._clear(frame, masked=masked)
        if masked:
            self._lose(MASKED)
            return Judged(Verdict.UNKNOWN, note=MASKED)
        judged = self._secured(frame, block)
        if judged.plain is not None:
            self._learn(judged.plain)
        return judged

    def _secured(self, frame: Frame, block: SecurityBlock) -> Judged:
        if block.has_mac:
            if self._chain is None:
                return Judged(Verdict.UNKNOWN, note=self._why)
            return self._chain.open(frame, block)
        step = {
            SCS_11: self._challenged,
            SCS_12: self._answered,
            SCS_13: self._proved,
            SCS_14: self._welcomed,
        }.get(block.type)
        if step is None:
            return Judged(Verdict.UNKNOWN, note=f"security block of type {block.type:#04x}")
        return step(frame, block)

    # --- in clear ---------------------------------------------------------------------

    def _clear(self, frame: Frame, *, masked: bool) -> Judged:
        if masked:
            return Judged(Verdict.OPEN, frame, MASKED)
        self._learn(frame)
        if self._over or (frame.reply and frame.code == Busy.CODE):
            return Judged(Verdict.OPEN, frame)
        self._over = True
        return Judged(Verdict.OPEN, frame, "in clear: the session is over")

    def _learn(self, plain: Frame) -> None:
        """A key that is set may be the next session's."""
        if plain.reply or plain.code != SetKey.CODE:
            return
        try:
            told = SetKey.decode(plain.body)
        except MalformedMessage:
            return
        if told.type == KeyType.SCBK and len(told.key) == KEY_LENGTH:
            kept = [each for each in self._keys if each != told.key]
            self._keys = [*kept, told.key][-MOST_KEYS:]

    # --- the handshake ----------------------------------------------------------------

    def _challenged(self, frame: Frame, block: SecurityBlock) -> Judged:
        self._lose(NO_BEGINNING if self._keys else NO_KEY)
        selector = _selector(block)
        try:
            random = Challenge.decode(frame.body).random
        except MalformedMessage:
            selector = None
        if frame.reply or frame.code != Challenge.CODE or frame.address == BROADCAST:
            return self._give_up(Reason.UNEXPECTED.value)
        if selector is None:
            return self._give_up(Reason.MALFORMED.value)
        self._offers = tuple(
            Handshake(self._address, key, selector, frame.crc).start(random)
            for key in self._keys
        )
        return Judged(Verdict.OPEN, frame, f"asks for the {_KEY_NAMES[selector]} key")

    def _answered(self, frame: Frame, _block: SecurityBlock) -> Judged:
        offers, self._offers = self._offers, ()
        if not offers:
            return Judged(Verdict.UNKNOWN, frame, self._why)
        for offer in offers:
            step = offer.take(frame)
            if isinstance(step, Proving):
                self._proving = step
                return Judged(Verdict.PROVED, frame)
        assert isinstance(step, Failed)  # the last one's reason is as good as any
        wrong = step.reason is Reason.WRONG_CRYPTOGRAM
        return self._give_up(NO_KEY_FITS if wrong else step.reason.value, frame)

    def _proved(self, frame: Frame, block: SecurityBlock) -> Judged:
        proving = self._proving
        if proving is None:
            return Judged(Verdict.UNKNOWN, frame, self._why)
        said = proving.said
        if frame.reply or frame.code != ServerCryptogram.CODE or block != said.security:
            return self._give_up(Reason.UNEXPECTED.value, frame)
        if not compare_digest(proving.cryptogram, frame.body):
            return Judged(Verdict.WRONG, frame, "the panel's cryptogram is wrong")
        return Judged(Verdict.PROVED, frame)

    def _welcomed(self, frame: Frame, _block: SecurityBlock) -> Judged:
        proving, self._proving = self._proving, None
        if proving is None:
            return Judged(Verdict.UNKNOWN, frame, self._why)
        step = proving.take(frame)
        if isinstance(step, Established):
            first = initial_rmac(proving.keys, proving.cryptogram)
            self._chain = _Chain(proving.keys, first)
            self._over = False
            self.sessions += 1
            return Judged(Verdict.PROVED, frame, "the session begins")
        if step.reason is Reason.WRONG_RMAC:
            self._why = NO_BEGINNING
            return Judged(Verdict.WRONG, frame, step.reason.value)
        return self._give_up(
            "the unit refused the panel's cryptogram"
            if step.reason is Reason.REFUSED
            else step.reason.value,
            frame,
        )

    def _give_up(self, why: str, frame: Frame | None = None) -> Judged:
        self._lose(why)
        return Judged(Verdict.UNKNOWN, frame, why)

    def _lose(self, why: str) -> None:
        self._offers, self._proving, self._chain = (), None, None
        self._over = True
        self._why = why


_KEY_NAMES = {Selector.DEFAULT: "default", Selector.OWN: "unit's own"}


def _selector(block: SecurityBlock) -> Selector | None:
    known = block.data in (b"\0", b"\1")
    return Selector(block.data[0]) if known else None
