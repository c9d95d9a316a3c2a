"""The keys of a secure channel, and what proves that somebody has them (SIA OSDP 2.2, D.4).

From the base key of a unit (SCBK) and the panel's random bytes RND.A come three keys for one
session. Only six of the eight random bytes take part. Panel and unit prove to each other
that they could derive them: each encrypts both random numbers, in opposite order.

AES-ECB is right here and nowhere else: every input is one block that never repeats under its
key, or two of which one is fresh random bytes of each side.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

KEY_LENGTH = 16
RANDOM_LENGTH = 8  # RND.A, RND.B
RANDOM_IN_KEYS = 6  # bytes of RND.A that enter the session's keys

DEFAULT_KEY = bytes(range(0x30, 0x40))  # SCBK-D, which everybody knows

PUBLISHED_KEYS = frozenset(  # examples somebody copies, as far as they look random
    bytes.fromhex(key)
    for key in (
        "2b7e151628aed2a6abf7158809cf4f3c",  # FIPS 197, SP 800-38A, RFC 4493
        "8e73b0f7da0e6452c810f32b809079e5",  # the first half of the one of 192 bits
        "603deb1015ca71be2b73aef0857d7781",  # both halves of the one of 256 bits
        "1f352c073b6108d72d9810a30914dff4",
        "06a9214036b8a15b512e03d534120006",  # RFC 3602
        "c286696d887c9aa0611bbb3e2025a45a",
        "6c3ea0477630ce21a2ce334aa746c2cd",
        "56e47a38c5598974bc46903dba290349",
        "ae6852f8121067cc4bf7a5765577f39e",  # RFC 3686
        "7e24067817fae0d743d6ce1f32539163",
        "7691be035e5020a8ac6e618529f9a0dc",
        "d7828d13b2b0bdc325a76236df93cc6b",  # RFC 3610
        "feffe9928665731c6d6a8f9467308308",  # the papers on GCM
        "5468617473206d79204b756e67204675",  # "Thats my Kung Fu", of many a lesson on AES
        "c18a12507ef271fed4820ed75128ef4e",  # called the default in examples of OSDP software
    )
)

_LONGEST_PERIOD = 10  # of keys that repeat themselves: a word, all the digits

_ENCRYPTION, _FIRST_MAC, _LAST_MAC = b"\x01\x82", b"\x01\x01", b"\x01\x02"


@dataclass(frozen=True, slots=True)
class BaseKey:
    """The base key of a unit (SCBK), and the name its owner knows it by.

    Raises ValueError for a key that is no secret.
    """

    name: str
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Raise ValueError."""
        if weak := weakness(self.content):
            raise ValueError(f"the key {self.name!r} {weak}")


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """What one session encrypts with (S-ENC) and signs with (S-MAC1, S-MAC2)."""

    encryption: bytes = field(repr=False)
    first_mac: bytes = field(repr=False)  # for all blocks but the last
    last_mac: bytes = field(repr=False)


def blocks(key: bytes) -> Cipher[ECB]:
    """Return AES on single blocks; raises ValueError unless the key has 16 bytes."""
    require_key(key)
    return Cipher(AES(key), ECB())  # noqa: S305 - the standard's, and never on repeating blocks


def require_key(key: bytes) -> None:
    """Raise ValueError unless this is as long as a key, without showing it."""
    _require("a key", key, KEY_LENGTH)


def require_random(random: bytes) -> None:
    """Raise ValueError unless this is as long as RND.A and RND.B."""
    _require("a random number", random, RANDOM_LENGTH)


def derive(key: bytes, random_a: bytes) -> SessionKeys:
    """Return the keys of the session that the panel began with RND.A; raises ValueError."""
    require_random(random_a)
    end = random_a[:RANDOM_IN_KEYS] + bytes(8)
    encrypt = blocks(key).encryptor().update
    return SessionKeys(
        encrypt(_ENCRYPTION + end), encrypt(_FIRST_MAC + end), encrypt(_LAST_MAC + end)
    )


def client_cryptogram(keys: SessionKeys, random_a: bytes, random_b: bytes) -> bytes:
    """Return the unit's proof, 16 bytes."""
    return blocks(keys.encryption).encryptor().update(random_a + random_b)


def server_cryptogram(keys: SessionKeys, random_a: bytes, random_b: bytes) -> bytes:
    """Return the panel's proof, 16 bytes."""
    return blocks(keys.encryption).encryptor().update(random_b + random_a)


def initial_rmac(keys: SessionKeys, server: bytes) -> bytes:
    """Return R-MAC-I, where the chain of MACs begins, from the server cryptogram."""
    once = blocks(keys.first_mac).encryptor().update(server)
    return blocks(keys.last_mac).encryptor().update(once)


def weakness(key: bytes) -> str | None:
    """Say what is wrong with a base key, None if nothing is; the key is not in the answer.

    These are the keys somebody guesses first, the ones people type by hand, and the ones they
    copy. A random key is among them once in 2**42 times.
    """
    if len(key) != KEY_LENGTH:
        return f"has {len(key)} bytes, must have {KEY_LENGTH}"
    ascending = sorted(key)
    steps = {after - before & 0xFF for before, after in pairwise(key)}
    found = {
        "is the default key": key == DEFAULT_KEY,
        "is a published example": key in PUBLISHED_KEYS,
        "is one byte repeated": steps == {0},
        "repeats itself": any(key[at:] == key[:-at] for at in range(2, _LONGEST_PERIOD + 1)),
        "only rises": steps == {1} or list(key) == ascending,
        "only falls": steps == {0xFF} or list(key) == ascending[::-1],
        "counts in equal steps": len(steps) == 1,
        "reads the same backwards": key.hex() == key.hex()[::-1],
    }
    return next((what for what, true in found.items() if true), None)


def _require(what: str, given: bytes, length: int) -> None:
    if len(given) != length:
        raise ValueError(f"{what} has {length} bytes, not {len(given)}")
