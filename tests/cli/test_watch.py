"""`gatewayd watch` and `gatewayd accept` beside a daemon."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from tests.cli.conftest import PATIENCE, Daemon, gatewayd

COUNTERS = {
    "polls": 86012, "reports": 412, "replies": 86019, "retries": 3, "timeouts": 4,
    "bad_checks": 1, "busy": 2, "naks": {"3": 5, "4": 2}, "unreadable": 0, "connections": 1,
    "resets": 6, "sessions": 8, "lost_sessions": 9, "unproved": 0,
    "round_trip_ms": {"p50": 3.16, "p95": 3.98, "p99": 5.62, "max": 41.7},
}  # fmt: skip


def unit(name: str, **changes: object) -> dict[str, Any]:
    said = {
        "controller": name, "line": "north", "online": True, "secure": True,
        "verdict": "approved", "tamper": False, "power": None, "counters": COUNTERS,
    }  # fmt: skip
    return said | changes


LINES = [
    {"line": "north", "trouble": None, "controllers": [unit("one"), unit("two", online=False)]},
    {
        "line": "south",
        "trouble": "No such file or directory",
        "controllers": [unit("three", tamper=True), unit("four", verdict="changed")],
    },
]


def rewrite(config: Path, old: str, new: str) -> None:
    config.write_text(config.read_text().replace(old, new))


async def test_lines_and_controllers_are_shown_with_what_was_counted(
    daemon: Daemon, config: Path
) -> None:
    daemon.handlers["site.lines"] = LINES
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("watch", "--once", "--config", config)
    assert (ended.code, ended.err) == (0, "")
    lines = [each.split() for each in ended.out.splitlines()]
    assert ["north", "open"] in lines
    counted = ["86012", *"34172896", "3.2", "4.0", "5.6", "41.7"]
    assert ["one", "secure", *counted] in lines
    assert ["two", "offline", *counted] in lines
    assert ["south", "closed"] in lines
    assert "south: No such file or directory" in ended.out
    assert ["three", "tamper", *counted] in lines
    assert ["four", "changed", *counted] in lines


async def test_on_a_narrow_terminal_nothing_is_cut_off(daemon: Daemon, config: Path) -> None:
    daemon.handlers["site.lines"] = LINES
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("watch", "--once", "--config", config, columns=80)
    lines = [each.split() for each in ended.out.splitlines()]
    assert all(len(each) <= 80 for each in ended.out.splitlines())
    assert ["one", "secure", "86012", *"34172896"] in lines
    assert ["one", "3.2", "4.0", "5.6", "41.7"] in lines
    assert "…" not in ended.out


async def test_a_program_gets_json(daemon: Daemon, config: Path) -> None:
    daemon.handlers["site.lines"] = LINES
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("watch", "--json", "--once", "--config", config)
    assert json.loads(ended.out) == LINES


async def test_it_goes_on_until_it_is_interrupted(daemon: Daemon, config: Path) -> None:
    daemon.handlers["site.lines"] = LINES
    async with daemon.serving(config.with_name("control")), asyncio.timeout(PATIENCE):
        watching = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gatewayd", "watch", "--json", "--config", str(config),
            stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        assert watching.stdout is not None
        for _ in range(2):
            assert json.loads(await watching.stdout.readline()) == LINES
        watching.send_signal(signal.SIGINT)
        _, err = await watching.communicate()
    assert (watching.returncode, err) == (0, b"")


async def test_on_a_terminal_the_table_is_drawn_again_and_again(
    daemon: Daemon, config: Path
) -> None:
    daemon.handlers["site.lines"] = LINES
    master, slave = os.openpty()
    async with daemon.serving(config.with_name("control")), asyncio.timeout(PATIENCE):
        watching = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gatewayd", "watch", "--config", str(config),
            stdout=slave, stderr=PIPE, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )  # fmt: skip
        os.close(slave)
        drawn = b""
        while drawn.count(b"north") < 2:
            drawn += await asyncio.to_thread(os.read, master, 4096)
        watching.send_signal(signal.SIGINT)
        assert await watching.wait() == 0
    os.close(master)


async def test_without_a_daemon_there_is_nothing_to_watch(config: Path) -> None:
    ended = await gatewayd("watch", "--config", config)
    assert ended.code == 75


async def test_a_unit_is_accepted_by_its_serial(daemon: Daemon, config: Path) -> None:
    daemon.answers["controller.accept"] = {"id": "x", "ok": True, "result": unit("one")}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("accept", "one", "12345678", "--config", config)
    assert ended.code == 0
    ((command, payload),) = daemon.requests
    assert command == "controller.accept"
    assert json.loads(payload)["args"] == {"controller": "one", "serial": "12345678"}
    assert ended.out == "one is the unit with serial 12345678 now: approved\n"


async def test_the_wrong_serial_accepts_nothing(daemon: Daemon, config: Path) -> None:
    error = {"code": "wrong_serial", "message": "one has serial 0000002b now"}
    daemon.answers["controller.accept"] = {"id": "x", "ok": False, "error": error}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("accept", "one", "0000002a", "--config", config)
    assert ended.code != 0
    assert "0000002b" in ended.err


async def test_the_audit_says_what_to_do(daemon: Daemon, config: Path) -> None:
    identity = {
        "vendor": "02475f", "model": 1, "firmware": [1, 0, 0], "serial": "0000002b",
        "proved": True,
    }  # fmt: skip
    seen = [
        {
            "controller": name, "line": "north", "verdict": verdict, "why": "so",
            "replacement": None, "identity": identity,
        }
        for name, verdict in (("a", "changed"), ("b", "unknown"), ("c", "misconfigured"))
    ]  # fmt: skip
    daemon.handlers["audit.report"] = {"refused": False, "controllers": seen}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("audit", "--config", config)
    assert ended.code == 69
    assert "`gatewayd accept a 0000002b`" in ended.out
    assert "b: so\n    replace it, or approve its family" in ended.out
    assert "c: so\n    correct the configuration" in ended.out


async def test_the_audit_names_the_command_that_gives_a_unit_its_key(
    daemon: Daemon, config: Path
) -> None:
    rewrite(config, 'secure = "off"\n', "")
    claimed = {
        "vendor": "02475f", "model": 1, "firmware": [1, 0, 0], "serial": "0000002b",
        "proved": False,
    }  # fmt: skip
    seen = {
        "controller": "unit", "line": "north", "verdict": "misconfigured", "why": "so",
        "replacement": None, "identity": claimed,
    }  # fmt: skip
    daemon.handlers["audit.report"] = {"refused": False, "controllers": [seen]}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("audit", "--config", config)
    assert "`gatewayd commission --line north --address 1`" in ended.out
