"""Compact JWS (RFC 7515) with Ed25519 and nothing else.

Taken apart within bounds, before anything is computed; the header is strict JSON without a
key twice; one signature has one spelling. joserfc signs and verifies, with an algorithm that
is fixed here and never looked up by what a header says.

`EdDSA` (RFC 8037) and `Ed25519` (RFC 9864) are two names of that one algorithm, as a key here
is never on another curve. Both are taken; we write the older, which every library knows.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry

from gatewayd.edge.ed25519 import PrivateKey, PublicKey
from gatewayd.edge.request_json import Unreadable, read

ALGORITHM = "EdDSA"
ALGORITHMS = frozenset({ALGORITHM, "Ed25519"})
LONGEST_HEADER = 512  # characters

_SIGNATURE = 86  # characters: 64 bytes
_SPELLING = re.compile(rb"[A-Za-z0-9_-]{85}[AQgw]")  # the last has four bits to spare
_BASE64 = re.compile(rb"[A-Za-z0-9_-]+")
_MOST = 1 << 40  # of whatever joserfc would bound: it is bounded before


class _Ed25519(JWSRegistry):
    """joserfc with one algorithm. Ours to say which; it would warn of the older name."""

    max_payload_length = _MOST

    def get_alg(self, name: str) -> JWSAlgModel:  # noqa: ARG002 - whatever a header says
        return self.algorithms["Ed25519"]


_REGISTRY = _Ed25519(algorithms=sorted(ALGORITHMS), strict_check_header=False)


def header_segment(token: bytes) -> bytes | None:
    """Return the header's part, if this can be a compact JWS of ours.

    Looks at the first 512 and the last 87 bytes only: the size of a token costs nothing.
    """
    dot = token.find(b".", 0, LONGEST_HEADER + 1)
    end = len(token) - _SIGNATURE - 1
    if dot < 1 or end <= dot or token[end : end + 1] != b".":
        return None
    return token[:dot] if _SPELLING.fullmatch(token, end + 1) else None


def header_of(segment: bytes) -> Mapping[str, Any] | str:
    """Return the header, or in a word what is wrong with it."""
    if not _BASE64.fullmatch(segment) or len(segment) % 4 == 1:
        return "not base64url"
    header = read(urlsafe_b64decode(segment + b"=" * (-len(segment) % 4)))
    return str(header) if isinstance(header, Unreadable) else header


def content(token: bytes, key: PublicKey) -> bytes | None:
    """Return what was signed; None if the signature does not fit, or there is no content."""
    try:
        return jws.deserialize_compact(token, key.okp, registry=_REGISTRY).payload
    except (JoseError, ValueError, TypeError):
        return None


def signed(header: Mapping[str, Any], payload: bytes, key: PrivateKey) -> str:
    """Return a compact JWS. `header` gets `alg` and `kid`."""
    whole = {"alg": ALGORITHM, "kid": key.thumbprint, **header}
    return jws.serialize_compact(whole, payload, key.okp, registry=_REGISTRY)
