"""Envelopes for tests, and the keys they are for."""

from typing import Any

from joserfc import jwe
from joserfc.jwk import OKPKey

from gatewayd.edge.box_key import BoxKey
from gatewayd.edge.secret import Secret

KEY = BoxKey(Secret(bytes(range(32))))
OTHER = BoxKey(Secret(bytes(range(1, 33))))
PIN = "918273"
HEAD = {"alg": "ECDH-ES", "enc": "A256GCM"}


def sealed(content: str | bytes = PIN, key: BoxKey = KEY, **head: Any) -> str:  # noqa: ANN401 - JSON
    public = OKPKey.import_key({each: key.public[each] for each in ("kty", "crv", "x")})
    head = {**HEAD, **head}
    registry = jwe.JWERegistry(
        algorithms=[head["alg"], head["enc"], "DEF"], strict_check_header=False
    )
    return jwe.encrypt_compact(head, content, public, registry=registry)
