"""What a gateway publishes, believed or not.

A message is believed if the gateway's key signed it for this very topic, and nothing newer was
heard there: counters rise, so a broker that shows an old state shows a lower one. A broker can
still show nothing. Then nothing new is heard at all, not even `R/health`, which comes every few
seconds: `quiet_since` says since when, and whoever shows doors to people should say so too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatewayd.edge.detached_jws import NotSaid, verify_detached
from gatewayd.edge.ed25519 import PublicKey

MOST_TOPICS = 16_384  # more than a site has


class Unbelieved(ValueError):
    """Why a message is not the gateway's, or not how things are now."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of the gateway's."""

    topic: str
    payload: bytes
    time: datetime  # when it was said, by the gateway's clock
    counter: int
    again: bool  # heard before: a broker may deliver twice, and retained state comes again


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request."""

    id: str
    result: object
    error: str | None  # a stable code
    message: str


class Hearing:
    """What was heard of one gateway."""

    def __init__(
        self, key: PublicKey, mono: float, highest: Mapping[str, int] | None = None
    ) -> None:
        """Begin, where an earlier run stopped if its `highest` was kept."""
        self._key = key
        self._highest = dict(highest or {})
        self._newest = max(self._highest.values(), default=0)
        self.quiet_since = mono  # monotonic; when something new was last heard

    @property
    def highest(self) -> Mapping[str, int]:
        """Return the counters to keep, by topic."""
        return dict(self._highest)

    def hear(self, topic: str, payload: bytes, jws: str | None, mono: float) -> Heard:
        """Judge a message; `jws` is its user property. Raise Unbelieved."""
        if jws is None:
            raise Unbelieved(f"{topic}: it is not signed")
        try:
            said = verify_detached(jws, topic, payload, self._key)
        except NotSaid as error:
            raise Unbelieved(f"{topic}: {error}") from None
        highest = self._highest.get(topic, 0)
        if said.counter < highest:
            raise Unbelieved(f"{topic}: it is older than what was heard before")
        self._note(topic, said.counter, mono)
        return Heard(topic, payload, said.time, said.counter, said.counter == highest)

    def _note(self, topic: str, counter: int, mono: float) -> None:
        if topic not in self._highest and len(self._highest) >= MOST_TOPICS:
            raise Unbelieved(f"{topic}: there are more topics than a site has")
        self._highest[topic] = counter
        if counter > self._newest:
            self._newest, self.quiet_since = counter, mono


def answer_of(heard: Heard) -> Answered:
    """Read an answer that was believed. Raise Unbelieved if it is none."""
    try:
        match json.loads(heard.payload):
            case {"id": str(id_), "ok": True, "result": result}:
                return Answered(id_, result, None, "")
            case {"id": str(id_), "ok": False, "error": error}:
                return Answered(id_, None, *_error(error))
    except (ValueError, RecursionError):
        pass
    raise Unbelieved(f"{heard.topic}: this is no answer to a request")


def _error(error: Mapping[str, Any]) -> tuple[str, str]:
    match error:
        case {"code": str(code), "message": str(message)}:
            return code, message
    raise ValueError("no error")
