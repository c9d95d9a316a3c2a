"""Listening to a line while the daemon works on it."""

import asyncio
import json
from pathlib import Path

from gatewayd.edge.control_client import ask
from tests.cli.conftest import gatewayd
from tests.stories.scenery import ANNA, PERMISSIONS
from tests.stories.world import simulated


async def test_a_line_is_recorded_while_a_card_opens_a_door(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        control = tmp_path / "control"
        await world.permit(PERMISSIONS)
        wrong = await asyncio.to_thread(ask, control, "trace.start", {"line": "south"})
        assert wrong["error"]["code"] == "invalid_request"
        wanted = {"line": "north", "seconds": 60}
        started = await asyncio.to_thread(ask, control, "trace.start", wanted)
        world.units.card(1, ANNA)
        await world.event("access.granted", door="lobby")
        stopped = await asyncio.to_thread(ask, control, "trace.stop", {"line": "north"})
        assert stopped["result"]["trouble"] is None

        ended = await gatewayd("trace", started["result"]["file"], "--json")
        assert ended.code == 0, ended.err
        *frames, last = map(json.loads, ended.out.splitlines())
        assert {"POLL", "ACK", "RAW", "OUT"} <= {each["name"] for each in frames}
        (card,) = [each for each in frames if each["name"] == "RAW"]
        assert card["masked"]
        assert last["summary"]["faults"] <= 1  # its beginning is in the middle of a talk
        assert last["summary"]["noise"] == 0
