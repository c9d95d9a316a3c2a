"""What the tests of the MQTT side share: a journal in memory and a broker under test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gatewayd.edge.mqtt import Broker, BrokerSettings
from gatewayd.edge.requests import Incoming
from tests.simulate.waiting import until

R = "gatewayd/hq"
SETTINGS = BrokerSettings(
    host="127.0.0.1",
    port=0,
    root=R,
    client_id="gatewayd-hq",
    version="0.1.0",
    trust="broker",
    since=datetime(2030, 1, 1, 12, tzinfo=UTC),
    first_pause=0.01,
)


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry."""

    seq: int
    body: bytes


@dataclass
class Shelf:
    """A journal's outgoing side, in memory."""

    entries: list[Noted] = field(default_factory=list)
    delivered: int = 0
    broken: bool = False
    readings: int = 0

    def read(self, after: int, limit: int) -> Sequence[Noted]:
        self.readings += 1
        if self.broken:
            raise OSError("disk on fire")
        return self.entries[after : after + limit]

    def set_delivered(self, seq: int) -> None:
        assert seq > self.delivered
        self.delivered = seq

    def note(self, count: int = 1) -> None:
        for seq in range(len(self.entries) + 1, len(self.entries) + count + 1):
            self.entries.append(Noted(seq, b'{"seq":%d}' % seq))

    def bodies(self) -> list[bytes]:
        return [each.body for each in self.entries]


def make(
    port: int,
    shelf: Shelf | None = None,
    on_request: Callable[[Incoming], None] = lambda _: None,
    owned: Container[str] | None = None,
    **changes: Any,  # noqa: ANN401  # fields of BrokerSettings
) -> Broker:
    """Return a broker client that has not started; its pauses are the longest ones."""
    settings = replace(SETTINGS, port=port, **changes)
    return Broker(settings, shelf or Shelf(), on_request, owned, chance=lambda: 0.0)


@asynccontextmanager
async def running(broker: Broker, *, connected: bool = True) -> AsyncIterator[Broker]:
    """Run it for a while."""
    task = asyncio.create_task(broker.run())
    try:
        if connected:
            await until(lambda: broker.connected)
        yield broker
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
