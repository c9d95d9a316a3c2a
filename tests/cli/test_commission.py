"""`gatewayd commission`: whoever types it sees who answers, and nothing is given unasked."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatewayd.cli import program as cli
from tests.cli.conftest import Daemon, gatewayd

COMMISSION, END = "controller.commission", "controller.end_commissioning"
SEEN: dict[str, Any] = {
    "controller": "unit",
    "vendor": "02475f",
    "model": 1,
    "serial": "0000002a",
    "firmware": [1, 2, 3],
    "capabilities": [[9, 1, 1]],
}
AT = ("commission", "--line", "north", "--address", "1")


@pytest.fixture
def daemon() -> Daemon:
    """One that always answers alike: that is both who is there and how it ended."""
    result = {**SEEN, "generation": 17}
    return Daemon(
        answers={
            COMMISSION: {"id": "1", "ok": True, "result": result},
            END: {"id": "2", "ok": True, "result": None},
        }
    )


def asked(daemon: Daemon) -> list[tuple[str, Any]]:
    return [(command, json.loads(body)["args"]) for command, body in daemon.requests]


def opening(**more: object) -> tuple[str, dict[str, object]]:
    return COMMISSION, {"controller": "unit", "seconds": 120, **more}


async def test_who_says_yes_gives_a_key_to_the_unit_that_was_shown(
    config: Path, daemon: Daemon
) -> None:
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(*AT, "--config", config, typed="y\n")
    assert ended.code == 0, ended.err
    for value in ("02475f", "0000002a", "1.2.3", "unit has a key of its own (change 17)"):
        assert value in ended.out
    assert asked(daemon) == [opening(), opening(serial="0000002a")]


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
async def test_who_does_not_say_yes_closes_the_window(
    config: Path, daemon: Daemon, typed: str
) -> None:
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(*AT, "--config", config, typed=typed)
    assert ended.code == 130
    assert "0000002a" in ended.out
    assert asked(daemon) == [opening(), (END, {"controller": "unit"})]


async def test_a_serial_number_needs_nobody_to_look(config: Path, daemon: Daemon) -> None:
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(
            *AT, "--serial", "0000002A", "--seconds", "9", "--json", "--config", config
        )
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["result"]["generation"] == 17
    assert asked(daemon) == [opening(serial="0000002A", seconds=9)]


async def test_yes_may_be_said_before(config: Path, daemon: Daemon) -> None:
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(*AT, "--yes", "--json", "--config", config)
    assert ended.code == 0, ended.err
    answered, done = map(json.loads, ended.out.splitlines())
    assert answered["answered"]["serial"] == "0000002a"
    assert done["ok"]


@pytest.mark.parametrize(
    ("error", "code"),
    [("not_commissioned", 74), ("wrong_serial", 69), ("busy", 75), ("not_secure", 64)],
)
async def test_what_went_wrong_is_said(
    config: Path, daemon: Daemon, error: str, code: int
) -> None:
    said = {"code": error, "message": "a sentence"}
    daemon.answers[COMMISSION] = {"id": "1", "ok": False, "error": said}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(*AT, "--config", config)
        assert (ended.code, ended.out) == (code, "")
        assert f"gatewayd: {error}: a sentence" in ended.err
        assert ("installation mode?" in ended.err) == (error == "not_commissioned")
        ended = await gatewayd(*AT, "--serial", "0000002a", "--config", config)
        assert ended.code == code


async def test_without_a_daemon_nobody_is_asked(config: Path) -> None:
    ended = await gatewayd(*AT, "--yes", "--config", config)
    assert ended.code == 75
    assert "no gatewayd serves" in ended.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--line", "south", "--address", "1"), "there is no line south"),
        (("--line", "north", "--address", "2"), "no controller is configured at address 2"),
        (("--line", "north", "--address", "1", "--serial", "2a"), "8 hexadecimal digits"),
        (("--line", "north", "--address", "1", "--seconds", "301"), "equal to 300"),
    ],
)
def test_what_makes_no_sense_is_not_asked(
    config: Path, arguments: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.program(["commission", *arguments, "--config", str(config)]) == 64
    assert why in capsys.readouterr().err
