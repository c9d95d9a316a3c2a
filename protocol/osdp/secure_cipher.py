"""AES-CBC as a secure channel uses it, with contexts that are made once.

Making a `Cipher` costs forty times as much as encrypting a block with one. A session makes
four and keeps them. Those that chain go on for ever: where one stands is known, the last
block it returned, and so each message begins at the vector it should, by XOR of both into
its first block. Vectors are integers, most significant byte first. Which of them belongs to
which message is the session's business.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from protocol.osdp.secure_keys import SessionKeys, blocks

BLOCK = 16
_BITS = 8 * BLOCK
_ONE_BLOCK = (1 << _BITS) - 1
_PADDING = b"\x80" + bytes(BLOCK - 1)
_FILL = [b""] + [_PADDING[: BLOCK - over] for over in range(1, BLOCK)]  # by bytes over

_Update = Callable[[bytes], bytes]

_number = int.from_bytes


class SessionCipher:
    """Signs, encrypts and decrypts under the keys of one session."""

    def __init__(self, keys: SessionKeys) -> None:
        self._sign_first = _chain(keys.first_mac)
        self._sign_last = blocks(keys.last_mac).encryptor().update
        self._encrypt = _chain(keys.encryption)
        self._decrypt = blocks(keys.encryption).decryptor().update
        self._signed = self._encrypted = 0  # the last block of each chain

    def mac(self, head: bytes, vector: int) -> bytes:
        """Return all 16 bytes of the MAC over a frame up to the end of its body (D.5)."""
        size = len(head)
        if size > 2 * BLOCK:
            before = (size - 1) // BLOCK * BLOCK
            done = _run(self._sign_first, head[:before], vector ^ self._signed)
            self._signed = vector = _number(done[-BLOCK:], "big")
            head, size = head[before:], size - before
        rest = _number(head + _FILL[size % BLOCK], "big")
        if size > BLOCK:
            first = (rest >> _BITS) ^ vector ^ self._signed
            done = self._sign_first(first.to_bytes(BLOCK, "big"))
            self._signed = vector = _number(done, "big")
            rest &= _ONE_BLOCK
        return self._sign_last((rest ^ vector).to_bytes(BLOCK, "big"))

    def encrypt(self, body: bytes, vector: int) -> bytes:
        """Pad, always, and encrypt a body."""
        padded = body + _PADDING[: BLOCK - len(body) % BLOCK]
        done = _run(self._encrypt, padded, vector ^ self._encrypted)
        self._encrypted = _number(done[-BLOCK:], "big")
        return done

    def decrypt(self, data: bytes, vector: int) -> bytes | None:
        """Decrypt a body and take its padding off; None if it cannot have been padded."""
        size = len(data)
        if size != BLOCK:
            if size % BLOCK:
                return None
            if not size:
                return b""
            # each block's vector is the one before it
            vector = vector << 8 * (size - BLOCK) | _number(data[:-BLOCK], "big")
        padded = (_number(self._decrypt(data), "big") ^ vector).to_bytes(size, "big")
        body = padded.rstrip(b"\0")
        if not body.endswith(b"\x80") or size - len(body) >= BLOCK:
            return None
        return body[:-1]


def _chain(key: bytes) -> _Update:
    return Cipher(AES(key), CBC(bytes(BLOCK))).encryptor().update


def _run(update: _Update, blocks: bytes, vector: int) -> bytes:
    first = _number(blocks[:BLOCK], "big") ^ vector
    return update(first.to_bytes(BLOCK, "big") + blocks[BLOCK:])
