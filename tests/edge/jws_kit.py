"""Requests as clients sign them, and as attackers would like to."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatewayd.core.model import ClientId
from gatewayd.edge.ed25519 import PrivateKey, PublicKey
from gatewayd.edge.secret import Secret

SEEDS = [sha256(each).digest() for each in (b"office", b"stranger", b"gateway")]
OFFICE, STRANGER, GATEWAY = (PrivateKey(Secret(seed)) for seed in SEEDS)
RAW = {
    key.thumbprint: Ed25519PrivateKey.from_private_bytes(seed)
    for key, seed in zip((OFFICE, STRANGER, GATEWAY), SEEDS, strict=True)
}
CLIENT = ClientId(OFFICE.thumbprint)
HEADER: Mapping[str, Any] = {
    "alg": "EdDSA",
    "typ": "gatewayd-request+jws",
    "kid": OFFICE.thumbprint,
}
PAYLOAD: Mapping[str, Any] = {
    "id": "r-0001",
    "site": "hq",
    "command": "door.unlock",
    "counter": 17,
    "issued": "2030-01-01T12:00:00Z",
    "expires": "2030-01-01T12:00:10Z",
    "args": {"door": "lobby"},
}


def known(client: ClientId) -> PublicKey | None:
    return OFFICE.public if client == CLIENT else None


def text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def plain(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def by_hand(header: bytes, payload: bytes, key: PrivateKey = OFFICE) -> bytes:
    """Sign whatever it is, with nothing but Ed25519 and base64."""
    content = f"{text(header)}.{text(payload)}"
    return f"{content}.{text(RAW[key.thumbprint].sign(content.encode()))}".encode()


def token(
    header: Mapping[str, Any] | None = None, *, key: PrivateKey = OFFICE, **payload: object
) -> bytes:
    """Return a good request, except for what is named; `...` leaves a key out."""
    return by_hand(_json(HEADER, header or {}), _json(PAYLOAD, payload), key)


def _json(good: Mapping[str, Any], changed: Mapping[str, Any]) -> bytes:
    whole = {key: value for key, value in {**good, **changed}.items() if value is not ...}
    return json.dumps(whole).encode()
