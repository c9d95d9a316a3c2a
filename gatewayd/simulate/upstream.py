"""The management software of the demo: asks over MQTT, listens, hands events on."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiomqtt
from joserfc import jwe
from joserfc.jwk import OKPKey

from gatewayd.errors import GatewayError

PATIENCE = 20.0  # seconds for something to happen
ROOT = "gatewayd/demo"
CLIENT = "demo"
ENVELOPE = {"alg": "ECDH-ES", "enc": "A256GCM"}

Sink = Callable[[dict[str, object]], None]


class Upstream:
    """The management software: asks, listens, prints."""

    def __init__(self, client: aiomqtt.Client, sink: Sink) -> None:
        self._client = client
        self._sink = sink
        self._seen: dict[str, int] = {}
        self._status: dict[str, Any] = {}
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        """Take what comes, until cancelled."""
        async for message in self._client.messages:
            topic, payload = str(message.topic), message.payload
            assert isinstance(payload, bytes)
            if topic == f"{ROOT}/replies/{CLIENT}":
                _expect_ok(json.loads(payload))
            async with self._news:
                self._take(topic, payload)
                self._news.notify_all()

    def _take(self, topic: str, payload: bytes) -> None:
        if topic == f"{ROOT}/status":
            self._status = json.loads(payload)
        elif topic == f"{ROOT}/events":
            event = json.loads(payload)
            self._sink(event)
            self._seen[event["kind"]] = self._seen.get(event["kind"], 0) + 1

    async def seal(self, pin: str) -> str:
        """Put a PIN into an envelope that only the gateway opens."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self._status.get("encryption_key"))
        public: Mapping[str, str] = self._status["encryption_key"]
        key = OKPKey.import_key({each: public[each] for each in ("kty", "crv", "x")})
        registry = jwe.JWERegistry(algorithms=list(ENVELOPE.values()))
        return jwe.encrypt_compact(ENVELOPE, pin.encode(), key, registry=registry)

    def seen(self, kind: str) -> int:
        """Count the events of a kind."""
        return self._seen.get(kind, 0)

    async def wait_for(self, kind: str, times: int = 1) -> None:
        """Wait until there were so many events of a kind."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.seen(kind) >= times)

    async def ask(self, command: str, **args: object) -> None:
        """Send a request; if it is refused, `listen` raises."""
        now = datetime.now(UTC)
        request = {
            "id": uuid4().hex,
            "client": CLIENT,
            "issued": _instant(now),
            "expires": _instant(now + timedelta(seconds=10)),
            "args": args,
        }
        await self._client.publish(f"{ROOT}/requests/{command}", json.dumps(request), qos=1)


def _instant(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _expect_ok(answer: dict[str, Any]) -> None:
    """Everything the demo asks for is allowed, so a refusal is a fault worth seeing."""
    if not answer["ok"]:
        raise GatewayError(f"a request was refused: {answer['error']}")
