"""Our line against four peripherals of somebody else's making that insist on their keys."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatewayd.core.actions import Tone
from gatewayd.core.facts import (
    CardRead,
    ControllerAlarmed,
    ControllerIdentified,
    ControllerOffline,
    OrderDone,
    Outcome,
)
from tests.interop.foreign import ForeignPeripherals, Who
from tests.interop.test_foreign_bus import ADDRESSES, CARD, PULSE_ON, Site, unit_at

KEYS = {each: bytes.fromhex(f"8f1d4ac2077eb93351e60bd4729cfa{each:02x}") for each in ADDRESSES}
BACK_WITHIN = 1.0  # seconds from a unit's return to its session


@pytest.fixture
async def foreign(tmp_path: Path) -> AsyncIterator[ForeignPeripherals]:
    async with ForeignPeripherals(tmp_path / "bus", ADDRESSES, KEYS) as peripherals:
        yield peripherals


@pytest.fixture
async def site(foreign: ForeignPeripherals) -> AsyncIterator[Site]:
    site = Site(foreign.path, KEYS)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(site.line.run())
        await site.all_admitted()
        yield site
        running.cancel()


async def test_everybody_proves_who_they_are(site: Site) -> None:
    for address in ADDRESSES:
        said = await site.wait(ControllerIdentified, address=address)
        assert said.identity.proved
        assert said.fault is None
        assert said.identity.serial == f"{Who.at(address).serial:08x}"
        assert len(said.identity.evidence.split()) == 4


async def test_cards_arrive_and_doors_open(site: Site, foreign: ForeignPeripherals) -> None:
    for round_, address in enumerate(ADDRESSES * 5):
        mark, told = foreign.mark, len(site.facts)
        await foreign.present_card(address, 26, CARD)
        read = await site.wait(CardRead, after=told)
        assert (read.controller, read.card.raw) == (unit_at(address), f"26:{CARD}")
        site.release(address, seconds=3.0, order=100 + round_)
        pulse = await foreign.wait_heard("output", after=mark)
        assert (pulse["address"], pulse["code"], pulse["tenths"]) == (address, PULSE_ON, 30)
        done = await site.wait(OrderDone, after=told)
        assert done.outcome is Outcome.DELIVERED


async def test_a_grant_is_seen_and_heard(site: Site, foreign: ForeignPeripherals) -> None:
    site.signal(1, Tone.GRANTED)
    await site.wait(OrderDone, lambda done: done.outcome is Outcome.DELIVERED)
    await foreign.wait_heard("led", address=1)
    await foreign.wait_heard("buzzer", address=1)


async def test_a_unit_that_lost_its_power_is_secure_again_at_once(
    site: Site, foreign: ForeignPeripherals
) -> None:
    told = len(site.facts)
    await foreign.restart(3)
    returned = time.monotonic()
    await site.wait(ControllerOffline, address=3, after=told)
    back = await site.wait(ControllerIdentified, address=3, after=told)
    assert time.monotonic() - returned < BACK_WITHIN
    assert back.identity.proved
    assert not [fact for fact in site.facts if isinstance(fact, ControllerAlarmed)]

    await foreign.present_card(3, 26, CARD)
    read = await site.wait(CardRead)
    assert (read.controller, read.connection) == (unit_at(3), back.connection)


async def test_a_unit_with_another_key_is_named_and_not_driven(
    foreign: ForeignPeripherals,
) -> None:
    keys = {**KEYS, 2: KEYS[1]}
    site = Site(foreign.path, keys)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(site.line.run())
        said = await site.wait(ControllerIdentified, address=2)
        alarm = await site.wait(ControllerAlarmed)
        others = [await site.wait(ControllerIdentified, address=each) for each in (1, 3, 4)]
        site.release(2, seconds=1.0)
        done = await site.wait(OrderDone)
        running.cancel()

    assert not said.identity.proved
    assert said.fault is not None
    assert alarm.controller == unit_at(2)
    assert all(each.identity.proved for each in others)
    assert done.outcome is Outcome.NOT_SENT
    assert not foreign.heard("output")
