"""Links that come, go and come again."""

import asyncio
import contextlib
import os
import socket
import termios
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import serial

from gatewayd.edge import serial_port, tcp
from gatewayd.edge.link import FIRST_PAUSE, READ_BOUND, WRITE_BOUND, Factory, Link, Opener

PATIENCE = 10.0  # seconds


class Ear:
    """Keeps what a link says."""

    def __init__(self) -> None:
        self.said: list[str | bytes] = []
        self.missed: list[str] = []  # reasons why there is no link
        self._news = asyncio.Event()

    def link_up(self) -> None:
        self._hear("up")

    def received(self, data: bytes) -> None:
        self._hear(data)

    def link_down(self, why: str) -> None:
        assert why
        self._hear("down")

    def no_link(self, why: str) -> None:
        self.missed.append(why)
        self._news.set()

    def _hear(self, what: str | bytes) -> None:
        self.said.append(what)
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(opener: Opener) -> AsyncIterator[tuple[Link, Ear]]:
    ear = Ear()
    link = Link(opener, ear)
    task = asyncio.create_task(link.run())
    try:
        yield link, ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Pty:
    """Two ends of a pseudo-terminal and a stable name for it."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.open()

    def open(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        os.close(slave)

    def hang_up(self) -> None:
        os.close(self.master)


async def heard_at(master: int, length: int) -> bytes:
    return await asyncio.to_thread(os.read, master, length)


async def test_bytes_go_both_ways_over_a_serial_port(tmp_path: Path) -> None:
    pty = Pty(tmp_path / "line")
    async with running(serial_port.opener(pty.link, 115200)) as (link, ear):
        await ear.until(lambda: ear.said == ["up"])
        assert link.why is None
        link.write(b"ping")
        assert await heard_at(pty.master, 4) == b"ping"
        os.write(pty.master, b"pong")
        await ear.until(lambda: ear.said == ["up", b"pong"])
    pty.hang_up()
    assert ear.said[-1] == "down"


async def test_a_port_that_goes_away_is_opened_again(tmp_path: Path) -> None:
    pty = Pty(tmp_path / "line")
    async with running(serial_port.opener(pty.link, 9600)) as (link, ear):
        await ear.until(lambda: ear.said == ["up"])
        pty.hang_up()
        await ear.until(lambda: ear.said == ["up", "down"])
        assert link.why
        pty.open()
        await ear.until(lambda: ear.said == ["up", "down", "up"])
    pty.hang_up()


async def test_a_port_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    really = serial_port.opener(tmp_path / "line", 9600)
    missed = asyncio.Event()

    async def opener(factory: Factory) -> asyncio.WriteTransport:
        try:
            return await really(factory)
        except OSError:
            missed.set()
            raise

    async with running(opener) as (link, ear):
        await asyncio.wait_for(missed.wait(), PATIENCE)
        pty = Pty(tmp_path / "line")
        await ear.until(lambda: ear.said == ["up"])
        assert link.why is None
    pty.hang_up()


async def refused(ear: Ear, opener: Opener, tries: int) -> None:
    """Wait until so many tries to open have failed; only the first of them is told of."""
    failed = asyncio.Semaphore(0)

    async def counted(factory: Factory) -> asyncio.WriteTransport:
        try:
            return await opener(factory)
        finally:
            failed.release()

    task = asyncio.create_task(Link(counted, ear).run())
    async with asyncio.timeout(PATIENCE):
        for _ in range(tries):
            await failed.acquire()
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "a\0b"])
async def test_a_name_that_can_be_no_host_is_said_once_and_ends_nothing(host: str) -> None:
    ear = Ear()
    await refused(ear, tcp.opener(host, 1), tries=3)
    assert len(ear.missed) == 1
    assert not ear.said


@pytest.mark.parametrize("device", ["/dev/null", "/dev", "/nowhere", "/dev/a\0b"])
async def test_what_is_no_port_is_said_once_and_ends_nothing(device: str) -> None:
    ear = Ear()
    await refused(ear, serial_port.opener(Path(device), 9600), tries=3)
    assert len(ear.missed) == 1
    assert not ear.said


async def test_a_port_that_goes_while_it_is_opened_is_no_fault_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pty = Pty(tmp_path / "line")
    hang_up = pty.hang_up

    def configure(self: serial.Serial) -> None:
        hang_up()
        termios.tcflush(self.fd, termios.TCIFLUSH)

    monkeypatch.setattr(serial.Serial, "_reset_input_buffer", configure)
    with pytest.raises(OSError, match="Input/output error"):
        await serial_port.opener(pty.link, 9600)(asyncio.Protocol)


async def test_a_link_that_comes_and_goes_is_opened_less_and_less_often() -> None:
    """Whoever accepts, says a word and leaves must not fill the log, or the day."""
    loop, accepted = asyncio.get_running_loop(), list[float]()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(loop.time())
        writer.write(b"S")
        writer.close()

    async with (
        await asyncio.start_server(greet, "127.0.0.1", 0) as server,
        running(tcp.opener(*server.sockets[0].getsockname())) as (_, ear),
    ):
        await ear.until(lambda: ear.said.count("up") == 5)
    assert accepted[4] - accepted[3] > 3 * FIRST_PAUSE


async def test_a_port_belongs_to_one_only(tmp_path: Path) -> None:
    """Two panels on one line would answer each other's peripherals."""
    pty = Pty(tmp_path / "line")
    opener = serial_port.opener(pty.link, 9600)
    async with running(opener) as (_, ear):
        await ear.until(lambda: ear.said == ["up"])
        with pytest.raises(OSError, match=r"lock|busy|Resource"):
            await opener(asyncio.Protocol)
    pty.hang_up()


async def test_a_port_without_rs485_or_low_latency_is_used_all_the_same(tmp_path: Path) -> None:
    pty = Pty(tmp_path / "line")
    opener = serial_port.opener(pty.link, 9600, rs485=False, low_latency=False)
    async with running(opener) as (_, ear):
        await ear.until(lambda: ear.said == ["up"])
    pty.hang_up()


async def test_a_port_that_takes_nothing_is_given_up(tmp_path: Path) -> None:
    """Frames that could not leave must not come out later, when nobody remembers them."""
    pty = Pty(tmp_path / "line")
    async with running(serial_port.opener(pty.link, 9600)) as (link, ear):
        await ear.until(lambda: ear.said == ["up"])
        for _ in range(40):
            link.write(bytes(WRITE_BOUND // 4))
        await ear.until(lambda: ear.said[:2] == ["up", "down"])
    pty.hang_up()


async def test_what_is_written_to_a_link_that_is_down_is_dropped(tmp_path: Path) -> None:
    link = Link(serial_port.opener(tmp_path / "nothing", 9600), Ear())
    link.write(b"nobody hears this")
    link.close()


async def test_bytes_go_both_ways_over_tcp_and_a_lost_peer_is_called_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        port = server.getsockname()[1]
        async with running(tcp.opener("127.0.0.1", port)) as (link, ear):
            peer, _ = await asyncio.to_thread(server.accept)
            await ear.until(lambda: ear.said == ["up"])
            link.write(b"ping")
            assert await asyncio.to_thread(peer.recv, 4) == b"ping"
            peer.sendall(b"pong")
            await ear.until(lambda: ear.said == ["up", b"pong"])
            peer.close()
            await ear.until(lambda: ear.said[-1] == "down")
            again, _ = await asyncio.to_thread(server.accept)
            await ear.until(lambda: ear.said[-1] == "up")
            again.close()


async def test_a_flood_costs_its_own_link_and_no_time() -> None:
    """A hostile serial server must not keep the loop busy looking for frames in its noise."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        async with running(tcp.opener(*server.getsockname())) as (_, ear):
            peer, _ = await asyncio.to_thread(server.accept)
            await ear.until(lambda: ear.said == ["up"])
            with contextlib.suppress(OSError):
                await asyncio.to_thread(peer.sendall, b"\x53" * (64 * READ_BOUND))
            await ear.until(lambda: "down" in ear.said)
            assert all(len(each) <= READ_BOUND for each in ear.said)
            peer.close()
