"""A talk on a line ends well, or says what is in the way."""

import asyncio
import errno
import math
import os
import tty
from pathlib import Path

import pytest

from gatewayd.edge import serial_port
from gatewayd.edge.link import Factory
from gatewayd.edge.osdp_talk import TOLD_BOUND, Talk
from gatewayd.errors import GatewayError, LineFailed, NotPermitted, PortInUse

PATIENCE = 10.0


class Parrot:
    """Says a word once, tells what it hears, and whatever else it is made to."""

    def __init__(self, *, tells: int = 1, fault: Exception | None = None) -> None:
        self.deadline = math.inf
        self._words = [b"hello"]
        self._heard: list[bytes] = []
        self._tells, self._fault = tells, fault

    def link_up(self, _now: float) -> None:
        """It is always ready."""

    def link_down(self, _now: float) -> None:
        """It does not mind."""

    def outgoing(self, _now: float) -> bytes:
        return self._words.pop() if self._words else b""

    def receive(self, data: bytes, _now: float) -> None:
        if self._fault is not None:
            raise self._fault
        self._heard += [data] * self._tells

    def next_event(self) -> bytes | None:
        return self._heard.pop() if self._heard else None


@pytest.fixture
def line(tmp_path: Path) -> tuple[Path, int]:
    master, slave = os.openpty()
    tty.setraw(slave)
    link = tmp_path / "line"
    link.symlink_to(os.ttyname(slave))
    os.close(slave)
    return link, master


def talk_with(parrot: Parrot, link: Path) -> Talk[bytes]:
    return Talk(serial_port.opener(link, 9600), parrot, "the port")


async def test_what_is_said_goes_out_and_what_is_heard_is_told(line: tuple[Path, int]) -> None:
    link, master = line
    async with talk_with(Parrot(), link) as talk:
        assert await asyncio.to_thread(os.read, master, 5) == b"hello"
        os.write(master, b"x")
        assert await talk.until(lambda: talk.told == [b"x"], PATIENCE)
        assert not await talk.until(lambda: False, 0.01)
    os.close(master)


async def test_a_port_is_free_again_at_once(line: tuple[Path, int]) -> None:
    link, master = line
    for _ in range(20):
        async with talk_with(Parrot(), link):
            pass
    os.close(master)


async def test_a_port_that_is_taken_is_said_to_be(line: tuple[Path, int]) -> None:
    link, master = line
    async with talk_with(Parrot(), link):
        with pytest.raises(PortInUse, match="the port is in use"):
            await talk_with(Parrot(), link).__aenter__()
    os.close(master)


async def test_a_line_that_goes_away_ends_the_talk(line: tuple[Path, int]) -> None:
    link, master = line
    async with talk_with(Parrot(), link) as talk:
        os.close(master)
        with pytest.raises(LineFailed, match="the port went away"):
            await talk.until(lambda: False, PATIENCE)


@pytest.mark.parametrize(
    ("parrot", "trouble"),
    [
        (Parrot(fault=KeyError("ours")), KeyError),
        (Parrot(tells=TOLD_BOUND + 1), LineFailed),
    ],
)
async def test_a_fault_of_ours_and_a_flood_end_it(
    parrot: Parrot, trouble: type[Exception], line: tuple[Path, int]
) -> None:
    link, master = line
    async with talk_with(parrot, link) as talk:
        os.write(master, b"x")
        with pytest.raises(trouble):
            await talk.until(lambda: False, PATIENCE)
    os.close(master)


@pytest.mark.parametrize(
    ("error", "trouble", "said"),
    [
        (OSError(errno.EAGAIN, "locked"), PortInUse, "systemctl stop gatewayd"),
        (OSError(errno.EBUSY, "busy"), PortInUse, "in use"),
        (OSError(errno.EACCES, "no"), NotPermitted, "not for this user"),
        (OSError(errno.ENOENT, "No such file"), LineFailed, "No such file"),
        (TimeoutError(), LineFailed, "no answer"),
        (ValueError("no such host"), LineFailed, "no such host"),
    ],
)
async def test_a_port_that_cannot_be_opened_says_why(
    error: OSError | ValueError, trouble: type[GatewayError], said: str
) -> None:
    async def refuse(_: Factory) -> asyncio.WriteTransport:
        raise error

    with pytest.raises(trouble, match=said):
        await Talk[bytes](refuse, Parrot(), "the port").__aenter__()
