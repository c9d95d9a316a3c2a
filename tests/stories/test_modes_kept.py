"""A door has the mode that was ordered, whatever happens to the daemon in between."""

from pathlib import Path

from tests.stories.scenery import LOCK, UNIT
from tests.stories.test_main_job import SWITCH_OFF, SWITCH_ON, heard
from tests.stories.world import SUPPORTED, ForeignWorld, World, foreign, simulated

STORE = "state/door-modes.json"


async def order(world: World, mode: str) -> None:
    answer = await world.ask("door.mode", door="lobby", mode=mode)
    assert answer["ok"], answer
    assert answer["result"]["locked"] is (mode != "unlocked")


async def killed_and_started(world: ForeignWorld, mode: str, code: int) -> None:
    """After kill -9 the door goes on with its mode, says so, and its lock is told."""
    await world.daemon.kill()
    before, mark = world.now, world.units.mark
    await world.daemon.start()
    said = await world.event("door.mode", after=before, door="lobby")
    assert (said["mode"], said["by"]) == (mode, "restart")
    await world.online(UNIT, after=before)
    await heard(world, "lobby", code, mark)
    await world.shows("doors/lobby", mode=mode, locked=mode != "unlocked", alarms=[])
    told = world.units.heard("output", after=mark)
    assert [(each["address"], each["code"]) for each in told] == [(LOCK["lobby"], code)]


async def test_a_mode_outlasts_kill_minus_nine(tmp_path: Path) -> None:
    async with foreign(tmp_path) as world:
        await order(world, "unlocked")
        await killed_and_started(world, "unlocked", SWITCH_ON)
        await order(world, "locked")
        await killed_and_started(world, "locked", SWITCH_OFF)
        assert not world.events("door.unlocked_unexplained")
        assert (tmp_path / STORE).stat().st_mode & 0o777 == 0o600


async def test_a_lock_that_was_left_on_is_an_alarm_until_it_is_ordered_off(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as world:
        await order(world, "unlocked")
        await world.daemon.kill()
        (tmp_path / STORE).unlink()
        before = world.now
        await world.daemon.start()
        await world.event("door.unlocked_unexplained", after=before, door="lobby")
        await world.shows(
            "doors/lobby", mode="locked", locked=False, alarms=["unexplained_unlock"]
        )
        await order(world, "locked")
        await world.shows("doors/lobby", mode="locked", locked=True, alarms=[])


async def test_damaged_modes_lock_the_doors_and_say_so(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        world.may_fail_inside = True
        await order(world, "blocked")
        await world.daemon.kill()
        (tmp_path / STORE).write_bytes(b"{")
        before = world.now
        await world.daemon.start()
        await world.online(SUPPORTED, after=before)
        (error,) = world.events("gateway.error", after=before)
        assert error["what"] == "door_modes_damaged"
        await world.shows("doors/lobby", mode="locked", locked=True)
        await order(world, "blocked")


async def test_a_mode_that_cannot_be_kept_is_ordered_and_never_taken_up(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        world.may_fail_inside = True
        await order(world, "unlocked")
        (tmp_path / f"{STORE}.new").mkdir()  # in the way of every draft
        await order(world, "locked")
        error = await world.event("gateway.error")
        assert error["what"] == "door_modes_not_saved"
        await world.daemon.kill()
        before = world.now
        await world.daemon.start()
        await world.online(SUPPORTED, after=before)
        await world.shows("doors/lobby", mode="locked", locked=True, alarms=[])
        assert not world.events("door.mode", after=before)
