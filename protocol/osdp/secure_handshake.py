"""How a panel and a unit begin a secure channel (SIA OSDP 2.2, D.3 and D.4).

    panel                                  unit
    Handshake.start(RND.A)   CHLNG   →     HandshakeAsPeripheral.take(frame, RND.B)
    Challenging.take(frame)  ← CCRYPT      Answering
    Proving                  SCRYPT  →     Answering.take(frame)
    Proving.take(frame)      ← RMAC_I      Welcoming, with its session
    Established, with its session

Each step is a value: what to say next, and a `take` for what is heard then. Steps change
nothing, so a retry says the same again. A step that fails is a `Failed`, never an exception;
nothing of it can be used for a second attempt but a new handshake. Everything is compared:
the key's selector, both cryptograms, R-MAC-I and its status, secrets in constant time.

The default key is used by whoever asks for it by name, and by nobody else.
"""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from hmac import compare_digest
from typing import Self

from protocol.errors import MalformedMessage
from protocol.message import Message
from protocol.osdp.commands import Challenge, ServerCryptogram
from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.replies import Busy, ClientCryptogram, InitialRMac, Nak, NakReason
from protocol.osdp.secure_keys import (
    DEFAULT_KEY,
    SessionKeys,
    client_cryptogram,
    derive,
    initial_rmac,
    require_key,
    require_random,
    server_cryptogram,
)
from protocol.osdp.secure_session import PeripheralSession, SecureSession, require_address

SCS_11, SCS_12, SCS_13, SCS_14 = range(0x11, 0x15)
PROVED, REFUSED = b"\x01", b"\xff"  # what SCS_14 says of the server cryptogram


class Selector(IntEnum):
    """Which key a handshake is about."""

    DEFAULT = 0  # SCBK-D
    OWN = 1  # SCBK


class Reason(Enum):
    """Why a step of a handshake failed."""

    BUSY = "the unit is busy"  # no failure: the same step may be said again later
    NOT_SUPPORTED = "the unit knows of no secure channel"  # NAK 3 or 5
    NAK = "the unit refused with a NAK"
    IN_CLEAR = "the answer came in clear"
    UNEXPECTED = "the answer belongs to something else"
    MALFORMED = "the answer does not have the parts it must have"
    WRONG_SELECTOR = "the selected key is another one"
    WRONG_CRYPTOGRAM = "the cryptogram proves no knowledge of the key"
    REFUSED = "the unit did not accept our cryptogram"
    WRONG_RMAC = "R-MAC-I does not follow from the cryptogram"


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that did not go on. `detail`: the NAK's number, the selector or the status."""

    reason: Reason
    detail: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What to say: a message, and the security block that goes with it."""

    message: Message
    security: SecurityBlock

    def frame(
        self, address: int, sequence: int, *, reply: bool = False, crc: bool = True
    ) -> Frame:
        """Wrap it; the frame is not signed, nothing of a handshake is."""
        message = self.message
        return Frame(
            address, sequence, message.CODE, message.encode(), reply, crc, self.security
        )


# --- the panel's side -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handshake:
    """The intention to begin a secure channel with one unit.

    Raises ValueError for an address that no unit can have, and for a key of any other length
    than 16 bytes. Whether it is a good key is for `weakness` to say, where it is read.
    """

    address: int
    key: bytes = field(repr=False)
    selector: Selector = Selector.OWN
    crc: bool = True

    def __post_init__(self) -> None:
        """Raise ValueError."""
        require_address(self.address)
        require_key(self.key)

    @classmethod
    def by_default_key(cls, address: int, *, crc: bool = True) -> Self:
        """Everybody can listen in: for the commissioning of a unit on a line of its own."""
        return cls(address, DEFAULT_KEY, Selector.DEFAULT, crc)

    def start(self, random: bytes) -> "Challenging":
        """Begin with RND.A, eight bytes nobody could guess; raises ValueError otherwise."""
        return Challenging(self, random, derive(self.key, random))


@dataclass(frozen=True, slots=True)
class Challenging:
    """The panel asks for the unit's proof."""

    intention: Handshake
    random: bytes  # RND.A
    keys: SessionKeys

    @property
    def said(self) -> Said:
        """osdp_CHLNG."""
        selector = bytes((self.intention.selector,))
        return Said(Challenge(self.random), SecurityBlock(SCS_11, selector))

    def take(self, frame: Frame) -> "Proving | Failed":
        """Judge osdp_CCRYPT."""
        selector = _block_data(frame, SCS_12, ClientCryptogram.CODE, reply=True)
        if isinstance(selector, Failed):
            return selector
        if selector != self.intention.selector:
            return Failed(Reason.WRONG_SELECTOR, selector)
        try:
            answer = ClientCryptogram.decode(frame.body)
        except MalformedMessage:
            return Failed(Reason.MALFORMED)
        expected = client_cryptogram(self.keys, self.random, answer.random)
        if not compare_digest(expected, answer.cryptogram):
            return Failed(Reason.WRONG_CRYPTOGRAM)
        server = server_cryptogram(self.keys, self.random, answer.random)
        return Proving(self.intention, self.keys, answer.unit, answer.random, server)


@dataclass(frozen=True, slots=True)
class Proving:
    """The unit has the key; the panel proves that it has it too."""

    intention: Handshake
    keys: SessionKeys
    unit: bytes  # cUID
    random: bytes  # RND.B, for whoever remembers those of handshakes before
    cryptogram: bytes = field(repr=False)

    @property
    def said(self) -> Said:
        """osdp_SCRYPT."""
        selector = bytes((self.intention.selector,))
        return Said(ServerCryptogram(self.cryptogram), SecurityBlock(SCS_13, selector))

    def take(self, frame: Frame) -> "Established | Failed":
        """Judge osdp_RMAC_I."""
        status = _block_data(frame, SCS_14, InitialRMac.CODE, reply=True)
        if isinstance(status, Failed):
            return status
        if status != PROVED[0]:
            return Failed(Reason.REFUSED, status)
        expected = initial_rmac(self.keys, self.cryptogram)
        if not compare_digest(expected, frame.body):
            return Failed(Reason.WRONG_RMAC)
        wanted = self.intention
        session = SecureSession(wanted.address, self.keys, expected, crc=wanted.crc)
        return Established(session, self.unit, wanted.selector)


@dataclass(frozen=True, slots=True)
class Established:
    """Both sides proved themselves."""

    session: SecureSession
    unit: bytes  # cUID, as the unit told it in clear
    selector: Selector


# --- the unit's side ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HandshakeAsPeripheral:
    """What a unit brings to a handshake; raises ValueError as `Handshake` does.

    `key` is None in a unit that was never given one. `allow_default` is its install mode.
    """

    address: int
    key: bytes | None = field(repr=False)
    unit: bytes  # cUID, 8 bytes
    allow_default: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError."""
        require_address(self.address)
        if self.key is not None:
            require_key(self.key)

    def take(self, frame: Frame, random: bytes) -> "Answering | Failed":
        """Judge osdp_CHLNG and answer it with RND.B, eight bytes nobody could guess."""
        require_random(random)
        selector = _block_data(frame, SCS_11, Challenge.CODE, reply=False)
        if isinstance(selector, Failed):
            return selector
        key = self._key_for(selector)
        if key is None:
            return Failed(Reason.WRONG_SELECTOR, selector)
        try:
            theirs = Challenge.decode(frame.body).random
        except MalformedMessage:
            return Failed(Reason.MALFORMED)
        return Answering(
            self, Selector(selector), frame.crc, theirs, random, derive(key, theirs)
        )

    def _key_for(self, selector: int) -> bytes | None:
        if selector == Selector.OWN:
            return self.key
        return DEFAULT_KEY if self.allow_default and selector == Selector.DEFAULT else None


@dataclass(frozen=True, slots=True)
class Answering:
    """The unit proves itself and asks for the panel's proof."""

    identity: HandshakeAsPeripheral
    selector: Selector
    crc: bool
    theirs: bytes  # RND.A
    random: bytes  # RND.B
    keys: SessionKeys

    @property
    def said(self) -> Said:
        """osdp_CCRYPT."""
        proof = client_cryptogram(self.keys, self.theirs, self.random)
        return Said(
            ClientCryptogram(self.identity.unit, self.random, proof),
            SecurityBlock(SCS_12, bytes((self.selector,))),
        )

    def take(self, frame: Frame) -> "Welcoming | Failed":
        """Judge osdp_SCRYPT; a wrong cryptogram is answered with `REFUSAL`."""
        selector = _block_data(frame, SCS_13, ServerCryptogram.CODE, reply=False)
        if isinstance(selector, Failed):
            return selector
        if selector != self.selector:
            return Failed(Reason.WRONG_SELECTOR, selector)
        expected = server_cryptogram(self.keys, self.theirs, self.random)
        if not compare_digest(expected, frame.body):
            return Failed(Reason.WRONG_CRYPTOGRAM)
        first = initial_rmac(self.keys, expected)
        session = PeripheralSession(self.identity.address, self.keys, first, crc=self.crc)
        return Welcoming(session, first)


@dataclass(frozen=True, slots=True)
class Welcoming:
    """Both sides proved themselves."""

    session: PeripheralSession
    initial_rmac: bytes = field(repr=False)

    @property
    def said(self) -> Said:
        """osdp_RMAC_I."""
        return Said(InitialRMac(self.initial_rmac), SecurityBlock(SCS_14, PROVED))


REFUSAL = Said(InitialRMac(bytes(16)), SecurityBlock(SCS_14, REFUSED))


def _block_data(frame: Frame, kind: int, code: int, *, reply: bool) -> int | Failed:
    """Return the one byte in the security block of the frame a step waits for."""
    if frame.reply is not reply:
        return Failed(Reason.UNEXPECTED)
    if reply and frame.code == Nak.CODE:
        return _refused(frame)
    block = frame.security
    if block is None:
        busy = reply and frame.code == Busy.CODE
        return Failed(Reason.BUSY if busy else Reason.IN_CLEAR)
    if block.type != kind or frame.code != code:
        return Failed(Reason.UNEXPECTED)
    if len(block.data) != 1:
        return Failed(Reason.MALFORMED)
    return block.data[0]


def _refused(frame: Frame) -> Failed:
    number = frame.body[0] if frame.body else None
    unknown = number in (NakReason.UNKNOWN_COMMAND, NakReason.SECURITY_UNSUPPORTED)
    return Failed(Reason.NOT_SUPPORTED if unknown else Reason.NAK, number)
