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
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from secrets import token_bytes

import aiomqtt

from gatewayd.errors import GatewayError
from gatewayd.simulate.scene import (
    ANNA,
    BOB,
    CONFIG,
    PIN,
    STRANGER,
    UNITS,
    WRONG_PIN,
    Show,
    permissions,
)
from gatewayd.simulate.upstream import PATIENCE, ROOT, Sink, Upstream

END = 5.0  # seconds for a process to end by itself
PAUSE = 0.6  # seconds between two things, for the people who watch
Step = tuple[Callable[[], Awaitable[None]], str]  # and the event that it causes
LONGEST_TAIL = 2000  # characters of a log that are shown


@dataclass(frozen=True, slots=True)
class Length:
    """How long the demo lasts; with neither it goes on until it is cancelled."""

    seconds: float | None = None
    rounds: int | None = None
    pause: float = PAUSE  # seconds between two things


async def run(*, length: Length, sink: Sink, say: Callable[[str], None]) -> None:
    """Play the demo; events go to `sink`."""
    where = _make_room()
    try:
        async with AsyncExitStack() as stack:
            done = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(length.seconds) as over:
                    done = await _play(where, stack, sink, say, length)
            if not (done or over.expired()):
                raise GatewayError("something of the demo did not happen in time")
    finally:
        shutil.rmtree(where, ignore_errors=True)


def _make_room() -> Path:
    """Make a directory of our own, below build/ where there is one."""
    base = Path("build")
    return Path(tempfile.mkdtemp(prefix="demo-", dir=base if base.is_dir() else None)).resolve()


async def _play(
    where: Path, stack: AsyncExitStack, sink: Sink, say: Callable[[str], None], length: Length
) -> bool:
    """Return that all rounds were played."""
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
        upstream = Upstream(client, sink)
        tasks = (
            group.create_task(upstream.listen()),
            group.create_task(_watch(daemon, where / "gatewayd.log")),
        )
        await upstream.wait_for("controller.online", 3)
        people = permissions(await upstream.seal(PIN))
        await upstream.ask("permissions.apply", base=0, version=1, **people)
        await upstream.wait_for("permissions.changed")
        show = Show(_writer(site))
        played = 0
        while length.rounds is None or played < length.rounds:
            await _one_round(show, upstream, length.pause)
            played += 1
        for task in tasks:
            task.cancel()
    return True


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


async def _one_round(show: Show, upstream: Upstream, pause: float) -> None:
    """Everybody comes by once; each waits for what the one before has caused."""
    for step, kind in (*_at_the_lobby(show, upstream), *_at_the_lab(show, upstream)):
        before = upstream.seen(kind)
        await step()
        await upstream.wait_for(kind, before + 1)
        await asyncio.sleep(pause)


def _at_the_lobby(show: Show, upstream: Upstream) -> tuple[Step, ...]:
    return (
        (lambda: show.card("lobby", ANNA), "access.granted"),
        (lambda: show.walk_through("lobby"), "door.closed"),
        (lambda: show.card("lobby", STRANGER), "access.denied"),
        (lambda: show.press("lobby"), "rex.pressed"),
        (lambda: show.walk_through("lobby"), "door.closed"),
        (lambda: upstream.ask("site.lockdown", on=True), "site.lockdown"),
        (lambda: show.card("lobby", ANNA), "access.denied"),
        (lambda: upstream.ask("site.lockdown", on=False), "site.lockdown"),
    )


def _at_the_lab(show: Show, upstream: Upstream) -> tuple[Step, ...]:
    """Card and PIN are asked for here, and nobody comes in twice."""
    return (
        (lambda: show.card("lab", BOB), "access.denied"),
        (lambda: show.walk_through("lab"), "door.closed"),  # he forces the door
        (lambda: upstream.ask("door.unlock", door="lab"), "lock.released"),
        (lambda: show.walk_through("lab"), "door.closed"),
        (lambda: show.card("lab", ANNA), "access.awaited"),
        (lambda: show.keys("lab", f"{WRONG_PIN}#"), "access.denied"),
        (lambda: show.card("lab", ANNA), "access.awaited"),
        (lambda: show.keys("lab", f"{PIN}#"), "access.granted"),
        (lambda: show.walk_through("lab"), "door.closed"),
        (lambda: show.card("lab", ANNA), "access.awaited"),
        (lambda: show.keys("lab", f"{PIN}#"), "access.denied"),  # she is inside already
        (lambda: upstream.ask("passback.forgive", holder="anna"), "passback.forgiven"),
    )


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
