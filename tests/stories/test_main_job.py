"""The main job, with units of somebody else's making in a process of their own."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.interop.companion import Line
from tests.stories.keys import KEYS
from tests.stories.scenery import (
    ANNA,
    BUTTON,
    LOCK,
    PERMISSIONS,
    READER,
    RELEASE,
    STRANGER,
    UNIT,
)
from tests.stories.world import ForeignWorld, foreign

SWITCH_OFF, SWITCH_ON, PULSE_ON = 1, 2, 5  # control codes of osdp_OUT (SIA OSDP 2.2, 6.10)
RED, GREEN = 1, 2  # colours of osdp_LED


async def heard(world: ForeignWorld, door: str, code: int, after: int) -> Line:
    """Return what the unit with a door's lock was told to do with its output."""
    return await world.units.wait_heard(
        "output", address=LOCK[door], output=0, code=code, after=after
    )


@pytest.mark.parametrize("secure", [KEYS, None], ids=["secure", "in clear"])
async def test_a_card_opens_the_door_and_the_world_learns_of_it(
    tmp_path: Path, secure: Mapping[int, bytes] | None
) -> None:
    async with foreign(tmp_path, secure) as world:
        await world.verdicts(dict.fromkeys(UNIT, "approved"))
        for name in UNIT:
            await world.shows(f"controllers/{name}", secure=secure is not None)
        await world.permit(PERMISSIONS)

        await world.card("lobby", ANNA)
        pulse = await heard(world, "lobby", PULSE_ON, 0)
        assert pulse["tenths"] == RELEASE * 10
        await world.units.wait_heard("led", address=READER["lobby"], on_colour=GREEN)
        granted = await world.event("access.granted", door="lobby")
        assert (granted["credential"], granted["holder"]) == ("H10301:12:345", "anna")
        assert granted["mono"] <= pulse["at"]

        await world.card("lab", ANNA)  # whose reader and lock are different units
        await heard(world, "lab", PULSE_ON, 0)
        await world.units.wait_heard("led", address=READER["lab"], on_colour=GREEN)

        await world.card("lab", STRANGER)
        denied = await world.event("access.denied", door="lab")
        assert denied["reason"] == "unknown_credential"
        await world.units.wait_heard("led", address=READER["lab"], on_colour=RED)
        assert len(world.pulses) == 2

        live = {each["seq"] for each in world.upstream.live}
        assert {granted["seq"], denied["seq"]} <= live


async def test_a_door_follows_its_mode_and_exits_always_open(tmp_path: Path) -> None:
    async with foreign(tmp_path) as world:
        await world.permit(PERMISSIONS)
        for mode, code in (("unlocked", SWITCH_ON), ("locked", SWITCH_OFF)):
            mark = world.units.mark
            answer = await world.ask("door.mode", door="lobby", mode=mode)
            assert answer["ok"]
            assert world.units.heard("output", address=LOCK["lobby"], code=code, after=mark)
            assert await world.event("door.mode", mode=mode, by="request upstream")
            await world.shows("doors/lobby", mode=mode, locked=mode == "locked")

        await world.ask("door.mode", door="lobby", mode="blocked")
        await world.card("lobby", ANNA)
        denied = await world.event("access.denied", door="lobby")
        assert denied["reason"] == "door_blocked"
        answer = await world.ask("door.unlock", door="lobby")
        assert answer["error"]["code"] == "door_blocked"
        assert not world.pulses

        unit, button = BUTTON["lobby"]
        await world.units.set_input(unit, button, active=True)
        await heard(world, "lobby", PULSE_ON, 0)
        assert await world.event("rex.pressed", door="lobby")


async def test_a_request_is_answered_when_the_unit_has_acknowledged(tmp_path: Path) -> None:
    async with foreign(tmp_path) as world:
        answer = await world.ask("door.unlock", door="lab")
        assert answer["ok"]
        assert (answer["result"]["door"], answer["result"]["locked"]) == ("lab", False)
        (pulse,) = world.pulses
        assert pulse.address == LOCK["lab"]

        accepted = await world.event("request.accepted", command="door.unlock", door="lab")
        released = await world.event("lock.released", door="lab", by="request upstream")
        ended = await world.event("request.ended", request=accepted["request"], error=None)
        assert accepted["seq"] < released["seq"] < ended["seq"]
        assert released["mono"] <= pulse.at <= ended["mono"]

        answer = await world.ask("door.unlock", door="vault")
        assert answer["error"]["code"] == "no_such_door"


async def test_a_lock_that_is_not_there_is_answered_as_such(tmp_path: Path) -> None:
    async with foreign(tmp_path) as world:
        await world.units.unplug(LOCK["lab"])
        await world.shows("controllers/lab-io", online=False)
        answer = await world.ask("door.unlock", door="lab")
        assert answer["error"]["code"] == "controller_silent"  # its connection still stands

        await world.event("controller.offline", controller="lab-io")
        answer = await world.ask("door.unlock", door="lab")
        assert answer["error"]["code"] == "controller_offline"
        await world.shows("doors/lab", locked=None)

        back = world.now
        await world.units.plug_in(LOCK["lab"])
        await world.online(["lab-io"], after=back)
        assert not world.pulses  # what was asked for meanwhile is not done now
        assert (await world.ask("door.unlock", door="lab"))["ok"]
        assert len(world.pulses) == 1
