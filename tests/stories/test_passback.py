"""Anti-passback: who is in does not come in again, whatever happens to the daemon."""

from pathlib import Path

from tests.stories.scenery import ANNA, EXIT_READER, PERMISSIONS
from tests.stories.upstream import Document
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated

HARD: Document = {**PERMISSIONS, "areas": {"hall": {"passback": "hard"}}}
SLOW = 5.0  # seconds of release: a busy machine takes a while to see a door opened


async def passes(world: SimulatedWorld, *, inside: bool = False) -> Document:
    """Anna shows her card, is let through, and is seen passing."""
    before = world.now
    world.card("lobby", ANNA, inside=inside)
    return await world.pass_through("lobby", before)


async def is_turned_away(world: SimulatedWorld, *, inside: bool = False) -> None:
    before = world.now
    world.card("lobby", ANNA, inside=inside)
    denied = await world.event("access.denied", after=before)
    assert (denied["reason"], denied["holder"]) == ("passback", "anna")


async def test_who_went_in_comes_in_again_only_after_going_out(tmp_path: Path) -> None:
    async with simulated(tmp_path, lobby=EXIT_READER, release=SLOW) as world:
        await world.permit(HARD)
        assert (await passes(world))["side"] == "in"
        await is_turned_away(world)
        assert (await passes(world, inside=True))["side"] == "out"
        await is_turned_away(world, inside=True)
        assert (await passes(world))["side"] == "in"


async def test_who_is_in_is_known_after_kill_minus_nine(tmp_path: Path) -> None:
    async with simulated(tmp_path, lobby=EXIT_READER, release=SLOW) as world:
        await world.permit(HARD)
        await passes(world)
        await world.daemon.kill()
        before = world.now
        await world.daemon.start()
        await world.online(SUPPORTED, after=before)
        await is_turned_away(world)

        answer = await world.ask("passback.forgive", holder="anna")
        assert answer["ok"], answer
        assert (await passes(world))["side"] == "in"


async def test_who_did_not_go_through_may_try_again(tmp_path: Path) -> None:
    """What counts is access taken, not access granted."""
    async with simulated(tmp_path, lobby=EXIT_READER) as world:
        await world.permit(HARD)
        world.card("lobby", ANNA)
        await world.event("access.not_taken", holder="anna")
        before = world.now
        world.card("lobby", ANNA)
        await world.event("access.granted", after=before, holder="anna")
        await world.event("access.not_taken", after=before, holder="anna")
