"""The secure channel once more, as it is written down: slow, and with nothing shared.

Tests hold the quick one against it, benchmarks measure beside it. Vectors are the last whole
MAC of the opposite direction; each block gets a `Cipher` of its own.
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.secure_keys import SessionKeys

MADE_UP = SessionKeys(bytes(range(16)), bytes(range(50, 66)), bytes(range(100, 116)))
FIRST = bytes(range(200, 216))  # R-MAC-I


def block(key: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), ECB()).encryptor().update(data)  # noqa: S305 - one block is a block


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def mac(keys: SessionKeys, head: bytes, vector: bytes) -> bytes:
    if len(head) % 16:
        head += b"\x80"
        head += bytes(-len(head) % 16)
    for at in range(0, len(head) - 16, 16):
        vector = block(keys.first_mac, xor(head[at : at + 16], vector))
    return block(keys.last_mac, xor(head[-16:], vector))


def pad(body: bytes) -> bytes:
    body += b"\x80"
    return body + bytes(-len(body) % 16)


def encrypt(keys: SessionKeys, padded: bytes, vector: bytes) -> bytes:
    cipher = Cipher(AES(keys.encryption), CBC(xor(vector, b"\xff" * 16)))
    return cipher.encryptor().update(padded)


def decrypt(keys: SessionKeys, data: bytes, vector: bytes) -> bytes:
    cipher = Cipher(AES(keys.encryption), CBC(xor(vector, b"\xff" * 16)))
    return cipher.decryptor().update(data).rstrip(b"\0")[:-1]


@dataclass
class Plain:
    """One side of a session that seals and opens whatever it is told to."""

    address: int = 1
    unit: bool = False
    crc: bool = True
    keys: SessionKeys = MADE_UP
    said: bytes = FIRST
    heard: bytes = field(default=FIRST)

    def seal(self, sequence: int, code: int, body: bytes, *, reserved: int = 0) -> bytes:
        kind = (0x18 if body else 0x16) if self.unit else (0x17 if body else 0x15)
        if body:
            body = encrypt(self.keys, pad(body), self.heard)
        return self.sign(kind, sequence, code, body, reserved=reserved)

    def sign(
        self, kind: int, sequence: int, code: int, body: bytes, *, reserved: int = 0
    ) -> bytes:
        """Sign a frame whose body is what it is."""
        block = SecurityBlock(kind)
        parts = (self.address, sequence, code, body, self.unit, self.crc, block)
        self.said = mac(self.keys, Frame(*parts, reserved=reserved).head(), self.heard)
        return Frame(*parts, mac=self.said[:4], reserved=reserved).encode()

    def open(self, frame: Frame) -> Frame:
        self.heard = mac(self.keys, frame.head(), self.said)
        assert frame.mac == self.heard[:4]
        body = frame.body
        if body:
            body = decrypt(self.keys, body, self.said)
        return Frame(frame.address, frame.sequence, frame.code, body, frame.reply, frame.crc)
