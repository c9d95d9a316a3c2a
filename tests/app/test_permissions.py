"""Permissions: whole or not at all, from disk alone, and nobody where it is damaged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from gatewayd.app import permissions as module
from gatewayd.app.permissions import DAMAGED, NO_STORE, PARTLY_DAMAGED, Ground, Permissions
from gatewayd.core.access.book import Book
from gatewayd.core.access.model import (
    AccessLevel,
    Credential,
    LevelId,
    LevelRule,
    Portal,
    Side,
)
from gatewayd.core.access.people import PeopleChange, Person
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.actions import SavePermissions
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.schedule import ALWAYS
from gatewayd.edge.people_disk import SystemPeopleDisk
from gatewayd.edge.people_store import PeopleStore
from gatewayd.edge.writer import Post
from tests.edge.people_kit import ANNA, anna, bob, damaged_at
from tests.simulate.waiting import until

LOBBY, STAFF = DoorId("lobby"), LevelId("staff")
GROUND = Ground((Portal(LOBBY),), UTC, Policy(), SiteKey(bytes(32)))
RULES = Rules(levels={STAFF: AccessLevel(STAFF, (LevelRule(ALWAYS, frozenset({LOBBY})),))})
PATIENCE = 30.0

Fact = PermissionsCommitted | PermissionsNotCommitted


class Full(SystemPeopleDisk):
    """A disk that has no room as soon as it is told so."""

    full = False

    def sync(self, handle: int) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().sync(handle)


class Brain:
    """Hears what it is told."""

    def __init__(self, permissions: Permissions, troubles: list[str]) -> None:
        self.permissions, self.troubles = permissions, troubles
        self.told: asyncio.Queue[Fact] = asyncio.Queue()
        permissions.tell = self.told.put_nowait

    async def save(self, action: SavePermissions) -> Fact:
        self.permissions.save(action)
        async with asyncio.timeout(PATIENCE):
            return await self.told.get()


def post() -> Post:
    loop = asyncio.get_running_loop()

    def do(call: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(call)

    return do


@asynccontextmanager
async def opened(place: Path, disk: SystemPeopleDisk | None = None) -> AsyncIterator[Brain]:
    troubles: list[str] = []
    permissions = Permissions(place, GROUND, post(), troubles.append, disk=disk or Full())
    brain = Brain(permissions, troubles)
    working = asyncio.create_task(permissions.run())
    try:
        yield brain
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        permissions.close()


def put(version: int, *people: Person, **rules: Any) -> Update:  # noqa: ANN401 - records of any kind
    return Update(
        version - 1,
        version,
        **rules,
        holders={each.holder.id: each.holder for each in people},
        credentials={card.key: card for each in people for card in each.credentials},
    )


def reached(book: Book | None) -> bool:
    """Whether staff may pass the lobby by these rules."""
    point = None if book is None else book.point(LOBBY, Side.IN)
    return point is not None and STAFF in point.levels


FIRST = SavePermissions(put(1, anna("26:1"), levels=RULES.levels), RULES, Rules())


async def test_a_new_site_holds_nothing_and_denies(tmp_path: Path) -> None:
    async with opened(tmp_path / "people") as brain:
        view = brain.permissions.view()
        assert (view.version, view.holders, view.credentials) == (0, 0, 0)
        assert set(view.rules.values()) == {0}
        assert view.digest == "0" * 64
        assert brain.permissions.book.people.credential("26:1") is None
        assert not brain.permissions.degraded


async def test_rules_and_people_show_in_the_same_moment_and_after_a_restart(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "people") as brain:
        before = brain.permissions.book
        fact = await brain.save(FIRST)
        assert isinstance(fact, PermissionsCommitted)
        assert (fact.version, fact.rules) == (1, RULES)
        assert fact.book is not None
        assert list(fact.book.levels) == [STAFF]
        assert not before.levels
        assert fact.book.people.credential("26:1") == Credential("26:1", ANNA)
        held = fact.held
        assert held is not None
        assert (held.holders, held.credentials, held.rules["levels"]) == (1, 1, 1)
    async with opened(tmp_path / "people") as brain:
        assert brain.permissions.view() == held
        assert brain.permissions.rules == RULES
        point = brain.permissions.book.point(LOBBY, Side.IN)
        assert point is not None
        assert point.levels == {STAFF: (ALWAYS,)}
        assert not brain.troubles


async def test_people_alone_change_no_book(tmp_path: Path) -> None:
    async with opened(tmp_path / "people") as brain:
        first = await brain.save(FIRST)
        fact = await brain.save(SavePermissions(put(2, bob("26:2"))))
        assert isinstance(first, PermissionsCommitted)
        assert isinstance(fact, PermissionsCommitted)
        assert (fact.book, fact.rules) == (None, None)
        assert first.book is not None
        assert first.book.people.credential("26:2") is not None
        assert fact.held is not None
        assert (fact.held.version, fact.held.holders, fact.held.rules["levels"]) == (2, 2, 1)
        assert first.held is not None
        assert fact.held.digest != first.held.digest


async def test_the_digest_is_of_what_is_held_and_not_of_how_it_came(tmp_path: Path) -> None:
    async with opened(tmp_path / "one") as one, opened(tmp_path / "other") as other:
        await one.save(FIRST)
        await other.save(SavePermissions(put(1, anna("26:1"))))
        rules = SavePermissions(put(2, levels=RULES.levels), RULES, Rules())
        fact = await other.save(rules)
        assert isinstance(fact, PermissionsCommitted)
        assert one.permissions.view().digest == other.permissions.view().digest


async def test_what_people_cannot_be_is_answered_by_its_name(tmp_path: Path) -> None:
    async with opened(tmp_path / "people") as brain:
        orphan = Update(0, 1, credentials={"26:1": Credential("26:1", HolderId("x"))})
        fact = await brain.save(SavePermissions(orphan))
        assert isinstance(fact, PermissionsNotCommitted)
        assert "who does not exist" in fact.mistakes[0]
        assert (fact.book, fact.rules) == (None, None)


async def test_a_full_disk_takes_away_and_gives_nothing(tmp_path: Path) -> None:
    disk = Full()
    async with opened(tmp_path / "people", disk) as brain:
        await brain.save(FIRST)
        held = brain.permissions.view()
        disk.full = True
        fewer = Rules(levels={STAFF: AccessLevel(STAFF)})
        fact = await brain.save(SavePermissions(put(2, levels=fewer.levels), fewer, fewer))
        assert isinstance(fact, PermissionsNotCommitted)
        assert "No space left" in fact.why
        assert fact.book is not None
        assert not reached(fact.book)
        assert fact.rules == fewer
        assert brain.permissions.view() == held
        fact = await brain.save(SavePermissions(put(2, bob("26:2"))))
        assert isinstance(fact, PermissionsNotCommitted)
        assert fact.book is None

        disk.full = False
        fact = await brain.save(SavePermissions(put(2, bob("26:2"))))
        assert isinstance(fact, PermissionsCommitted)
        assert fact.book is not None, "what the disk never lost counts again"
        assert reached(fact.book)
        fact = await brain.save(SavePermissions(put(3, bob("26:3"))))
        assert isinstance(fact, PermissionsCommitted)
        assert fact.book is None


async def test_rules_that_cannot_be_used_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rules: Rules) -> bytes:
        raise RuntimeError(str(rules))

    monkeypatch.setattr(module, "rules_to_bytes", broken)
    async with opened(tmp_path / "people") as brain:
        fact = await brain.save(FIRST)
        assert isinstance(fact, PermissionsNotCommitted)
        assert brain.permissions.view().version == 0
        monkeypatch.undo()
        assert isinstance(await brain.save(FIRST), PermissionsCommitted)


async def refuses_everything(place: Path) -> None:
    async with opened(place) as brain:
        assert brain.troubles == [DAMAGED]
        assert brain.permissions.degraded
        assert brain.permissions.trouble == DAMAGED
        view = brain.permissions.view()
        assert (view.version, view.credentials) == (0, 0)
        people = brain.permissions.book.people
        assert people.credential("26:1") is None
        assert people.holder(ANNA) is None
        assert list(people.credentials()) == list(people.credentials_of(ANNA)) == []
        assert not brain.permissions.book.levels
        fact = await brain.save(FIRST)
        assert fact == PermissionsNotCommitted(1, NO_STORE)


async def test_damaged_people_deny_everybody_and_are_not_written_over(tmp_path: Path) -> None:
    place = tmp_path / "people"
    async with opened(place) as brain:
        await brain.save(FIRST)
    for name in ("current", "people-1.log", "people-1.table"):
        path = place / name
        content = path.read_bytes()
        path.write_bytes(damaged_at(content, 5))
        before = {each.name: each.read_bytes() for each in place.iterdir()}
        await refuses_everything(place)
        assert {each.name: each.read_bytes() for each in place.iterdir()} == before
        path.write_bytes(content)
    async with opened(place) as brain:
        assert brain.permissions.view().version == 1


async def test_rules_that_are_damaged_deny_everybody_as_well(tmp_path: Path) -> None:
    place = tmp_path / "people"
    done: asyncio.Queue[Exception | None] = asyncio.Queue()
    store = PeopleStore.open(place, post=post())
    store.apply(PeopleChange(0, 1, rest=b'{"levels":7}'), done.put_nowait)
    async with asyncio.timeout(PATIENCE):
        assert await done.get() is None
    store.close()
    await refuses_everything(place)


async def test_damage_behind_the_start_is_found_and_said(tmp_path: Path) -> None:
    place = tmp_path / "people"
    async with opened(place):
        pass
    table = place / "people-1.table"
    table.write_bytes(damaged_at(table.read_bytes(), table.stat().st_size - 100))
    async with opened(place) as brain:
        await until(lambda: brain.troubles, PATIENCE)
        assert brain.troubles == [brain.permissions.trouble] == [PARTLY_DAMAGED]
        assert not brain.permissions.degraded
