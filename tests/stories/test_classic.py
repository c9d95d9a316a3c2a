"""Hardware that is out of support: asked who it is, named to everybody, never driven."""

import json
from pathlib import Path

from tests.cli.conftest import gatewayd
from tests.stories.scenery import ANNA, CLASSIC, PERMISSIONS, UNIT
from tests.stories.world import SUPPORTED, simulated

IDENTIFY, READ_CAPABILITIES, POLL = "61", "62", "60"  # osdp_ID, osdp_CAP, osdp_POLL
QUESTIONS = {IDENTIFY, READ_CAPABILITIES}


async def test_a_classic_unit_is_named_and_never_driven(tmp_path: Path) -> None:
    async with simulated(tmp_path, units=4) as world:
        blocked = await world.event("audit.blocked", controller=CLASSIC)
        assert blocked["verdict"] == "classic"
        await world.verdicts({**dict.fromkeys(SUPPORTED, "approved"), CLASSIC: "classic"})
        report = await world.shows("audit", refused=False)
        (named,) = [each for each in report["controllers"] if each["controller"] == CLASSIC]
        assert named["replacement"] == "simulated reader"
        assert CLASSIC in world.daemon.log

        await world.permit(PERMISSIONS)
        world.units.card(UNIT[CLASSIC], ANNA)  # nobody asks for it
        for door in ("lobby", "lab"):
            world.card(door, ANNA)
            await world.pulse(door)

        ended = await gatewayd("audit", "--json", "--config", world.daemon.config)
        assert ended.code == 69
        said = {e["controller"]: e for e in json.loads(ended.out)["controllers"]}
        assert said[CLASSIC]["verdict"] == "classic"
        assert said[CLASSIC]["replacement"] == "simulated reader"
        ended = await gatewayd("audit", "--config", world.daemon.config)
        assert ended.code == 69
        row, why = [line for line in ended.out.splitlines() if CLASSIC in line]
        assert "classic" in row
        assert "replace it by simulated reader" in why

        answer = await world.ask("audit.run")  # everybody is asked again, and passes again
        assert answer["ok"]
        await world.verdicts({**dict.fromkeys(SUPPORTED, "approved"), CLASSIC: "classic"})
        world.card("lobby", ANNA)
        await world.pulse("lobby", count=2)

        assert set(await world.units.history(UNIT[CLASSIC])) == QUESTIONS
        first = (await world.units.history(UNIT["lobby-unit"]))[:3]
        assert first[:2] == [IDENTIFY, READ_CAPABILITIES]
        await world.settle()
        assert len(world.events("access.granted")) == 3


async def test_a_new_site_with_a_classic_unit_is_not_driven_at_all(tmp_path: Path) -> None:
    async with simulated(tmp_path, units=4, on_classic="refuse", begin=False) as world:
        await world.daemon.start()
        assert await world.daemon.ended() == 69
        assert "Classic hardware must be replaced first" in world.daemon.log
        assert CLASSIC in world.daemon.log
        await world.shows("status", online=False)
        await world.shows("audit", refused=True)
        await world.event("audit.blocked", controller=CLASSIC)
        assert not world.events("controller.online")
        for address in UNIT.values():
            assert set(await world.units.history(address)) <= QUESTIONS
        assert [each for each in world.units.records if "heard" in each] == []

        ended = await gatewayd("audit", "--json", "--config", world.daemon.config)
        assert ended.code == 69  # without a daemon the units are asked from here
        said = {e["controller"]: e["verdict"] for e in json.loads(ended.out)["controllers"]}
        assert said == {**dict.fromkeys(SUPPORTED, "approved"), CLASSIC: "classic"}
        for address in UNIT.values():
            assert set(await world.units.history(address)) <= QUESTIONS
