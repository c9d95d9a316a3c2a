"""People at doors: let in, turned away, leaving, forcing, forgetting to close."""

from pathlib import Path

import pytest

from tests.stories.scenery import (
    ANNA,
    BOB,
    BUTTON,
    CARL,
    CONTACT,
    DORA,
    LOCK,
    OPEN,
    PERMISSIONS,
    PRE_ALARM,
    READER,
    RELEASE,
    STRANGER,
)
from tests.stories.world import simulated

WRONG_PARITY = "8600ac80"  # Anna's card with its first bit turned over


async def test_who_is_turned_away_is_told_why(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        world.card("lobby", ANNA)
        denied = await world.event("access.denied", holder=None)
        assert denied["reason"] == "unknown_credential"  # nobody is permitted anything yet

        await world.permit(PERMISSIONS)
        for number, (door, card, holder, reason) in enumerate(
            (
                ("lobby", STRANGER, None, "unknown_credential"),
                ("lab", BOB, "bob", "credential_expired"),
                ("lobby", CARL, "carl", "no_rights_point"),
                ("lab", DORA, "dora", "credential_disabled"),
            ),
            start=2,
        ):
            world.card(door, card)
            await world.several(number, "access.denied")
            denied = world.events("access.denied")[-1]
            assert (denied["door"], denied["holder"], denied["reason"]) == (
                door,
                holder,
                reason,
            )

        world.units.do("card", address=READER["lobby"], bits=26, data=WRONG_PARITY)
        await world.event("access.denied", reason="unknown_format")
        await world.light("lobby", "red", count=4)
        await world.light("lab", "red", count=2)
        assert not world.pulses


async def test_who_may_pass_is_let_in_and_seen_passing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.card("lab", CARL)
        pulse = await world.pulse("lab")
        assert (pulse.address, pulse.seconds) == (LOCK["lab"], RELEASE)
        await world.light("lab", "green")
        world.input(CONTACT["lab"], active=True)
        assert await world.event("access.taken", door="lab", holder="carl")
        world.input(CONTACT["lab"], active=False)
        closed = await world.event("door.closed", door="lab")
        assert closed["ended"] == []

        world.card("lobby", ANNA)
        assert await world.event("access.not_taken", door="lobby", holder="anna")

        button = BUTTON["lab"]
        world.input(button, active=True)
        assert await world.event("rex.pressed", door="lab")
        await world.pulse("lab", count=2)
        world.input(CONTACT["lab"], active=True)
        await world.several(2, "door.opened", door="lab")
        world.input(CONTACT["lab"], active=False)
        world.input(button, active=False)
        await world.several(2, "door.closed", door="lab")
        assert not world.events("door.forced")


async def test_an_open_door_is_watched(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.shows("doors/lab", contact="closed")
        world.input(CONTACT["lab"], active=True)
        forced = await world.event("door.forced", door="lab")
        await world.shows("doors/lab", contact="open", alarms=["forced"])

        warned = await world.event("door.pre_alarm", door="lab")
        held = await world.event("door.held", door="lab")
        assert warned["mono"] - forced["mono"] == pytest.approx(OPEN - PRE_ALARM, abs=0.4)
        assert held["mono"] - forced["mono"] == pytest.approx(OPEN, abs=0.4)
        await world.light("lab", "amber")
        await world.shows("doors/lab", alarms=["forced", "held"])

        world.input(CONTACT["lab"], active=False)
        closed = await world.event("door.closed", door="lab")
        assert closed["ended"] == ["forced", "held"]
        await world.shows("doors/lab", contact="closed", alarms=[])
        assert not world.pulses
