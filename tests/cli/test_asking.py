"""The commands that ask the running daemon: audit, health, send."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from gatewayd.cli import program as cli
from gatewayd.cli.answers import show
from gatewayd.edge.payloads import ErrorCode
from tests.cli.conftest import Daemon, gatewayd

IDENTITY: dict[str, Any] = {
    "protocol": "osdp",
    "vendor": "02475f",
    "model": 9,
    "hardware": 1,
    "serial": "0000002a",
    "firmware": [1, 2, 3],
    "capabilities": [],
    "proved": False,
    "evidence": "",
}


def controller(name: str, verdict: str, **more: object) -> dict[str, object]:
    return {
        "controller": name,
        "line": "north",
        "online": True,
        "secure": False,
        "verdict": verdict,
        "family": None,
        "why": "[bold]because[/bold]",
        "replacement": None,
        "identity": None,
        "since": None,
        **more,
    }


def report(*controllers: dict[str, object], refused: bool = False) -> dict[str, object]:
    return {"at": "2026-11-23T19:27:00Z", "refused": refused, "controllers": controllers}


# --- audit ----------------------------------------------------------------------------


async def test_a_site_that_is_all_approved_ends_with_0(config: Path, daemon: Daemon) -> None:
    daemon.handlers["audit.report"] = report(controller("unit", "approved"))
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("audit", "--config", config)
    assert (ended.code, ended.err) == (0, "")
    assert "approved" in ended.out
    assert "[bold]because[/bold]" in ended.out


@pytest.mark.parametrize("verdict", ["classic", "unreachable"])
async def test_any_other_verdict_ends_with_69(
    config: Path, daemon: Daemon, verdict: str
) -> None:
    daemon.handlers["audit.report"] = report(
        controller("good", "approved"),
        controller("bad", verdict, identity=IDENTITY, replacement="simulated reader"),
    )
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("audit", "--config", config)
    assert ended.code == 69
    row, why = [line for line in ended.out.splitlines() if "bad" in line]
    for word in (verdict, "02475f", "1.2.3", "0000002a", "claimed"):
        assert word in row
    assert why.endswith("; replace it by simulated reader")


async def test_the_report_can_be_had_as_json(config: Path, daemon: Daemon) -> None:
    daemon.handlers["audit.report"] = report(controller("unit", "approved"), refused=True)
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("audit", "--config", config, "--json")
    assert ended.code == 69
    assert json.loads(ended.out)["controllers"][0]["controller"] == "unit"


async def test_a_daemon_without_a_report_yet_is_asked_again_later(
    config: Path, daemon: Daemon
) -> None:
    daemon.handlers["audit.report"] = None
    async with daemon.serving(config.with_name("control")):
        assert (await gatewayd("audit", "--config", config)).code == 75


async def test_without_a_daemon_the_lines_are_asked_directly(config: Path) -> None:
    ended = await gatewayd("audit", "--config", config, "--json")
    assert ended.code == 69
    (unit,) = json.loads(ended.out)["controllers"]
    assert (unit["controller"], unit["verdict"]) == ("unit", "unreachable")


# --- health ---------------------------------------------------------------------------


@pytest.mark.parametrize(("result", "code"), [({"well": True}, 0), ({"well": False}, 74)])
async def test_health_says_how_the_daemon_is(
    config: Path, daemon: Daemon, result: dict[str, bool], code: int
) -> None:
    daemon.answers["health.read"] = {"id": "1", "ok": True, "result": result}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("health", "--config", config, "--json")
    assert ended.code == code
    assert json.loads(ended.out)["result"] == result


async def test_without_a_daemon_there_is_no_health(config: Path) -> None:
    ended = await gatewayd("health", "--config", config)
    assert ended.code == 75
    assert "no gatewayd serves" in ended.err


# --- send -----------------------------------------------------------------------------


async def test_a_request_is_sent_with_its_arguments(config: Path, daemon: Daemon) -> None:
    daemon.answers["permissions.apply"] = {"id": "1", "ok": True, "result": None}
    cards = config.with_name("cards.json")
    cards.write_text('{"H10301:12:345": {"holder": "anna"}}')
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(
            "send", "permissions.apply", "--config", config,
            "base=0", "version=1", f"credentials=@{cards}", "note=all of it", "why=a=b",
        )  # fmt: skip
    assert (ended.code, ended.out) == (0, "done\n")
    ((command, payload),) = daemon.requests
    assert command == "permissions.apply"
    assert json.loads(payload)["args"] == {
        "base": 0,
        "version": 1,
        "credentials": {"H10301:12:345": {"holder": "anna"}},
        "note": "all of it",
        "why": "a=b",
    }


async def test_an_error_is_shown_with_code_and_sentence(config: Path, daemon: Daemon) -> None:
    error = {"code": "controller_offline", "message": "a sentence"}
    daemon.answers["door.unlock"] = {"id": "1", "ok": False, "error": error}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("send", "door.unlock", "door=lobby", "--config", config)
    assert ended.code == 74
    assert ended.err == "gatewayd: controller_offline: a sentence\n"


@pytest.mark.parametrize("code", [*ErrorCode, "no_such_door", "door_blocked"])
def test_every_error_has_an_exit_code(code: str) -> None:
    answer = {"id": "1", "ok": False, "error": {"code": str(code), "message": "a sentence"}}
    with pytest.raises(typer.Exit) as caught:
        show(answer, as_json=False)
    assert caught.value.exit_code in (64, 69, 70, 74, 75, 77)


async def test_an_error_in_json_is_shown_whole(config: Path, daemon: Daemon) -> None:
    answer = {"id": "1", "ok": False, "error": {"code": "busy", "message": "later"}}
    daemon.answers["door.unlock"] = answer
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("send", "door.unlock", "--config", config, "--json")
    assert ended.code == 75
    assert json.loads(ended.out) == answer


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("door",), 64),
        (("=x",), 64),
        (("door=a", "door=b"), 64),
        (("holders=@/nowhere",), 74),
        (("holders=@/dev/zero",), 64),
    ],
)
def test_arguments_that_make_no_sense_are_not_sent(
    config: Path, arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.program(["send", "x", *arguments, "--config", str(config)]) == code
    assert capsys.readouterr().err.startswith("gatewayd: ")
