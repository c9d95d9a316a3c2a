"""AES-CBC as a secure channel uses it, at the price of one call a message.

Making a `Cipher` costs forty times as much as encrypting a block with one. So each session
makes four and keeps them. A CBC encryptor never forgets its last block; XORing that away from
the first block of the next message, together with the vector wanted instead, begins a new
chain. Vectors and MACs are integers here, most significant byte first: that is the quickest
XOR there is. Which vector belongs to which message is the session's business.
"""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from protocol.osdp.secure_keys import SessionKeys, blocks

BLOCK = 16
_PADDING = b"\x80" + bytes(BLOCK - 1)
_FILL = [b""] + [_PADDING[:missing] for missing in range(1, BLOCK)]


class Chain:
    """AES-CBC under one key, for any number of messages with vectors of their own."""

    def __init__(self, key: bytes) -> None:
        self._encrypt = Cipher(AES(key), CBC(bytes(BLOCK))).encryptor().update
        self._newest = 0  # the last block that was made

    def encrypt(self, data: bytes, vector: int) -> bytes:
        """Encrypt whole blocks, at least one."""
        first = int.from_bytes(data[:BLOCK], "big") ^ vector ^ self._newest
        made = self._encrypt(first.to_bytes(BLOCK, "big") + data[BLOCK:])
        self._newest = int.from_bytes(made[-BLOCK:], "big")
        return made


class SessionCipher:
    """Signs, encrypts and decrypts under the keys of one session."""

    def __init__(self, keys: SessionKeys) -> None:
        self._chain = Chain(keys.first_mac)
        self._sign_last = blocks(keys.last_mac).encryptor().update
        self._data = Chain(keys.encryption)
        self._decrypt = blocks(keys.encryption).decryptor().update

    def mac(self, head: bytes, vector: int) -> bytes:
        """Return all 16 bytes of the MAC over a frame up to the end of its body (D.5)."""
        padded = head + _FILL[-len(head) % BLOCK]
        if len(padded) > BLOCK:
            made = self._chain.encrypt(padded[:-BLOCK], vector)
            vector = int.from_bytes(made[-BLOCK:], "big")
            padded = padded[-BLOCK:]
        last = int.from_bytes(padded, "big") ^ vector
        return self._sign_last(last.to_bytes(BLOCK, "big"))

    def encrypt(self, body: bytes, vector: int) -> bytes:
        """Pad, always, and encrypt a body."""
        return self._data.encrypt(body + _PADDING[: BLOCK - len(body) % BLOCK], vector)

    def decrypt(self, data: bytes, vector: int) -> bytes | None:
        """Decrypt a body and take its padding off; None if it cannot have been padded."""
        size = len(data)
        if size % BLOCK:
            return None
        if not size:
            return b""
        before = vector << 8 * (size - BLOCK) | int.from_bytes(data[:-BLOCK], "big")
        plain = int.from_bytes(self._decrypt(data), "big") ^ before
        return _without_padding(plain.to_bytes(size, "big"))


def _without_padding(padded: bytes) -> bytes | None:
    body = padded.rstrip(b"\0")
    if not body.endswith(b"\x80") or len(padded) - len(body) >= BLOCK:
        return None
    return body[:-1]
