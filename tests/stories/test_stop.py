"""An orderly end."""

import time
from pathlib import Path

from tests.stories.scenery import ANNA, PERMISSIONS
from tests.stories.world import SUPPORTED, simulated

IN_TIME = 5.0  # seconds from SIGTERM to the end


async def test_asked_to_end_it_says_goodbye_and_leaves_nothing_open(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.card("lobby", ANNA)
        await world.event("access.granted")

        begin = time.monotonic()
        assert await world.daemon.stop() == 0
        assert time.monotonic() - begin < IN_TIME
        gone = await world.shows("status", online=False)
        assert gone["why"] == "stopped"
        stopped = await world.event("gateway.stopped", why="stopped")

        await world.daemon.start()
        await world.event("gateway.started", after=stopped["seq"])
        await world.online(SUPPORTED, after=stopped["seq"])
        await world.shows("status", online=True)
        assert not world.events("journal.gap_possible")


async def test_without_a_broker_it_ends_just_as_well(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.broker_dies()
        begin = time.monotonic()
        assert await world.daemon.stop() == 0
        assert time.monotonic() - begin < IN_TIME

        await world.broker_returns(upstream_first=True)
        await world.daemon.start()
        stopped = await world.event("gateway.stopped")
        await world.online(SUPPORTED, after=stopped["seq"])
        assert not world.events("journal.gap_possible")
