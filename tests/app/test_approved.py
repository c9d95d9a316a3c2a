"""Who was approved reaches the disk, soon and whatever happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gatewayd.app import approved
from gatewayd.app.approved import ApprovedUnits, Remembered, approved_before
from gatewayd.core.model import ControllerId
from gatewayd.core.places import Occupant
from gatewayd.edge.place_store import FILE, PlaceStore
from gatewayd.errors import StateError
from tests.simulate.waiting import until

ONE, TWO = ControllerId("one"), ControllerId("two")
UNIT = Occupant("02475f", 1, "00001001", (1, 0, 0))
FIRST: Remembered = {ONE: UNIT}
BOTH: Remembered = {ONE: UNIT, TWO: UNIT}
PATIENCE = 30.0  # seconds


@asynccontextmanager
async def keeping(place: Path, troubles: list[str]) -> AsyncIterator[ApprovedUnits]:
    units = ApprovedUnits(PlaceStore(place), troubles.append)
    task = asyncio.create_task(units.run())
    await asyncio.sleep(0)
    try:
        yield units
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_held(place: Path, wanted: Remembered) -> None:
    await until(lambda: PlaceStore(place).load() == wanted, PATIENCE)


async def test_what_is_to_be_remembered_is_soon_on_disk(tmp_path: Path) -> None:
    async with keeping(tmp_path, []) as units:
        units.keep(FIRST)
        await until_held(tmp_path, FIRST)
        units.keep(BOTH)
        await until_held(tmp_path, BOTH)


async def test_a_stop_waits_for_what_is_not_written_yet(tmp_path: Path) -> None:
    for places in (FIRST, BOTH):
        async with keeping(tmp_path, []) as units:
            units.keep({})
            await asyncio.sleep(0)
            units.keep(places)
        assert PlaceStore(tmp_path).load() == places


async def test_what_cannot_be_written_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approved, "AGAIN", 0.01)
    troubles: list[str] = []
    obstacle = tmp_path / f"{FILE}.new"
    obstacle.mkdir()  # in the way of every draft
    async with keeping(tmp_path, troubles) as units:
        units.keep(FIRST)
        await until(lambda: troubles, PATIENCE)
        await asyncio.sleep(0.05)  # several more tries
        assert troubles == ["approved_units_not_saved"]
        obstacle.rmdir()
        await until_held(tmp_path, FIRST)


def test_a_damaged_file_approves_nobody_and_is_said(tmp_path: Path) -> None:
    troubles: list[str] = []
    store = PlaceStore(tmp_path)
    assert approved_before(store, ["one"], troubles.append) == {}
    (tmp_path / FILE).write_text("{")
    assert approved_before(store, ["one", "two"], troubles.append) == {ONE: None, TWO: None}
    assert troubles == ["approved_units_damaged"]
    (tmp_path / FILE).unlink()
    store.save(BOTH)
    assert approved_before(store, ["one"], troubles.append) == BOTH
    assert len(troubles) == 1


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()  # root may read every file, but no directory is one
    with pytest.raises(StateError, match="cannot be read"):
        approved_before(PlaceStore(tmp_path), ["one"], print)
