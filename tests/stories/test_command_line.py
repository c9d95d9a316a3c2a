"""The command-line tools beside the running daemon."""

import json
from pathlib import Path

from tests.cli.conftest import gatewayd
from tests.stories.scenery import LOCK
from tests.stories.world import SUPPORTED, simulated


async def test_an_operator_uses_the_tools_beside_the_daemon(tmp_path: Path) -> None:
    async with simulated(tmp_path, trust="signed") as world:
        config = world.daemon.config
        ended = await gatewayd("send", "door.unlock", "door=lobby", "--config", config)
        assert ended.code == 0, ended.err
        (pulse,) = world.pulses
        assert pulse.address == LOCK["lobby"]
        released = await world.event("lock.released", door="lobby")
        assert released["by"].startswith("request local-")

        ended = await gatewayd("send", "door.unlock", "door=vault", "--config", config)
        assert ended.code == 64
        assert "no_such_door" in ended.err

        ended = await gatewayd("health", "--json", "--config", config)
        assert ended.code == 0
        health = json.loads(ended.out)["result"]
        assert health["well"]
        assert health["controllers"] == {"approved": 3, "online": 3}
        assert health["broker"] == "connected, MQTT 5"

        await world.verdicts(dict.fromkeys(SUPPORTED, "approved"))
        ended = await gatewayd("audit", "--json", "--config", config)
        assert ended.code == 0
        report = json.loads(ended.out)
        assert {each["verdict"] for each in report["controllers"]} == {"approved"}

        ended = await gatewayd("run", "--config", config)
        assert ended.code == 75  # there is one already
        assert str(tmp_path / "state") in ended.err
        assert (await world.health())["well"]


async def test_every_mistake_keeps_the_daemon_from_starting(tmp_path: Path) -> None:
    async with simulated(tmp_path, begin=False) as world:
        config = world.daemon.config
        text = config.read_text().replace("address = 2", "address = 1")
        config.write_text(text.replace('"block"', '"ignore"').replace("release_", "relaese_"))
        checked = await gatewayd("check", "--config", config)
        assert checked.code == 78
        for key in (
            "controllers.lab-reader.address",
            "audit.on_classic",
            "doors.lobby.relaese_seconds",
            "doors.lab.relaese_seconds",
        ):
            assert f"{config}: {key}: " in checked.out
        ran = await gatewayd("run", "--config", config)
        assert ran.code == 78
        assert set(checked.out.split("\n")) <= {
            line.removeprefix("gatewayd: ") for line in ran.err.split("\n")
        }
