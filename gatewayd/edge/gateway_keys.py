"""The gateway's key that signs, made at its first start.

Clients pin its thumbprint, together with that of the key to envelopes (`box_key`); both are
handed over when a client is registered. Whatever else shows a key is no reason to trust it.
"""

from datetime import datetime
from pathlib import Path

from gatewayd.edge.detached_jws import sign_detached
from gatewayd.edge.ed25519 import PrivateKey
from gatewayd.edge.own_key import Purpose, read_or_make
from gatewayd.edge.root_key import RootKey

FILE = "sign.key"
PURPOSE = Purpose(
    "signatures",
    FILE,
    "a new key is made, and every client must be given its fingerprint; until then they "
    "believe nothing that this gateway says",
)


class GatewayKey:
    """The private key, and what it is for."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.thumbprint = key.thumbprint
        self.public = {**key.public.jwk, "kid": key.thumbprint, "use": "sig", "alg": "EdDSA"}

    def sign(self, topic: str, payload: bytes, *, counter: int, time: datetime) -> str:
        """Return the detached JWS of what is published."""
        return sign_detached(topic, payload, self._key, counter=counter, time=time)

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"<gateway key {self.thumbprint}>"


def gateway_key(directory: Path, root: RootKey | None) -> GatewayKey:
    """Return the key; make it at the first start. Raise StateError."""
    return GatewayKey(PrivateKey(read_or_make(directory, PURPOSE, root).key))
