"""All permissions replaced over MQTT, with the daemon killed in the middle."""

from dataclasses import asdict
from pathlib import Path

from tests.edge.permission_kit import Document
from tests.edge.test_snapshot import manifest_of
from tests.stories.scenery import ANNA, CARL, PERMISSIONS
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated

PARTS: tuple[Document, ...] = (
    {"levels": {"everywhere": PERMISSIONS["levels"]["everywhere"]}},
    {"holders": {"anna": {"levels": ["everywhere"]}}},
    {"credentials": {"H10301:12:345": {"holder": "anna"}}},
)
MANIFEST = manifest_of(*PARTS, version=9)


async def missing(world: SimulatedWorld) -> object:
    begun = await world.ask("permissions.begin", **asdict(MANIFEST))
    assert begun["ok"], begun
    return begun["result"]["missing"]


async def stage(world: SimulatedWorld, number: int) -> None:
    part = await world.ask("permissions.part", version=9, number=number, records=PARTS[number])
    assert part["ok"], part


async def test_everything_is_replaced_and_what_was_sent_outlasts_a_kill(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        assert await missing(world) == [0, 1, 2]
        await stage(world, 1)
        before = world.now
        await world.daemon.kill()
        await world.daemon.start()
        await world.online(SUPPORTED, after=before)

        assert await missing(world) == [0, 2]
        await stage(world, 0)
        early = await world.ask("permissions.replace", version=9)
        assert early["error"]["message"] == "parts are missing: 2"
        await stage(world, 2)
        replaced = await world.ask("permissions.replace", version=9)
        assert replaced["ok"], replaced
        assert replaced["result"]["digest"] == MANIFEST.digest
        shown = await world.shows("permissions", version=9, holders=1, credentials=1)
        assert shown["digest"] == MANIFEST.digest

        world.card("lobby", ANNA)
        await world.pulse("lobby")
        world.card("lab", CARL)
        denied = await world.event("access.denied", door="lab")
        assert denied["reason"] == "unknown_credential"
