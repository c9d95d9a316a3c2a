"""Days on which the broker is not there: doors go on, and nothing is forgotten."""

from pathlib import Path

import pytest

from tests.stories.scenery import ANNA, PERMISSIONS, STRANGER
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated


async def an_eventful_moment(world: SimulatedWorld) -> None:
    """Somebody enters, somebody does not."""
    pulses, reds = len(world.pulses), len(world.units.heard("light", colour="red"))
    world.card("lobby", ANNA)
    world.card("lab", STRANGER)
    await world.pulse("lobby", count=pulses + 1)
    await world.light("lab", "red", count=reds + 1)


@pytest.mark.parametrize("persistence", [False, True], ids=["forgetful", "with a memory"])
async def test_what_happens_while_the_broker_is_dead_arrives_later(
    tmp_path: Path, *, persistence: bool
) -> None:
    async with simulated(tmp_path, persistence=persistence) as world:
        await world.permit(PERMISSIONS)
        for _ in range(2):
            await an_eventful_moment(world)
            await world.settle()
            await world.broker_dies()
            await an_eventful_moment(world)
            await an_eventful_moment(world)
            health = await world.health()
            assert health["backlog"] >= 4
            assert "connected" not in health["broker"]
            await world.broker_returns(upstream_first=not persistence)
            await world.settle()
        assert len(world.events("access.granted")) == 6
        assert len(world.events("access.denied")) == 6
        assert len(world.pulses) == 6
        await world.shows("status", online=True)
        await world.shows("doors/lobby", mode="locked")


async def test_a_broker_that_was_never_there_hears_everything_from_the_start(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        await world.daemon.stop()
        await world.broker_dies()
        before = world.now

        await world.daemon.start()
        await world.caught_up(SUPPORTED)
        await an_eventful_moment(world)
        await an_eventful_moment(world)
        assert world.now == before
        await world.broker_returns(upstream_first=True)
        await world.online(SUPPORTED, after=before)
        await world.several(2, "access.granted")
        await world.several(2, "access.denied")
