"""`gatewayd osdp firmware` asks, looks on, and says how it ended."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Daemon, gatewayd

BEGUN = {
    "id": "1",
    "ok": True,
    "result": {"controller": "unit", "file": "/srv/new.bin", "size": 8, "digest": "ab"},
}


def state(well: object, detail: str = "") -> dict[str, object]:
    ended = well is not None
    return {
        "stage": "ended" if ended else "sending",
        "acknowledged": 8 if ended else 3,
        "size": 8,
        "interruptions": 0,
        "well": well,
        "detail": detail,
    }


async def test_a_file_that_was_taken_ends_with_0(config: Path, daemon: Daemon) -> None:
    daemon.answers["controller.firmware"] = BEGUN
    daemon.handlers["firmware.progress"] = state(well=True, detail="it restarts")
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("osdp", "firmware", "unit", "new.bin", "--config", config)
    assert (ended.code, ended.out, ended.err) == (0, "unit: it restarts\n", "")
    ((command, payload),) = daemon.requests
    assert command == "controller.firmware"
    args = json.loads(payload)["args"]
    assert args == {"controller": "unit", "path": f"{os.getcwd()}/new.bin"}  # noqa: PTH109 - in an async test


async def test_the_end_can_be_had_as_json(config: Path, daemon: Daemon) -> None:
    daemon.answers["controller.firmware"] = BEGUN
    daemon.handlers["firmware.progress"] = state(well=True, detail="it restarts")
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(
            "osdp", "firmware", "unit", "new.bin", "--config", config, "--json"
        )
    assert json.loads(ended.out)["digest"] == "ab"
    assert json.loads(ended.out)["well"] is True


async def test_a_file_that_was_not_taken_ends_with_74_and_why(
    config: Path, daemon: Daemon
) -> None:
    daemon.answers["controller.firmware"] = BEGUN
    daemon.handlers["firmware.progress"] = state(well=False, detail="it takes no files")
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("osdp", "firmware", "unit", "new.bin", "--config", config)
    assert (ended.code, ended.err) == (74, "unit: it takes no files\n")


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("file_refused", 64), ("no_such_controller", 64), ("unit_not_approved", 69), ("busy", 75)],
)
async def test_what_does_not_begin_is_told(
    config: Path, daemon: Daemon, code: str, exit_code: int
) -> None:
    error = {"code": code, "message": "because"}
    daemon.answers["controller.firmware"] = {"id": "1", "ok": False, "error": error}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("osdp", "firmware", "unit", "new.bin", "--config", config)
    assert (ended.code, ended.err) == (exit_code, f"gatewayd: {code}: because\n")


async def test_a_gateway_that_was_started_anew_knows_nothing_of_it(
    config: Path, daemon: Daemon
) -> None:
    daemon.answers["controller.firmware"] = BEGUN
    daemon.handlers["firmware.progress"] = None
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("osdp", "firmware", "unit", "new.bin", "--config", config)
    assert ended.code == 74
    assert "started anew" in ended.err
