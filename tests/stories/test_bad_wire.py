"""What a wire can do to a site: noise, lateness, plugs that are pulled."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.stories.scenery import ANNA, BUTTON, CONTACT, LOCK, PERMISSIONS, STRANGER, UNIT
from tests.stories.wire import Faults
from tests.stories.world import IN_TIME, SUPPORTED, SimulatedWorld, simulated

AGAIN = 1.0  # seconds after its return until a unit must work again
BUSY = 1.0  # seconds that a busy machine may take on top
NOISE = 2.0  # seconds
UNKNOWN = "unknown_credential"


async def everybody_works(world: SimulatedWorld) -> None:
    """A card at each door opens it."""
    await world.caught_up(SUPPORTED)
    for door in ("lobby", "lab"):
        pulses = len([each for each in world.pulses if each.address == LOCK[door]])
        world.card(door, ANNA)
        await world.pulse(door, count=pulses + 1)


async def accounted_for(world: SimulatedWorld) -> None:
    """Every grant released its lock or is on record as not having done so; none did both."""
    failed = [each["outcome"] for each in world.events("lock.release_failed")]
    granted, maybe = len(world.events("access.granted")), failed.count("unconfirmed")
    least = granted - len(failed)
    await world.news.until(  # the last one may be on its way to us
        lambda: len(world.pulses) >= least, lambda: f"{granted} {failed} {world.pulses}"
    )
    assert len(world.pulses) <= least + maybe


@pytest.mark.parametrize(
    "faults",
    [
        Faults(lost=0.1, flipped=0.1),
        Faults(late=0.3),
        Faults(lost=0.01, flipped=0.01, halved=0.2),
    ],
    ids=["a fifth of all bytes", "late answers", "half answers"],
)
async def test_a_bad_wire_opens_nothing_and_decides_no_card_twice(
    tmp_path: Path, faults: Faults
) -> None:
    """A card whose answer is lost with its connection is lost in its reader; the person tries
    again. What is decided is decided once, on record, and followed by what it says."""
    async with simulated(tmp_path, bad_wire=True) as world:
        await world.permit(PERMISSIONS)
        await everybody_works(world)

        world.wire.faults = faults
        end = time.monotonic() + NOISE
        cards = 0
        while time.monotonic() < end:
            cards += 1
            world.card("lobby", ANNA)
            world.card("lab", ("H10301", STRANGER[1], cards))  # nobody twice
            await asyncio.sleep(0.25)  # the pace of people
        world.wire.faults = Faults()

        await everybody_works(world)
        await world.settle()
        denied = [each["credential"] for each in world.events("access.denied", reason=UNKNOWN)]
        assert len(denied) == len(set(denied)) <= cards
        assert len(world.events("access.granted")) <= cards + 4
        if not faults.lost:
            assert len(denied) == cards
        await accounted_for(world)


async def test_a_unit_that_was_unplugged_works_again_at_once(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.units.do("unplug", address=UNIT["lab-reader"])
        await world.shows("controllers/lab-reader", online=False)
        world.card("lobby", ANNA)  # nobody else minds
        await world.pulse("lobby")

        world.units.do("plug", address=UNIT["lab-reader"])
        back = time.monotonic()
        await world.shows("controllers/lab-reader", online=True)
        assert time.monotonic() - back < AGAIN + BUSY
        await everybody_works(world)
        assert not world.events("controller.offline")


async def test_a_card_held_to_a_reader_that_is_cut_off_opens_nothing_later(
    tmp_path: Path,
) -> None:
    """Who stands there when it is back sees red, and shows the card again."""
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.units.do("unplug", address=UNIT["lab-reader"])
        await world.shows("controllers/lab-reader", online=False)
        for card in (ANNA, STRANGER, ANNA):
            world.card("lab", card)
        world.units.do("plug", address=UNIT["lab-reader"])
        await world.several(2, "access.denied", reason="stale_card", holder="anna")
        await world.event("access.denied", reason=UNKNOWN)
        await world.light("lab", "red", count=3)
        assert not world.events("access.granted")
        assert not world.pulses
        await everybody_works(world)


async def test_an_exit_button_pressed_while_it_is_cut_off_opens_nothing_later(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as world:
        world.units.do("unplug", address=UNIT["lab-io"])
        await world.shows("controllers/lab-io", online=False)
        for active in (True, False):
            world.input(BUTTON["lab"], active=active)
        world.units.do("plug", address=UNIT["lab-io"])
        pressed = await world.event("rex.pressed", door="lab")
        failed = await world.event("lock.release_failed", door="lab", after=pressed["seq"])
        assert failed["outcome"] == "not_sent"
        assert not world.pulses
        await world.caught_up(["lab-io"])
        world.input(BUTTON["lab"], active=True)
        await world.pulse("lab")


async def test_a_lock_that_comes_back_too_late_stays_shut(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.units.do("unplug", address=UNIT["lab-io"])
        world.card("lab", ANNA)
        await world.event("access.granted", door="lab")
        await asyncio.sleep(IN_TIME * 1.25)  # nobody stands there any more
        world.units.do("plug", address=UNIT["lab-io"])
        await world.shows("controllers/lab-io", online=True)
        failed = await world.event("lock.release_failed", door="lab")
        assert failed["outcome"] in {"expired", "unconfirmed"}
        await world.settle()
        assert not world.pulses
        await everybody_works(world)


@pytest.mark.soak
async def test_a_unit_that_was_away_for_long_introduces_itself_again(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.units.do("unplug", address=UNIT["lab-io"])
        gone = await world.event("controller.offline", controller="lab-io")
        await world.verdicts({**dict.fromkeys(SUPPORTED, "approved"), "lab-io": "unreachable"})
        await world.shows("doors/lab", locked=None, contact="unknown")

        world.card("lab", ANNA)
        denied = await world.event("access.denied", door="lab")
        assert denied["reason"] == "unit_offline"

        world.input(CONTACT["lab"], active=True)  # nobody sees it
        world.units.do("plug", address=UNIT["lab-io"])
        back = time.monotonic()
        online = await world.event("controller.online", controller="lab-io", after=gone["seq"])
        assert online["mono"] - back < AGAIN + BUSY
        await world.shows("doors/lab", contact="open", alarms=[])
        assert not world.events("door.forced")
        assert not world.pulses
        await everybody_works(world)


async def test_a_port_that_went_away_is_opened_again(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        before = world.now
        world.units.do("hang_up")
        for name in SUPPORTED:
            await world.event("controller.offline", controller=name, after=before)
        answer = await world.ask("door.unlock", door="lobby")
        assert answer["error"]["code"] == "controller_offline"

        await world.online(SUPPORTED, after=before)
        assert not world.pulses
        await everybody_works(world)
