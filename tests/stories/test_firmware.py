"""A controller gets new firmware while people go through its door."""

import asyncio
import hashlib
from pathlib import Path

from tests.cli.conftest import gatewayd
from tests.stories.scenery import ANNA, PERMISSIONS, READER
from tests.stories.world import simulated

FIRMWARE = bytes(at * at % 251 for at in range(8_000))


async def test_new_firmware_arrives_while_people_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "new.bin"
    path.write_bytes(FIRMWARE)
    digest = hashlib.sha256(FIRMWARE).hexdigest()
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        update = asyncio.create_task(
            gatewayd("osdp", "firmware", "lobby-unit", path, "--config", world.daemon.config)
        )
        started = await world.event("controller.firmware", step="started")
        assert (started["controller"], started["digest"]) == ("lobby-unit", digest)
        assert started["by"].startswith("request local-")
        world.card("lobby", ANNA)
        await world.pulse("lobby")
        ended = await update
        assert (ended.code, ended.err) == (0, "")
        assert ended.out == "lobby-unit: the unit has put it to use\n"
        await world.event("controller.firmware", step="finished", digest=digest)
        await world.news.until(
            lambda: world.units.heard("file", address=READER["lobby"], digest=digest),
            lambda: "the unit has no file",
        )


async def test_a_stop_in_the_middle_is_on_record(tmp_path: Path) -> None:
    path = tmp_path / "new.bin"
    path.write_bytes(bytes(1_000_000))
    async with simulated(tmp_path) as world:
        config = world.daemon.config
        asked = "controller.firmware", "controller=lab-reader", f"path={path}"
        ended = await gatewayd("send", *asked, "--config", config)
        assert ended.code == 0, ended.err
        await world.event("controller.firmware", step="started", controller="lab-reader")
        assert await world.daemon.stop() == 0
        failed = await world.event("controller.firmware", step="failed")
        assert failed["detail"] == "the gateway was stopped"
        await world.daemon.start()
        await world.event("gateway.started", after=failed["seq"])


async def test_nobody_sends_files_from_afar(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        answer = await world.ask("controller.firmware", controller="lobby-unit", path="/etc/x")
        assert answer["error"]["code"] == "not_permitted"
