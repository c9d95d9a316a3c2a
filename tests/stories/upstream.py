"""The management software of the stories: a real MQTT client that keeps all it hears.

It comes back by itself when the broker was away, with the session it had, so that a broker
that remembers has kept what came meanwhile.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.stories.news import PATIENCE, News

ROOT = "gatewayd/site"
CLIENT = "upstream"
AGAIN = 0.05  # seconds between two tries to connect
VALIDITY = timedelta(seconds=30)  # of a request
REMEMBERED = 600  # seconds the broker keeps the session of a client that is away

Document = dict[str, Any]


def instant(when: datetime) -> str:
    """Write a time as requests do."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def request(
    args: Mapping[str, Any],
    *,
    name: str | None = None,
    client: str = CLIENT,
    issued: datetime | None = None,
    validity: timedelta = VALIDITY,
) -> Document:
    """Lay out a request; `name` is its id."""
    issued = issued or datetime.now(UTC)
    return {
        "id": name or uuid4().hex,
        "client": client,
        "issued": instant(issued),
        "expires": instant(issued + validity),
        "args": dict(args),
    }


class Upstream:
    """Hears everything below R and asks for things."""

    def __init__(self, port: int, news: News) -> None:
        self.events: list[Document] = []  # as they arrived, repetitions included
        self.first: list[Document] = []  # each number once, in the order of arrival
        self.live: list[Document] = []
        self.state: dict[str, Document] = {}  # what is retained now, by topic below R
        self.shown: list[tuple[str, Document]] = []  # every retained document, in order
        self.replies: list[tuple[str, Document]] = []  # with the client they are for
        self.connected = False
        self._port = port
        self._news = news
        self._numbers: set[int] = set()
        self._client: aiomqtt.Client | None = None

    @property
    def last(self) -> int:
        """The number up to which nothing is missing at the end, 0 before the first."""
        return int(self.first[-1]["seq"]) if self.first else 0

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except aiomqtt.MqttError:
                self.connected = False
                self._news.tell()
                await asyncio.sleep(AGAIN)

    async def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish below R."""
        assert self._client is not None
        await self._client.publish(f"{ROOT}/{topic}", payload, qos=1, retain=retain)

    async def send(self, command: str, document: object) -> None:
        """Send a request as it stands."""
        await self.publish(f"requests/{command}", json.dumps(document))

    async def answer_to(self, name: str, patience: float = PATIENCE) -> Document:
        """Return the answer to a request."""
        return await self._news.until(
            lambda: next((each for _, each in self.replies if each["id"] == name), None),
            lambda: f"an answer to {name}; there are {self.replies[-5:]}",
            patience,
        )

    def answers_to(self, name: str) -> list[Document]:
        """Return every answer so far; there should be one."""
        return [each for _, each in self.replies if each["id"] == name]

    async def _listen(self) -> None:
        forever = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        forever.SessionExpiryInterval = REMEMBERED
        async with aiomqtt.Client(
            "127.0.0.1",
            self._port,
            identifier=CLIENT,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=forever,
        ) as client:
            await client.subscribe(f"{ROOT}/#", qos=1)
            self._client, self.connected = client, True
            self._news.tell()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                self._take(str(message.topic).removeprefix(f"{ROOT}/"), message.payload)
                self._news.tell()

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.startswith("requests/"):
            return
        if not payload:  # no longer retained
            self.state.pop(topic, None)
            return
        document = json.loads(payload)
        match topic.split("/"):
            case ["events"]:
                self.events.append(document)
                if document["seq"] not in self._numbers:
                    self._numbers.add(document["seq"])
                    self.first.append(document)
            case ["live"]:
                self.live.append(document)
            case ["replies", client]:
                self.replies.append((client, document))
            case _:
                self.state[topic] = document
                self.shown.append((topic, document))
