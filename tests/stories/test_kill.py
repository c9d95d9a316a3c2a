"""The daemon is killed again and again, at random moments, with people at the doors."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from gatewayd.core.access.model import AccessLevel, Credential, Holder, LevelId, LevelRule
from gatewayd.core.access.people import Person, digest, weight
from gatewayd.core.access.records import Rules
from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.schedule import ALWAYS
from gatewayd.edge.permission_json import rules_total
from tests.stories.scenery import ANNA, STRANGER
from tests.stories.upstream import request
from tests.stories.world import SEED, SUPPORTED, SimulatedWorld, simulated

KILLS = 20
CARDS_PER_SECOND = 20
EARLY = 0.3  # of all kills fall into the start
STILL = 0.5  # of the others fall on a disk that has stood still for a moment
LONGEST_START, LONGEST_WORK = 0.6, 0.9  # seconds until a kill, from the start or from work
PATIENCE = 1.0  # seconds for an answer that may never come


async def stream_of_people(world: SimulatedWorld) -> None:
    """Hold cards to both readers, for ever."""
    while True:
        for door, card in (("lobby", ANNA), ("lab", STRANGER), ("lab", ANNA)):
            world.card(door, card)
            await asyncio.sleep(1 / CARDS_PER_SECOND)


STAFF = LevelId("staff")
BEGIN = {"levels": {"staff": {"rules": [{"doors": ["lobby", "lab"]}]}}}
RULES = Rules(
    levels={
        STAFF: AccessLevel(
            STAFF, (LevelRule(ALWAYS, frozenset({DoorId("lab"), DoorId("lobby")})),)
        )
    }
)


def visitor(version: int) -> Person:
    """Return who comes with each version of the permissions: first Anna, then others."""
    holder = HolderId(f"visitor {version}" if version > 1 else "anna")
    card = f"H10301:{version >> 16}:{version & 0xFFFF}" if version > 1 else "H10301:12:345"
    return Person(Holder(holder, levels=(STAFF,)), (Credential(card, holder),))


def digest_of(version: int) -> str:
    """Return the digest of what the daemon must hold at a version, as it shows it."""
    people = sum(weight(visitor(each)) for each in range(1, version + 1))
    return digest(people + (rules_total(RULES) if version else 0))


class Office:
    """Adds a visitor to the permissions, then another; knows what was acknowledged."""

    def __init__(self, world: SimulatedWorld) -> None:
        self.acknowledged = 0
        self._world = world

    async def work(self) -> None:
        """Go on for ever; what was not answered is tried again with a new name."""
        while True:
            with suppress(AssertionError):
                await self.add()

    async def add(self) -> None:
        """Lead on by one version. AssertionError if there is no answer."""
        version = self.acknowledged + 1
        holder, (card,) = visitor(version)
        records = {
            **(BEGIN if version == 1 else {}),
            "holders": {holder.id: {"levels": ["staff"]}},
            "credentials": {card.key: {"holder": holder.id}},
        }
        document = request({"base": version - 1, "version": version, **records})
        await self._world.upstream.send("permissions.apply", document)
        answer = await self._world.upstream.answer_to(document["id"], patience=PATIENCE)
        code = None if answer["ok"] else answer["error"]["code"]
        if code in (None, "permissions_version"):  # applied now, or by a try without an answer
            self.acknowledged = version
        else:
            assert code == "outcome_unknown", answer


async def releases(world: SimulatedWorld, count: int) -> None:
    """Wait for so many more."""
    before = len(world.pulses)
    await world.news.until(
        lambda: len(world.pulses) >= before + count, lambda: "doors that open"
    )


async def work_and_die(world: SimulatedWorld, chance: Random) -> None:
    """Kill the daemon in its start, at its work, or while its disk stands still."""
    if chance.random() < EARLY:
        await asyncio.sleep(chance.uniform(0, LONGEST_START))
        await world.daemon.kill()
        return
    await releases(world, 1)
    if chance.random() < STILL:
        with world.still_disk():
            await releases(world, 3)  # whose records are nowhere but in memory
            await world.daemon.kill()
    else:
        await asyncio.sleep(chance.uniform(0, LONGEST_WORK))
        await world.daemon.kill()


@pytest.mark.timeout(300)  # twenty starts on a busy machine; about 25 s on an idle one
async def test_whatever_a_unit_did_is_on_record_after_twenty_kills(tmp_path: Path) -> None:
    chance = Random(SEED)  # noqa: S311  # when to kill is no secret
    async with simulated(tmp_path) as world:
        office = Office(world)
        await office.add()
        people = asyncio.create_task(stream_of_people(world))
        working = asyncio.create_task(office.work())

        for _ in range(KILLS):
            await work_and_die(world, chance)
            await world.daemon.start()

        before = world.now
        await world.online(SUPPORTED, after=before)
        people.cancel()
        working.cancel()
        with suppress(AssertionError):
            await office.add()
        await office.add()
        await world.settle()

        assert len(world.events("gateway.started")) <= KILLS + 1
        assert len(world.pulses) > KILLS
        assert not world.events("journal.gap_possible")  # the machine was never off
        versions = [
            each["version"] for topic, each in world.upstream.shown if topic == "permissions"
        ]
        assert versions == sorted(versions)
        held = await world.shows("permissions", version=office.acknowledged)
        assert held["holders"] == held["credentials"] == office.acknowledged
        for topic, shown in world.upstream.shown:
            if topic == "permissions":
                assert shown["digest"] == digest_of(shown["version"])
