"""Nonces: what the gateway gives a client to prove that its next request is new.

Given when time and memory cannot say so (`replay`). Each is 16 random bytes for one client,
counts once, and within 60 seconds of being given by a clock that never jumps. They live in
memory only: after a restart none counts. A client has four at most; asking for more takes the
oldest away, so whoever asks on and on keeps others' where they are.
"""

from collections.abc import Container
from dataclasses import dataclass, field

from gatewayd.core.model import ClientId

COMMAND = "gateway.nonce"  # asks for one; any registered key may, and no time is looked at
LIFE = 60.0  # seconds
MOST_EACH = 4  # of one client at a time
SIZE = 16  # random bytes


@dataclass(slots=True)
class Nonces:
    """Those that were given and not used. Their clients are as many as are registered."""

    _given: dict[ClientId, dict[str, float]] = field(default_factory=dict)  # oldest first

    def issue(self, client: ClientId, chance: bytes, mono: float) -> str:
        """Give a client a nonce made of 16 random bytes."""
        if len(chance) != SIZE:
            raise ValueError(f"a nonce is made of {SIZE} random bytes")
        nonce = chance.hex()
        own = self._given.setdefault(client, {})
        while len(own) >= MOST_EACH:
            del own[next(iter(own))]
        own[nonce] = mono
        return nonce

    def use(self, client: ClientId, nonce: str, mono: float) -> float | None:
        """Use a nonce up. Return when it ends, None if it does not count."""
        own = self._given.get(client, {})
        given = own.pop(nonce, None)
        if not own:
            self._given.pop(client, None)
        if given is None or mono >= given + LIFE:
            return None
        return given + LIFE

    def keep_only(self, clients: Container[ClientId]) -> None:
        """Forget those of everybody else."""
        self._given = {each: own for each, own in self._given.items() if each in clients}
