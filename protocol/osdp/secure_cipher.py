"""AES-CBC as a secure channel uses it, with encryptors that are made once.

Making a `Cipher` costs forty times as much as encrypting a block with one. A session makes
four and keeps them, and chains block after block by XOR of integers, most significant byte
first: for the one or two blocks of nearly all that is ever said, nothing is quicker. Which
vector belongs to which message is the session's business.
"""

from protocol.osdp.secure_keys import SessionKeys, blocks

BLOCK = 16
_PADDING = b"\x80" + bytes(BLOCK - 1)
_FILL = [b""] + [_PADDING[:missing] for missing in range(1, BLOCK)]

_number = int.from_bytes


class SessionCipher:
    """Signs, encrypts and decrypts under the keys of one session."""

    def __init__(self, keys: SessionKeys) -> None:
        self._sign_first = blocks(keys.first_mac).encryptor().update
        self._sign_last = blocks(keys.last_mac).encryptor().update
        self._encrypt = blocks(keys.encryption).encryptor().update
        self._decrypt = blocks(keys.encryption).decryptor().update

    def mac(self, head: bytes, vector: int) -> bytes:
        """Return all 16 bytes of the MAC over a frame up to the end of its body (D.5)."""
        padded = head + _FILL[-len(head) % BLOCK]
        last = len(padded) - BLOCK
        for at in range(0, last, BLOCK):
            block = (_number(padded[at : at + BLOCK], "big") ^ vector).to_bytes(BLOCK, "big")
            vector = _number(self._sign_first(block), "big")
        return self._sign_last((_number(padded[last:], "big") ^ vector).to_bytes(BLOCK, "big"))

    def encrypt(self, body: bytes, vector: int) -> bytes:
        """Pad, always, and encrypt a body."""
        padded = body + _PADDING[: BLOCK - len(body) % BLOCK]
        made = []
        for at in range(0, len(padded), BLOCK):
            block = (_number(padded[at : at + BLOCK], "big") ^ vector).to_bytes(BLOCK, "big")
            made.append(self._encrypt(block))
            vector = _number(made[-1], "big")
        return b"".join(made)

    def decrypt(self, data: bytes, vector: int) -> bytes | None:
        """Decrypt a body and take its padding off; None if it cannot have been padded."""
        size = len(data)
        if size % BLOCK:
            return None
        if not size:
            return b""
        if size > BLOCK:  # each block's vector is the one before it
            vector = vector << 8 * (size - BLOCK) | _number(data[:-BLOCK], "big")
        plain = _number(self._decrypt(data), "big") ^ vector
        return _without_padding(plain.to_bytes(size, "big"))


def _without_padding(padded: bytes) -> bytes | None:
    body = padded.rstrip(b"\0")
    if not body.endswith(b"\x80") or len(padded) - len(body) >= BLOCK:
        return None
    return body[:-1]
