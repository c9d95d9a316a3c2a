"""A unit gets another key, and whatever happens on the way it can be reached."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.conftest import gatewayd
from tests.stories.keys import KEYS, slots
from tests.stories.scenery import ANNA, PERMISSIONS, UNIT
from tests.stories.upstream import request
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated

LOBBY = SUPPORTED[0]
ADDRESS = UNIT[LOBBY]
ROTATE = "controller.rotate_key"
CURRENT, BOTH = ("current",), ("current", "pending")


async def ask_without_waiting(world: SimulatedWorld) -> str:
    """Ask for a new key; return the request's id."""
    document = request({"controller": LOBBY})
    await world.upstream.send(ROTATE, document)
    return str(document["id"])


async def until_on_disk(world: SimulatedWorld, wanted: tuple[str, ...]) -> None:
    """Wait until the disk has these keys of the unit."""
    async with asyncio.timeout(30):
        while True:
            if slots(world.place, LOBBY) == wanted:
                return
            await asyncio.sleep(0.005)


async def reachable(world: SimulatedWorld, after: int) -> None:
    """The unit has proved a key, one is on the disk, and its door opens."""
    await world.online([LOBBY], after=after)
    await world.shows(f"controllers/{LOBBY}", secure=True, verdict="approved")
    await until_on_disk(world, CURRENT)
    pulses = len(world.pulses)
    world.card("lobby", ANNA)
    await world.pulse("lobby", count=pulses + 1)


async def killed_and_started(world: SimulatedWorld) -> int:
    """End the daemon as a power switch would; return the last event before it is back."""
    await world.daemon.kill()
    before = world.now
    await world.daemon.start()
    return before


async def test_a_unit_gets_a_new_key_on_request(tmp_path: Path) -> None:
    async with simulated(tmp_path, secure=KEYS) as world:
        await world.permit(PERMISSIONS)
        before = world.now
        for count in (1, 2):
            answer = await world.ask(ROTATE, controller=LOBBY)
            assert answer["ok"], answer
            await world.several(count, "controller.key_changed", controller=LOBBY)
            changed = world.events("controller.key_changed", controller=LOBBY)
            generations = [each["generation"] for each in changed]
            assert generations[-1] == answer["result"]["generation"]
            assert generations == sorted(set(generations))
            await world.news.until(
                lambda count=count: len(world.units.heard("key")) == count,  # type: ignore[misc]
                lambda: "the unit to say so",
            )
        await reachable(world, before)
        accepted = world.events("request.accepted", command=ROTATE)
        assert {each["controller"] for each in accepted} == {LOBBY}
        answer = await world.ask(ROTATE, controller="attic")
        assert answer["error"]["code"] == "no_such_controller"


async def test_an_operator_imports_and_forgets_keys_beside_the_daemon(tmp_path: Path) -> None:
    async with simulated(tmp_path, secure=KEYS) as world:
        await world.permit(PERMISSIONS)
        config = world.daemon.config
        ended = await gatewayd("keys", "list", "--json", "--config", config)
        listed = json.loads(ended.out)["result"]["controllers"]
        assert listed.keys() == set(UNIT)
        ended = await gatewayd("keys", "forget", LOBBY, "--yes", "--config", config)
        assert ended.code == 0, ended.err
        changed = await world.event("controller.key_changed", controller=LOBBY)
        assert changed["how"] == "forgotten"
        await world.event("controller.offline", controller=LOBBY, why="its key was forgotten")
        await world.shows(f"controllers/{LOBBY}", verdict="misconfigured", secure=False)
        answer = await world.ask("door.unlock", door="lobby")
        assert answer["error"]["code"] == "unit_not_approved"

        before = world.now
        keys = tmp_path / "keys"
        keys.touch(0o600)
        keys.write_text(f"{LOBBY} {KEYS[ADDRESS].hex()}\n")
        ended = await gatewayd("keys", "import", keys, "--config", config)
        assert ended.code == 0, ended.err
        await world.event("controller.key_changed", after=before, how="imported")
        await reachable(world, before)


async def test_a_daemon_that_dies_before_the_key_was_sent_goes_on_with_the_old_one(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path, secure=KEYS) as world:
        await world.permit(PERMISSIONS)
        world.units.do("unplug", address=ADDRESS)
        name = await ask_without_waiting(world)
        await until_on_disk(world, BOTH)
        before = await killed_and_started(world)
        world.units.do("plug", address=ADDRESS)
        answer = await world.upstream.answer_to(name)
        assert answer["error"]["code"] == "outcome_unknown"
        await reachable(world, before)
        assert not world.events("controller.key_changed")
        assert not world.units.heard("key")


async def test_a_daemon_that_dies_before_the_key_was_proved_finds_the_new_one(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path, secure=KEYS) as world:
        await world.permit(PERMISSIONS)
        world.units.do("unplug_with_key", address=ADDRESS)
        await ask_without_waiting(world)
        await world.news.until(lambda: world.units.heard("key"), lambda: "a new key")
        assert slots(world.place, LOBBY) == BOTH
        before = await killed_and_started(world)
        world.units.do("plug", address=ADDRESS)
        await reachable(world, before)
        changed = await world.event("controller.key_changed", after=before, controller=LOBBY)
        assert changed["how"] == "proved"


@pytest.mark.timeout(240)  # eight starts on a busy machine
async def test_a_daemon_that_dies_at_any_moment_of_it_leaves_nobody_out(tmp_path: Path) -> None:
    async with simulated(tmp_path, secure=KEYS) as world:
        await world.permit(PERMISSIONS)
        for delay in (0.0, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12):  # seconds
            await ask_without_waiting(world)
            await asyncio.sleep(delay)
            before = await killed_and_started(world)
            await reachable(world, before)
        await world.settle()
        changed = world.events("controller.key_changed", controller=LOBBY)
        assert len({each["generation"] for each in changed}) == len(world.units.heard("key"))
        answer = await world.ask(ROTATE, controller=LOBBY)
        assert answer["ok"], answer
