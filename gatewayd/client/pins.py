"""Which keys are the gateway's: those whose fingerprints were handed over on its host.

A fingerprint is the key's thumbprint (RFC 7638). The keys themselves come from `R/status`, from
anybody, and count if they have the pinned fingerprints: both, or none of them is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from gatewayd.edge.ed25519 import THUMBPRINT, BadKey, PublicKey, from_jwk

SIGNING, ENCRYPTION = "signing_key", "encryption_key"  # where they stand in R/status


class NotPinned(ValueError):
    """These are not the gateway's keys. Says why."""


@dataclass(frozen=True, slots=True)
class Pins:
    """The two fingerprints. Raises NotPinned if one cannot be one."""

    signing: str
    encryption: str

    def __post_init__(self) -> None:
        """Check both."""
        for name, pin in (("signing", self.signing), ("encryption", self.encryption)):
            if not THUMBPRINT.fullmatch(pin):
                raise NotPinned(f"the {name} fingerprint is not 43 characters of base64url")


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """The gateway's public keys."""

    signing: PublicKey
    encryption: Mapping[str, str]  # a JWK to encrypt PINs to


def pinned(status: Mapping[str, Any], pins: Pins) -> GatewayKeys:
    """Return the keys that a status shows, if they are the pinned ones. Raise NotPinned."""
    try:
        signing = from_jwk(_jwk(status, SIGNING))
    except BadKey as error:
        raise NotPinned(f"{SIGNING}: {error}") from None
    if signing.thumbprint != pins.signing:
        raise NotPinned(f"{SIGNING} is {signing.thumbprint}, and not the one that was pinned")
    return GatewayKeys(signing, _encryption(_jwk(status, ENCRYPTION), pins.encryption))


def _jwk(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = status.get(name)
    if not isinstance(found, dict):
        raise NotPinned(f"the status shows no {name}")
    return found


def _encryption(jwk: Mapping[str, Any], pin: str) -> Mapping[str, str]:
    x = jwk.get("x")
    plain: dict[str, str | list[str]] = {"kty": "OKP", "crv": "X25519", "x": f"{x}"}
    if any(jwk.get(name) != value for name, value in plain.items()) or "d" in jwk:
        raise NotPinned(f"{ENCRYPTION} is no public X25519 key")
    try:
        thumbprint = OKPKey.import_key(plain).thumbprint()
    except (JoseError, ValueError, TypeError, AttributeError):
        raise NotPinned(f"{ENCRYPTION} is no public X25519 key") from None
    if thumbprint != pin:
        raise NotPinned(f"{ENCRYPTION} is {thumbprint}, and not the one that was pinned")
    return {**{name: str(value) for name, value in plain.items()}, "kid": thumbprint}
