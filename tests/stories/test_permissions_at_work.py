"""What permissions say takes effect: hours, levels, who needs longer, and at once."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.stories.scenery import ANNA, CARL, PERMISSIONS, RELEASE
from tests.stories.world import SimulatedWorld, simulated

AT_ONCE = 1.0  # seconds from publishing a request until the next card is denied by it
ROUNDS = 5
EXTENDED = 3 * RELEASE  # seconds, unless the configuration says otherwise


def hours_off() -> list[list[str]]:
    """An hour of every day that is far from now, on the clocks of UTC."""
    hour = (datetime.now(UTC).hour + 6) % 24
    return [[f"{hour:02}:00", f"{hour:02}:30"]]


async def test_out_of_hours_nobody_passes_and_everybody_can_learn_why(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        night = {"name": "night shift", "week": dict.fromkeys(days, hours_off())}
        rule = {"doors": ["lobby"], "schedule": "night"}
        await world.permit(
            {
                **PERMISSIONS,
                "schedules": {"night": night},
                "levels": {**PERMISSIONS["levels"], "everywhere": {"rules": [rule]}},
            }
        )
        world.card("lobby", ANNA)
        denied = await world.event("access.denied", door="lobby", holder="anna")
        assert denied["reason"] == "out_of_schedule"

        answer = await world.ask(
            "decision.explain", door="lobby", side="in", credential="H10301:12:345"
        )
        assert answer["ok"], answer
        assert answer["result"]["reason"] == "out_of_schedule"
        assert "night shift" in str(answer["result"])
        assert not world.pulses


async def test_who_needs_longer_gets_longer(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        anna = {**PERMISSIONS["holders"]["anna"], "flags": ["extended_time"]}
        holders = {**PERMISSIONS["holders"], "anna": anna}
        await world.permit({**PERMISSIONS, "holders": holders})
        world.card("lobby", ANNA)
        assert (await world.pulse("lobby")).seconds == pytest.approx(EXTENDED)


async def denied_after_revoking(world: SimulatedWorld) -> float:
    """Give a level its door and take it away again; return how long until a card shows it."""
    await world.permit({"levels": {"lab": PERMISSIONS["levels"]["lab"]}})
    before, releases = world.now, len(world.pulses)
    world.card("lab", CARL)
    await world.event("access.granted", after=before, holder="carl")
    await world.event("access.not_taken", after=before, door="lab")
    assert len(world.pulses) == releases + 1

    before, published = world.now, time.monotonic()
    await world.permit({"levels": {"lab": {"rules": []}}})
    world.card("lab", CARL)
    denied = await world.event("access.denied", after=before, holder="carl")
    assert denied["reason"] in {"no_rights_zone", "no_rights_point"}
    return float(denied["mono"]) - published


async def test_a_level_that_is_revoked_denies_the_very_next_card(tmp_path: Path) -> None:
    """Always the next one; within a second as soon as the machine has one to spare."""
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        took = [await denied_after_revoking(world) for _ in range(ROUNDS)]
        assert min(took) < AT_ONCE, took
