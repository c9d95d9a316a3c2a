"""A door has the mode that was ordered, whatever happens to the daemon in between."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stories.scenery import LOCK, UNIT
from tests.stories.test_main_job import SWITCH_OFF, SWITCH_ON, heard
from tests.stories.world import ForeignWorld, World, foreign, simulated


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


async def test_an_order_that_ends_while_the_daemon_is_off_is_over(tmp_path: Path) -> None:
    async with foreign(tmp_path) as world:
        end = datetime.now(UTC) + timedelta(seconds=10)
        until = end.isoformat(timespec="seconds").replace("+00:00", "Z")
        assert (await world.ask("door.mode", door="lobby", mode="unlocked", until=until))["ok"]
        await world.shows("doors/lobby", mode="unlocked", by="request upstream", until=until)
        await world.daemon.kill()
        await asyncio.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 0.1)
        before, mark = world.now, world.units.mark
        await world.daemon.start()
        said = await world.event("door.mode", after=before, door="lobby")
        assert (said["mode"], said["by"]) == ("locked", "restart: order ended")
        await world.online(UNIT, after=before)
        await heard(world, "lobby", SWITCH_OFF, mark)
        await world.shows("doors/lobby", mode="locked", locked=True, until=None, alarms=[])


async def test_a_lockdown_outlasts_kill_minus_nine(tmp_path: Path) -> None:
    async with foreign(tmp_path) as world:
        assert (await world.ask("site.lockdown", on=True))["ok"]
        assert await world.event("site.lockdown", on=True, by="request upstream")
        await world.shows("doors/lobby", mode="locked_down", by="lockdown")
        await world.daemon.kill()
        before = world.now
        await world.daemon.start()
        said = await world.event("door.mode", after=before, door="lobby")
        assert (said["mode"], said["by"]) == ("locked_down", "lockdown")
        await world.online(UNIT, after=before)
        refused = await world.ask("door.unlock", door="lobby")
        assert refused["error"]["code"] == "door_locked_down"
        assert (await world.ask("site.lockdown", on=False))["ok"]
        await world.shows("doors/lobby", mode="locked", by="lockdown ended")


async def test_a_lock_that_was_left_on_is_an_alarm_until_it_is_ordered_off(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as world:
        await order(world, "unlocked")
        await world.daemon.stop()
        with closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as journal:
            journal.execute("DELETE FROM state WHERE key = 'mode/lobby'")
            journal.commit()
        before = world.now
        await world.daemon.start()
        await world.event("door.unlocked_unexplained", after=before, door="lobby")
        await world.shows(
            "doors/lobby", mode="locked", locked=False, alarms=["unexplained_unlock"]
        )
        await order(world, "locked")
        await world.shows("doors/lobby", mode="locked", locked=True, alarms=[])
