"""How fast a backlog leaves, and what an event costs to write.

The peer is aiomqtt as its manual shows it: twenty tasks that publish and wait, on the same
Mosquitto, with the same payloads, in turn with ours.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt

from gatewayd.core.access.model import Side
from gatewayd.core.events import AccessGranted, Event
from gatewayd.core.model import DoorId, HolderId, Moment
from gatewayd.edge.mqtt import Broker, BrokerSettings
from gatewayd.edge.payloads import encode_event
from tests.bench.result import Result
from tests.simulate.mosquitto import Mosquitto

EVENTS = 50_000
ROUNDS = 2
IN_FLIGHT = 20
ENCODED = 50_000
DRAIN_GOAL = 0.8  # of the peer
ENCODE_GOAL = 6.0  # µs

EVENT: Event = AccessGranted(DoorId("lobby"), Side.IN, "H10301:12:345", HolderId("anna"))
NOW = Moment(1234.5, datetime(2030, 1, 1, 12, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Entry:
    """One event."""

    seq: int
    body: bytes


@dataclass
class Backlog:
    """A journal's outgoing side, in memory: the disk has a figure of its own."""

    entries: list[Entry]
    delivered: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        return self.entries[after : after + limit]

    def set_delivered(self, seq: int) -> None:
        self.delivered = seq
        if seq == len(self.entries):
            self.done.set()


def measure() -> list[Result]:
    """Return the figures."""
    encoding = _encode()
    ours, bare = asyncio.run(_drain())
    return [
        Result(
            "backlog of 50,000 events drains",
            ours,
            "events/s",
            peer=f"bare aiomqtt, 20 in flight: {bare:,.0f}",
            ratio=ours / bare,
            goal="at least 0.8 of bare aiomqtt",
            met=ours / bare >= DRAIN_GOAL,
        ),
        Result(
            "an event as JSON",
            encoding,
            "µs CPU",
            goal=f"at most {ENCODE_GOAL:g} µs",
            met=encoding <= ENCODE_GOAL,
        ),
    ]


def _encode() -> float:
    """Return µs of CPU per event, the best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for seq in range(ENCODED):
            encode_event(seq, EVENT, NOW)
        best = min(best, time.process_time() - began)
    return best / ENCODED * 1e6


async def _drain() -> tuple[float, float]:
    """Return events/s of ours and of bare aiomqtt, the best of each."""
    entries = [Entry(seq, encode_event(seq, EVENT, NOW)) for seq in range(1, EVENTS + 1)]
    ours, bare = [], []
    with (
        tempfile.TemporaryDirectory() as directory,
        Mosquitto(Path(directory) / "mosquitto") as mosquitto,
    ):
        for _ in range(ROUNDS):
            bare.append(EVENTS / await _bare(mosquitto.port, entries))
            ours.append(EVENTS / await _ours(mosquitto.port, entries))
    return max(ours), max(bare)


async def _ours(port: int, entries: list[Entry]) -> float:
    backlog = Backlog(entries)
    settings = BrokerSettings(
        "127.0.0.1", port, "gatewayd/bench", "bench", "0", "broker", datetime.now(UTC)
    )
    broker = Broker(settings, backlog, lambda _: None)
    began = time.perf_counter()
    task = asyncio.create_task(broker.run())
    await backlog.done.wait()
    took = time.perf_counter() - began
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return took


async def _bare(port: int, entries: list[Entry]) -> float:
    async def publish(waiting: Iterator[Entry]) -> None:
        for entry in waiting:
            await client.publish("gatewayd/bare/events", entry.body, qos=1)

    began = time.perf_counter()
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        client.pending_calls_threshold = IN_FLIGHT
        waiting = iter(entries)
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(publish(waiting))
        return time.perf_counter() - began
