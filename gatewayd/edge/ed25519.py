"""Ed25519 keys as the contract has them: a JWK (RFC 8037), named by its thumbprint (RFC 7638).

A public key of small order verifies signatures that nobody made, and one that is not written
in the one canonical way has two names; so neither is taken.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from gatewayd.edge.secret import Secret

FIELD: Final = 2**255 - 19
THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)

_X = THUMBPRINT  # 32 bytes look alike
_SIGN = 1 << 255
_KEYS = {"kty": "OKP", "crv": "Ed25519"}
_MAY_HAVE = frozenset({"kty", "crv", "x", "kid", "use", "alg"})
# The y of all points whose order is 1, 2, 4 or 8 (RFC 7748, 7, on contributory behaviour).
_SMALL = frozenset(
    {
        0,
        1,
        FIELD - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    }
)


class BadKey(ValueError):
    """Why something is no key that is taken, in words."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies. Made by `public_key`."""

    x: str  # the key, base64url
    thumbprint: str
    okp: OKPKey = field(repr=False, compare=False)

    @property
    def jwk(self) -> dict[str, str]:
        """Return it as a JWK."""
        return {**_KEYS, "x": self.x}


def public_key(x: str) -> PublicKey:
    """Return the key with this `x`: 32 bytes, base64url without padding. Raise BadKey."""
    if not _X.fullmatch(x):
        raise BadKey("an Ed25519 key is 43 characters of base64url")
    y = int.from_bytes(urlsafe_b64decode(x + "="), "little") & (_SIGN - 1)
    if y >= FIELD:
        raise BadKey("the key is not written in the canonical way")
    if y in _SMALL:
        raise BadKey("the key has a small order: anybody could sign for it")
    okp = OKPKey.import_key({**_KEYS, "x": x})
    return PublicKey(x, okp.thumbprint(), okp)


def from_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    """Return the key that a public JWK is. Raise BadKey, which shows nothing of it."""
    if "d" in jwk:
        raise BadKey("this is a private key: keep it, and hand over the public one")
    if any(jwk.get(name) != value for name, value in _KEYS.items()):
        raise BadKey('the key must have kty "OKP" and crv "Ed25519"')
    if strange := sorted(map(str, jwk.keys() - _MAY_HAVE)):
        raise BadKey(f"the key must not have {strange[0][:32]!a}")
    x = jwk.get("x")
    key = public_key(x if isinstance(x, str) else "")
    if jwk.get("kid", key.thumbprint) != key.thumbprint:
        raise BadKey(f"kid must be the key's thumbprint, {key.thumbprint}")
    return key


class PrivateKey:
    """A key that signs. Its repr shows the name of the public one only."""

    __slots__ = ("okp", "public")

    def __init__(self, content: Secret) -> None:
        """Take 32 random bytes."""
        private = content.reveal()
        x = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        self.public = public_key(_text(x))
        self.okp = OKPKey.import_key({**_KEYS, "x": self.public.x, "d": _text(private)})

    @property
    def thumbprint(self) -> str:
        """Return the name of the key."""
        return self.public.thumbprint

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"<signing key {self.thumbprint}>"


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
