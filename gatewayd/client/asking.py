"""Requests as a client builds and signs them.

The counter is the time in microseconds, or one more than the last if that is higher. So it goes
on rising when the client is started anew with nothing but its key. If the client's clock went
back meanwhile the gateway answers `counter_used` with the number to go above: `Signer.above`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gatewayd.core.claims import HIGHEST_COUNTER
from gatewayd.edge.compact_jws import signed
from gatewayd.edge.ed25519 import PrivateKey
from gatewayd.edge.payloads import instant
from gatewayd.edge.request_jws import LONGEST, TYPE

LASTS = timedelta(seconds=10)
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
NONCE_NEEDED = "nonce_needed"  # the answer after which the same is asked with a nonce


class TooLong(ValueError):
    """The gateway would not look at it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be asked. With a new id and perhaps a nonce it can be asked again."""

    command: str
    args: Mapping[str, object] = field(default_factory=dict)
    lasts: timedelta = LASTS


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, ready to be published once, not retained, with QoS 1."""

    id: str
    command: str
    counter: int
    expires: datetime
    topic: str
    payload: bytes


class Signer:
    """A client's key at work for one site."""

    def __init__(self, key: PrivateKey, prefix: str, site: str, counter: int = 0) -> None:
        """Take the key; `counter` is the highest that was used, if that is known."""
        self._key = key
        self._site = site
        self.root = f"{prefix}/{site}"
        self.counter = counter

    @property
    def replies(self) -> str:
        """Return the topic on which this client is answered."""
        return f"{self.root}/replies/{self._key.thumbprint}"

    def above(self, counter: int) -> None:
        """Use no counter up to this one."""
        self.counter = max(self.counter, counter)

    def ask(
        self, question: Question, *, id_: str, now: datetime, nonce: str | None = None
    ) -> Asked:
        """Sign a request. `id_` is new each time and cannot be guessed. Raise TooLong."""
        self.counter = max(self.counter + 1, (now - BEGIN) // timedelta(microseconds=1))
        if not 0 < self.counter <= HIGHEST_COUNTER:
            raise ValueError("there is no higher counter: register a new key")
        expires = now + question.lasts
        said = {
            "id": id_,
            "site": self._site,
            "command": question.command,
            "counter": self.counter,
            "issued": instant(now),
            "expires": instant(expires),
            "args": dict(question.args),
        }
        if nonce is not None:
            said["nonce"] = nonce
        content = json.dumps(said, allow_nan=False, separators=(",", ":")).encode()
        payload = signed({"typ": TYPE}, content, self._key).encode()
        if len(payload) > LONGEST:
            raise TooLong(f"a request has {LONGEST} bytes at most, and this one {len(payload)}")
        topic = f"{self.root}/requests/{question.command}"
        return Asked(id_, question.command, self.counter, expires, topic, payload)
