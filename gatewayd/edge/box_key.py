"""The key to envelopes: upstream encrypts PINs to the gateway, nobody on the way reads them.

An envelope is a compact JWE (RFC 7516) with `ECDH-ES` on X25519 (RFC 8037) and `A256GCM`, and
nothing else. Its content is the digits of a PIN. `kid`, if it is given, is the thumbprint
(RFC 7638) of the public key, which stands on `R/status`.

What is wrong with an envelope is said in words, never with a byte of its content. Opening one
takes about 0.15 ms: whoever takes them from outside bounds their number.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from gatewayd.core.pin_entry import MAX_DIGITS, Digits
from gatewayd.edge.own_key import Purpose, read_or_make
from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret

FILE = "box.key"
PURPOSE = Purpose(
    "envelopes",
    FILE,
    "a new key is made, and its public half must be fetched anew by whoever sends PINs",
)
LONGEST = 1024  # characters of an envelope
ALGORITHM, ENCRYPTION = "ECDH-ES", "A256GCM"

_SHAPE = re.compile(
    r"(?P<head>[\w-]{1,900})\.(?P<key>[\w-]*)\.(?P<nonce>[\w-]{16})"
    r"\.(?P<content>[\w-]*)\.(?P<tag>[\w-]{22})",
    re.ASCII,
)
_PIN = re.compile(rb"[0-9]{1,%d}" % MAX_DIGITS)
_REGISTRY = jwe.JWERegistry(algorithms=[ALGORITHM, ENCRYPTION])
_PARTS = frozenset({"alg", "enc", "kid", "epk", "apu", "apv", "typ"})


class BadEnvelope(ValueError):
    """What is wrong with an envelope, for whoever sent it."""


class BoxKey:
    """The private key. Its repr shows the name of the public one only."""

    __slots__ = ("_key", "public", "thumbprint")

    def __init__(self, content: Secret) -> None:
        """Take 32 random bytes."""
        private = content.reveal()
        public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        jwk = {"kty": "OKP", "crv": "X25519", "x": _text(public)}
        self._key = OKPKey.import_key({**jwk, "d": _text(private)})
        self.thumbprint: str = self._key.thumbprint()
        self.public: Mapping[str, str] = MappingProxyType(
            {**jwk, "kid": self.thumbprint, "use": "enc", "alg": ALGORITHM}
        )

    def open(self, envelope: str) -> Digits:
        """Return the PIN in an envelope. Raise BadEnvelope."""
        self._check(envelope)
        try:
            content = jwe.decrypt_compact(envelope, self._key, registry=_REGISTRY).plaintext
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise BadEnvelope(
                "the envelope does not open: it was made for another key, or changed"
            ) from None
        if content is None or not _PIN.fullmatch(content):
            raise BadEnvelope(f"what is in the envelope is no PIN of 1 to {MAX_DIGITS} digits")
        return Digits(content.decode())

    def _check(self, envelope: str) -> None:
        """See that it is of the one kind that is opened."""
        if len(envelope) > LONGEST:
            raise BadEnvelope(f"the envelope is longer than {LONGEST} characters")
        parts = _SHAPE.fullmatch(envelope)
        head = None if parts is None else _head(parts["head"])
        if parts is None or head is None:
            raise BadEnvelope("the envelope is no compact JWE")
        if head.get("alg") != ALGORITHM or head.get("enc") != ENCRYPTION or parts["key"]:
            raise BadEnvelope(f"the envelope must have alg {ALGORITHM} and enc {ENCRYPTION}")
        if strange := sorted(head.keys() - _PARTS):
            raise BadEnvelope(f"the envelope's header must not have {strange[0][:32]!a}")
        if head.get("kid", self.thumbprint) != self.thumbprint:
            raise BadEnvelope(f"the envelope is for another key; this one is {self.thumbprint}")

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"<box key {self.thumbprint}>"


def box_key(directory: Path, root: RootKey | None) -> BoxKey:
    """Return the key; make it at the first start. Raise StateError."""
    return BoxKey(read_or_make(directory, PURPOSE, root).key)


def _head(text: str) -> dict[str, Any] | None:
    try:
        head = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) else None


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
