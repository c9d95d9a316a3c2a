"""A secure channel after its handshake: frames are signed, bodies are encrypted (D.5).

Every MAC begins with the last one of the opposite direction, and so does the encryption, with
its complement. So each reply answers one command of one session and no other, and what is
replayed, reflected, reordered or changed does not open.

* The two sides take turns: a session seals one message and then opens one. It cannot seal
  again before, since two messages would share a vector. A command that never went out is
  taken back with `withdraw`. Retries send again what was sealed once, a unit repeats the
  reply it sealed once; neither asks its session.
* Only what is accepted moves the chain. A stray frame opens to None and changes nothing.
* What must end a session is kept in `fault`; from then on nothing opens and nothing is
  sealed. Whoever guesses at a MAC has one guess, of 2**32, and then needs a new session.
* BUSY is said in clear and moves nothing (SIA OSDP 2.2, 7.19).
* Bodies are encrypted. That of a NAK may be signed only, as some units do: it is no secret.
"""

import struct
from binascii import crc_hqx
from enum import Enum
from hmac import compare_digest

from protocol.checks import CRC_START, checksum
from protocol.errors import UnsendableMessage
from protocol.osdp.frame import (
    BROADCAST,
    HAS_SECURITY,
    LONGEST,
    MAC_LENGTH,
    MARK,
    REPLY,
    USES_CRC,
    Frame,
    SecurityBlock,
    made,
)
from protocol.osdp.replies import Busy, Nak
from protocol.osdp.secure_cipher import BLOCK, SessionCipher
from protocol.osdp.secure_keys import SessionKeys

SIGNED_COMMAND, SIGNED_REPLY = 0x15, 0x16  # SCS_15, SCS_16: no body
ENCRYPTED = 2  # what makes SCS_17 and SCS_18 of them

_AROUND = 14  # bytes of a secured frame beside its body, with a CRC
LONGEST_SECURED = (LONGEST - _AROUND) // BLOCK * BLOCK - 1  # bytes of a body before padding

_NEGATE = (1 << 8 * BLOCK) - 1
_number = int.from_bytes
_HEAD = struct.Struct("<BBHBBBB").pack  # mark to code, with a block that has no data


class Fault(Enum):
    """Why a session is over."""

    WRONG_MAC = "a MAC does not match"
    IN_CLEAR = "a message came in clear"
    NAK_IN_CLEAR = "a NAK came in clear"  # how a unit says that it knows of no session
    NOT_ENCRYPTED = "a body was signed but not encrypted"
    BAD_PADDING = "a body does not end like an encrypted one"


def require_address(address: int) -> None:
    """Raise ValueError for an address that no unit can have a session at."""
    if not 0 <= address < BROADCAST:
        raise ValueError(f"address is {address}, must be 0 to {BROADCAST - 1}")


class _Turns:
    """What both sides of a session have in common."""

    def __init__(
        self, address: int, keys: SessionKeys, initial_rmac: bytes, *, crc: bool
    ) -> None:
        require_address(address)
        self.fault: Fault | None = None
        self._address = address
        self._crc = crc
        self._cipher = SessionCipher(keys)
        self._said = self._heard = int.from_bytes(initial_rmac, "big")
        self._seals = self._opens = SIGNED_COMMAND
        self._from = self._to = address  # as the address byte of what is heard and said
        self._hears_replies = False
        self._control = HAS_SECURITY | (USES_CRC if crc else 0)
        self._around = _AROUND if crc else _AROUND - 1
        self._may_seal = False
        self._sequence = 0  # of what was sealed last

    def seal(self, sequence: int, code: int, body: bytes) -> bytes:
        """Return a whole frame, without the mark character before it.

        Raises UnsendableMessage out of turn, and for what does not fit; the turn is then
        still this side's.
        """
        if not self._may_seal or self.fault is not None:
            raise self._out_of_turn()
        if sequence >> 2 or code >> 8 or len(body) > LONGEST_SECURED:
            raise UnsendableMessage(
                f"a secured body of {len(body)} bytes, sequence {sequence}, code {code}: "
                f"{LONGEST_SECURED} bytes, 3 and 255 are the limits"
            )
        kind, vector = self._seals, self._heard
        if body:
            kind += ENCRYPTED
            body = self._cipher.encrypt(body, vector ^ _NEGATE)
        length = self._around + len(body)
        head = _HEAD(MARK, self._to, length, self._control | sequence, 2, kind, code) + body
        mac = self._cipher.mac(head, vector)
        self._said = _number(mac, "big")
        self._may_seal = False
        self._sequence = sequence
        sealed = head + mac[:MAC_LENGTH]
        if self._crc:
            return sealed + crc_hqx(sealed, CRC_START).to_bytes(2, "little")
        return sealed + bytes((checksum(sealed),))

    def _open_sealed(self, frame: Frame, block: SecurityBlock) -> Frame | None:
        """Return what the other side sealed now, in clear; None if this is not it."""
        kind, sequence, code, body = block.type, frame.sequence, frame.code, frame.body
        encrypted, reply, crc = kind - self._opens, frame.reply, frame.crc
        if (
            (encrypted and encrypted != ENCRYPTED)
            or block.data
            or frame.address != self._address
            or reply is not self._hears_replies
        ):
            return None
        length, control = _AROUND + len(body), sequence | frame.reserved | HAS_SECURITY
        if crc:
            control |= USES_CRC
        else:
            length -= 1
        head = _HEAD(MARK, self._from, length, control, 2, kind, code) + body  # `Frame.head`
        vector = self._said
        mac = self._cipher.mac(head, vector)
        if not compare_digest(mac[:MAC_LENGTH], frame.mac):
            self.fault = Fault.WRONG_MAC
            return None
        if encrypted:
            plain = self._cipher.decrypt(body, vector ^ _NEGATE)
            if plain is None:
                self.fault = Fault.BAD_PADDING
                return None
            body = plain
        elif body and code != Nak.CODE:
            self.fault = Fault.NOT_ENCRYPTED
            return None
        if code != Busy.CODE:
            self._heard = _number(mac, "big")
            self._may_seal = True
        return made(self._address, sequence, code, body, reply, crc)

    def _out_of_turn(self) -> UnsendableMessage:
        if self.fault is not None:
            return UnsendableMessage(f"the session is over: {self.fault.value}")
        return UnsendableMessage("the session waits for the other side")


class SecureSession(_Turns):
    """The panel's side: seals commands, opens replies. It has the first turn.

    Raises ValueError for an address that no unit can have.
    """

    def __init__(
        self, address: int, keys: SessionKeys, initial_rmac: bytes, *, crc: bool = True
    ) -> None:
        super().__init__(address, keys, initial_rmac, crc=crc)
        self._opens = SIGNED_REPLY
        self._from = address | REPLY
        self._hears_replies = True
        self._may_seal = True

    def withdraw(self) -> None:
        """Take back the command sealed last: no byte of it went out, another one may."""
        self._may_seal = True

    def open(self, frame: Frame) -> Frame | None:
        """Return the reply in clear, or None if it does not answer what was sealed last.

        None with `fault` set: the session is over. None without: somebody else's frame, or
        a late one, which a different sequence number tells from a wrong answer.
        """
        if self._may_seal or self.fault is not None:
            return None
        block = frame.security
        if block is None:
            return self._open_clear(frame)
        if frame.sequence != self._sequence:
            return None
        return self._open_sealed(frame, block)

    def _open_clear(self, frame: Frame) -> Frame | None:
        if not frame.reply or frame.address != self._address:
            return None
        if frame.code == Busy.CODE:
            return frame
        self.fault = Fault.NAK_IN_CLEAR if frame.code == Nak.CODE else Fault.IN_CLEAR
        return None


class PeripheralSession(_Turns):
    """The unit's side: opens commands, seals replies. The panel has the first turn.

    A repeated command must not come here: the unit repeats its last reply instead, whose
    bytes it kept.
    """

    def __init__(
        self, address: int, keys: SessionKeys, initial_rmac: bytes, *, crc: bool = True
    ) -> None:
        super().__init__(address, keys, initial_rmac, crc=crc)
        self._seals = SIGNED_REPLY
        self._to = address | REPLY

    def open(self, frame: Frame) -> Frame | None:
        """Return the command in clear, or None; if it ends the session, `fault` says why."""
        if self._may_seal or self.fault is not None:
            return None
        block = frame.security
        if block is None:
            if not frame.reply and frame.address == self._address:
                self.fault = Fault.IN_CLEAR
            return None
        return self._open_sealed(frame, block)
