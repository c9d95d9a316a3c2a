"""What systemd is told, over a real datagram socket; and what it says of our unit."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.edge.systemd import feed_watchdog, notify, watchdog_interval

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "gatewayd.service"
PATIENCE = 5.0  # seconds


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(PATIENCE)
        yield receiver


def environ(receiver: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": receiver.getsockname(), **more}


def test_systemd_hears_that_we_are_ready(receiver: socket.socket) -> None:
    assert notify("READY=1", "STATUS=driving 3 doors", environ=environ(receiver))
    assert receiver.recv(100) == b"READY=1\nSTATUS=driving 3 doors"


def test_an_abstract_socket_is_reached() -> None:
    name = f"gatewayd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name)
        receiver.settimeout(PATIENCE)
        assert notify("STOPPING=1", environ={"NOTIFY_SOCKET": "@" + name})
        assert receiver.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1", "/nowhere/at/all"])
def test_nobody_to_notify_is_no_trouble(address: str) -> None:
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": address})


def test_without_systemd_nothing_is_sent() -> None:
    assert not notify("READY=1", environ={})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_three_times_as_often_as_it_must_be(
    given: dict[str, str], expected: float | None
) -> None:
    assert watchdog_interval(given) == expected


async def test_the_watchdog_is_fed_only_while_the_loops_that_matter_live(
    receiver: socket.socket,
) -> None:
    answers = [True, False, False, True]
    asked: list[bool] = []
    done = asyncio.Event()

    def alive() -> bool:
        asked.append(answers[len(asked)] if len(asked) < len(answers) else False)
        if len(asked) > len(answers):
            done.set()
        return asked[-1]

    feeder = asyncio.create_task(feed_watchdog(alive, environ(receiver, WATCHDOG_USEC="3000")))
    await asyncio.wait_for(done.wait(), PATIENCE)
    feeder.cancel()
    assert [receiver.recv(100), receiver.recv(100)] == [b"WATCHDOG=1"] * 2
    receiver.settimeout(0)
    with pytest.raises(BlockingIOError):
        receiver.recv(100)


async def test_without_a_watchdog_there_is_nothing_to_feed() -> None:
    await asyncio.wait_for(feed_watchdog(lambda: True, {}), PATIENCE)


# --- the unit -----------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as shipped, with a program that exists on this machine."""
    program = f"ExecStart={sys.executable}"
    text = re.sub(r"^ExecStart=\S+", program, UNIT.read_text(), flags=re.MULTILINE)
    path = tmp_path / "gatewayd.service"
    path.write_text(text)
    return path


def test_systemd_understands_the_unit(unit: Path) -> None:
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    about_ours = [line for line in result.stderr.splitlines() if "gatewayd" in line]
    assert about_ours == []
    assert result.returncode == 0, result.stderr


def test_the_unit_is_locked_up_well(unit: Path) -> None:
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-500:] + result.stderr


def test_the_unit_does_not_come_back_from_what_a_restart_cannot_mend() -> None:
    text = UNIT.read_text()
    assert "RestartPreventExitStatus=69 78\n" in text
    assert "Type=notify\n" in text
    assert "WatchdogSec=" in text
