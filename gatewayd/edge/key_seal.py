"""Units' keys as bytes of a file that says nothing to whoever has no root key.

    gatewayd-keys 1 <name of the root key> <generation>
    <controller> current|pending <generation> <sealed key>        hexadecimal, sorted
    <HMAC-SHA256 of all above>

Each key is sealed alone (AES-256-GCM, 12 random bytes in front) with its controller, slot and
generation as associated data: it opens in its own place only. The last line covers the whole
file, so that no line can come from an older file, be taken out or be added; nothing is
parsed, except the first line, before it is checked. Both keys derive from the root key.
A generation is the number of the write that sealed the key; it only rises.
"""

import hmac
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatewayd.core.model import ControllerId
from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import Slot
from gatewayd.errors import DamagedState, StateError

SEALED = "unit-keys.sealed"  # the file in the state directory
FORMAT = 1
LONGEST = 1 << 20  # bytes of a file; 1024 units with two keys each take less than 300 KiB
NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)  # of a controller, as in the configuration

_NONCE = 12
HEAD = re.compile(rb"gatewayd-keys (\d{1,9}) ([0-9a-f]{16}) (\d{1,18})\n")
LINE = re.compile(r"([a-z0-9_-]{1,32}) (current|pending) (\d{1,18}) ([0-9a-f]{88})", re.ASCII)
_PROOF = 32  # bytes of the last line

Place = tuple[ControllerId, Slot]


class WrongRootKey(StateError):
    """The file is sealed under another root key. Names both."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One key, sealed for one place."""

    generation: int
    box: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a file."""

    generation: int = 0
    records: Mapping[Place, Sealed] = field(default_factory=dict)


class Seal:
    """What one root key seals and opens."""

    def __init__(self, root: RootKey) -> None:
        self.name = root.name
        self._cipher = AESGCM(root.derive("seal one unit's key"))
        self._prover = Secret(root.derive("prove the file of units' keys"))

    def close(self, place: Place, generation: int, key: Secret) -> Sealed:
        """Seal a key for its place."""
        nonce = os.urandom(_NONCE)
        box = self._cipher.encrypt(nonce, key.reveal(), _label(place, generation))
        return Sealed(generation, nonce + box)

    def open(self, place: Place, sealed: Sealed) -> Secret:
        """Open a key again. DamagedState if it was not sealed for this place."""
        nonce, box = sealed.box[:_NONCE], sealed.box[_NONCE:]
        try:
            return Secret(self._cipher.decrypt(nonce, box, _label(place, sealed.generation)))
        except InvalidTag:
            raise DamagedState(f"the {place[1]} key of {place[0]} does not open") from None

    def encode(self, content: Content) -> bytes:
        """Write a file."""
        head = f"gatewayd-keys {FORMAT} {self.name} {content.generation}\n"
        text = (head + "".join(_lines(content.records))).encode()
        return text + self._proof(text)

    def decode(self, data: bytes) -> Content:
        """Read a file, and see that every key in it opens.

        Raises WrongRootKey, DamagedState, or StateError for a format of a later version.
        """
        head = self._checked_head(data)
        text, proof = data[: -2 * _PROOF - 1], data[-2 * _PROOF - 1 :]
        if not hmac.compare_digest(proof, self._proof(text)):
            raise DamagedState("its last line does not fit the rest")
        content = Content(int(head[3]), dict(map(_record, _body(text, head.end()))))
        for place, sealed in content.records.items():
            self.open(place, sealed)
        return content

    def _checked_head(self, data: bytes) -> re.Match[bytes]:
        if len(data) > LONGEST:
            raise DamagedState(f"it is longer than {LONGEST} bytes")
        head = HEAD.match(data)
        if head is None:
            raise DamagedState("its first line is not one of ours")
        if int(head[1]) > FORMAT:
            raise StateError("was written by a newer gatewayd: install that version again")
        if head[2].decode() != self.name:
            raise WrongRootKey(
                f"is sealed under root key {head[2].decode()}, and the one at hand is "
                f"{self.name}. Nothing was changed. Put the other root key in its place"
            )
        return head

    def _proof(self, text: bytes) -> bytes:
        return hmac.digest(self._prover.reveal(), text, "sha256").hex().encode() + b"\n"


def _label(place: Place, generation: int) -> bytes:
    """Write a place down in a way that fits no other: names hold no spaces."""
    controller, slot = place
    return f"gatewayd unit key {FORMAT} {controller} {slot} {generation}".encode()


def _lines(records: Mapping[Place, Sealed]) -> Iterator[str]:
    for (controller, slot), sealed in sorted(records.items(), key=lambda each: each[0]):
        yield f"{controller} {slot} {sealed.generation} {sealed.box.hex()}\n"


def _body(text: bytes, start: int) -> list[str]:
    return text[start:].decode().splitlines()


def _record(line: str) -> tuple[Place, Sealed]:
    found = LINE.fullmatch(line)
    if found is None:
        raise DamagedState("one of its lines makes no sense")
    place = ControllerId(found[1]), Slot(found[2])
    return place, Sealed(int(found[3]), bytes.fromhex(found[4]))
