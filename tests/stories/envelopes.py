"""PINs as the management software sends them: in envelopes that only the gateway opens."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from joserfc import jwe
from joserfc.jwk import OKPKey

from gatewayd.edge.control_client import ask

HEADER = {"alg": "ECDH-ES", "enc": "A256GCM"}
_REGISTRY = jwe.JWERegistry(algorithms=list(HEADER.values()))

Seal = Callable[[str], str]


async def sealer(place: Path) -> Seal:
    """Ask a daemon for its key; return what puts a PIN into an envelope for it."""
    answer = await asyncio.to_thread(ask, place / "control", "box.key", {})
    public = answer["result"]
    key = OKPKey.import_key({each: public[each] for each in ("kty", "crv", "x")})

    def seal(pin: str) -> str:
        return jwe.encrypt_compact(HEADER, pin.encode(), key, registry=_REGISTRY)

    return seal
