"""Foreign units that are processes of their own on one wire: each can die alone."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.soak.yard import SoakLine, Yard, controller

HERE = (1, 2, 3)
VICTIM, NEIGHBOUR = 2, 3
FILE = bytes(at * at % 251 for at in range(3000))
CARDS = 10  # tries; this library forgets a card if an answer came too late


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with Yard(tmp_path, HERE) as yard:
        yield yard


async def card_arrives(yard: Yard, line: SoakLine, address: int) -> bool:
    for _ in range(CARDS):
        if await yard.card(line, address) is not None:
            return True
    return False


async def gone(line: SoakLine, address: int) -> bool:
    return await line.until(lambda: line.units[address].back_at is None)


async def test_a_killed_unit_is_missed_alone_and_is_secure_again(yard: Yard) -> None:
    async with yard.line() as line:
        first = line.units[VICTIM].connection
        await yard.units[VICTIM].kill()
        assert await gone(line, VICTIM)
        assert await card_arrives(yard, line, NEIGHBOUR)
        await yard.start(VICTIM)
        assert await line.secure(VICTIM)
        assert await card_arrives(yard, line, VICTIM)
        assert line.units[VICTIM].connection > first


async def test_a_unit_behind_a_cut_wire_neither_hears_nor_is_heard(yard: Yard) -> None:
    async with yard.line() as line:
        await yard.wire.cut(VICTIM)
        assert await gone(line, VICTIM)
        before = (await yard.units[VICTIM].count())["replies"]
        assert await card_arrives(yard, line, NEIGHBOUR)
        assert (await yard.units[VICTIM].count())["replies"] == before
        await yard.wire.join(VICTIM)
        assert await line.secure(VICTIM)
        assert await card_arrives(yard, line, VICTIM)


async def test_a_unit_that_stood_still_goes_on(yard: Yard) -> None:
    async with yard.line() as line:
        yard.units[VICTIM].freeze()
        assert await gone(line, VICTIM)
        assert await card_arrives(yard, line, NEIGHBOUR)
        yard.units[VICTIM].thaw()
        assert await line.secure(VICTIM)
        assert await card_arrives(yard, line, VICTIM)


async def test_a_file_arrives_at_a_foreign_unit_as_it_was_sent(yard: Yard) -> None:
    async with yard.line() as line:
        unit = line.units[VICTIM]
        assert not line.line.send_file(controller(VICTIM), FILE)
        assert await line.until(lambda: unit.file is not None)
        assert unit.file is not None
        assert unit.file.well, unit.file.detail
        got = await yard.units[VICTIM].wait_heard("file")
        assert (got["size"], got["digest"]) == (len(FILE), hashlib.sha256(FILE).hexdigest())
