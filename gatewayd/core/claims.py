"""What a client says in a signed request, once the signature is known to be its own.

Nothing of it is judged yet: whether the client may ask for that (`rights`), whether it is fresh
and was never seen before (`replay`), and what the arguments mean, is asked afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gatewayd.core.model import ClientId, RequestId

HIGHEST_COUNTER = 2**53 - 1  # what every JSON library reads exactly


@dataclass(frozen=True, slots=True)
class Claims:
    """One signed request. Times are UTC."""

    client: ClientId  # thumbprint (RFC 7638) of the key that signed it
    id: RequestId
    counter: int  # 1 to HIGHEST_COUNTER
    issued: datetime
    expires: datetime
    command: str
    args: Mapping[str, object] = field(default_factory=dict, repr=False)
    nonce: str | None = None  # one that the gateway gave, if it asked for one
