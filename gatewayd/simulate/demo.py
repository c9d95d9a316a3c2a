"""`gatewayd demo`: the main job on simulated hardware, everything else real.

Three processes are started: a broker, a simulated site on a pseudo-terminal, and the daemon
itself with a configuration written for the occasion. This process is the fourth: it plays the
management software over MQTT, plays the people at the doors through the simulation's standard
input, and prints every event as it comes back over MQTT.

The units have keys and are spoken to inside secure sessions, as on a real site.

Everything lives in a directory of its own under build/ or the system's temporary directory and
is gone afterwards, and every process is ended by its number, whatever happened.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from secrets import token_bytes
from typing import Any
from uuid import uuid4

import aiomqtt

from gatewayd.errors import GatewayError
from gatewayd.simulate.scene import ANNA, BOB, CONFIG, PERMISSIONS, STRANGER, UNITS, Show

PATIENCE = 20.0  # seconds for a process to be ready
END = 5.0  # seconds for a process to end by itself
PAUSE = 0.6  # seconds between two things, for the people who watch
LONGEST_TAIL = 2000  # characters of a log that are shown
ROOT = "gatewayd/demo"
CLIENT = "demo"

Sink = Callable[[dict[str, object]], None]


async def run(*, seconds: float | None, sink: Sink, say: Callable[[str], None]) -> None:
    """Play the demo until `seconds` are over (None: until cancelled); events go to `sink`."""
    where = _make_room()
    try:
        async with AsyncExitStack() as stack:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds) as over:
                    await _play(where, stack, sink, say)
            if not over.expired():
                raise GatewayError("something of the demo did not happen in time")
    finally:
        shutil.rmtree(where, ignore_errors=True)


def _make_room() -> Path:
    """Make a directory of our own, below build/ where there is one."""
    base = Path("build")
    return Path(tempfile.mkdtemp(prefix="demo-", dir=base if base.is_dir() else None)).resolve()


async def _play(
    where: Path, stack: AsyncExitStack, sink: Sink, say: Callable[[str], None]
) -> None:
    if find_spec("amqtt") is None:
        raise GatewayError("the demo's broker is not installed: pip install 'gatewayd[demo]'")
    port = _free_port()
    say(f"broker on 127.0.0.1:{port}")
    broker = await stack.enter_async_context(
        _process("gatewayd.simulate.broker", str(port), log=where / "broker.log")
    )
    await _line_of(broker, "the broker")
    config = where / "config.toml"
    config.write_text(CONFIG.format(port=port, where=where))
    say("gatewayd keys make-root; gatewayd keys import")
    keys = _make_keys()
    await _tool("keys", "make-root", "--config", str(config))
    ours = _private(where / "keys", {each.name: keys[each.address] for each in UNITS})
    await _tool("keys", "import", str(ours), "--config", str(config))
    ours.unlink()
    say("simulated site: four OSDP units on one pseudo-terminal, one of them Classic")
    theirs = _private(where / "units.keys", {str(each): key for each, key in keys.items()})
    site = await stack.enter_async_context(
        _process(
            "gatewayd",
            "simulate",
            "--link",
            str(where / "line"),
            "--keys",
            str(theirs),
            log=where / "site.log",
        )
    )
    await _line_of(site, "the simulated site")
    say("gatewayd run")
    daemon = await stack.enter_async_context(
        _process("gatewayd", "run", "--config", str(config), log=where / "gatewayd.log")
    )
    async with aiomqtt.Client("127.0.0.1", port) as client, asyncio.TaskGroup() as group:
        await client.subscribe(f"{ROOT}/#", qos=1)
        upstream = _Upstream(client, sink)
        group.create_task(upstream.listen())
        group.create_task(_watch(daemon, where / "gatewayd.log"))
        await upstream.wait_for("controller.online", 3)
        await upstream.ask("permissions.apply", base=0, version=1, **PERMISSIONS)
        await upstream.wait_for("permissions.changed")
        show = Show(_writer(site))
        while True:
            await _one_round(show, upstream)


def _make_keys() -> dict[int, bytes]:
    """Make a base key for every unit; a Classic one has no use for it."""
    return {each.address: token_bytes(16) for each in UNITS}


def _private(path: Path, keys: Mapping[str, bytes]) -> Path:
    """Write keys into a file that only we may read."""
    path.touch(0o600)
    path.write_text("".join(f"{name} {key.hex()}\n" for name, key in keys.items()))
    return path


async def _tool(*arguments: str) -> None:
    """Run one of our commands to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gatewayd", *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    try:
        _, said = await process.communicate()
    finally:
        await asyncio.shield(_end(process))
    if process.returncode:
        raise GatewayError(said.decode(errors="replace")[-LONGEST_TAIL:])


async def _one_round(show: Show, upstream: "_Upstream") -> None:
    """Everybody comes by once."""
    steps: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: show.somebody_enters("lobby", ANNA),
        lambda: show.card("lobby", STRANGER),
        lambda: show.card("lab", BOB),
        lambda: show.somebody_leaves("lobby"),
        lambda: show.somebody_forces("lab"),
        lambda: upstream.ask("door.unlock", door="lab"),
        lambda: show.somebody_walks_through("lab"),
    )
    for step in steps:
        await step()
        await asyncio.sleep(PAUSE)


class _Upstream:
    """The management software: asks, listens, prints."""

    def __init__(self, client: aiomqtt.Client, sink: Sink) -> None:
        self._client = client
        self._sink = sink
        self._seen: dict[str, int] = {}
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self._client.messages:
            topic, payload = str(message.topic), message.payload
            assert isinstance(payload, bytes)
            if topic == f"{ROOT}/replies/{CLIENT}":
                _expect_ok(json.loads(payload))
            if topic != f"{ROOT}/events":
                continue
            event = json.loads(payload)
            self._sink(event)
            async with self._news:
                self._seen[event["kind"]] = self._seen.get(event["kind"], 0) + 1
                self._news.notify_all()

    async def wait_for(self, kind: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self._seen.get(kind, 0) >= times)

    async def ask(self, command: str, **args: object) -> None:
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


@asynccontextmanager
async def _process(module: str, *args: str, log: Path) -> AsyncIterator[Process]:
    """Run one of our modules; end it, by its number, when the block is left."""
    with log.open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *args,
            stdin=PIPE,
            stdout=PIPE,
            stderr=err,
        )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


async def _end(process: Process) -> None:
    for way in (process.terminate, process.kill):
        with contextlib.suppress(ProcessLookupError):
            way()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END):
                await process.wait()
                return


async def _line_of(process: Process, who: str) -> str:
    """Wait for the first line a process prints: it is ready."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        raise GatewayError(f"{who} did not start")
    return line.decode()


async def _watch(daemon: Process, log: Path) -> None:
    """Without the daemon there is no demo."""
    code = await daemon.wait()
    raise GatewayError(f"gatewayd ended with {code}:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-LONGEST_TAIL:]


def _writer(site: Process) -> Callable[[dict[str, object]], None]:
    def write(order: dict[str, object]) -> None:
        assert site.stdin is not None
        site.stdin.write(json.dumps(order).encode() + b"\n")

    return write


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
