"""All permissions anew, from the requests to what decides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gatewayd.app.permissions import Permissions
from gatewayd.app.snapshots import WAITING, Snapshots
from gatewayd.core.access.model import Side
from gatewayd.core.actions import Answer, SavePermissions, SaveSnapshot, Stage
from gatewayd.core.events import Event, RequestEnded
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.model import ClientId, DoorId, RequestId
from gatewayd.core.requests import BeginSnapshot, Command, Request, StagePart
from gatewayd.edge.people_parts import Staging
from gatewayd.edge.pin_envelopes import Secrets
from gatewayd.edge.snapshot import Snapshot
from tests.app.test_permissions import GROUND, LOBBY, PATIENCE, Brain, opened, put
from tests.edge.people_kit import bob
from tests.edge.permission_kit import Document
from tests.edge.pin_kit import KEY
from tests.edge.test_snapshot import manifest_of
from tests.simulate.waiting import until

PART: Document = {
    "levels": {"staff": {"rules": [{"doors": ["lobby"]}]}},
    "holders": {"h-anna": {"levels": ["staff"]}},
    "credentials": {"26:12345680": {"holder": "h-anna"}},
}


class Desk:
    """Asks, and hears answers."""

    def __init__(self, brain: Brain, snapshot: Snapshot) -> None:
        self.brain, self.snapshot = brain, snapshot
        self.answers: asyncio.Queue[Answer] = asyncio.Queue()
        self.events: list[Event] = []
        self.snapshots = Snapshots(
            snapshot, brain.permissions, self.answers.put_nowait, self.events.append
        )

    def send(self, command: Command) -> None:
        request = Request(RequestId("r"), ClientId("office"), command, 0)
        self.snapshots.stage(Stage(request))

    async def ask(self, command: Command) -> Answer:
        self.send(command)
        async with asyncio.timeout(PATIENCE):
            return await self.answers.get()

    async def stage(self, part: Document, version: int = 7) -> None:
        await self.ask(BeginSnapshot(manifest_of(part, version=version)))
        answer = await self.ask(StagePart(version, 0, part))
        assert answer.error is None, answer

    async def replace(self, version: int = 7) -> PermissionsCommitted | PermissionsNotCommitted:
        self.snapshots.save(SaveSnapshot(version))
        async with asyncio.timeout(PATIENCE):
            return await self.brain.told.get()


@asynccontextmanager
async def desk(place: Path) -> AsyncIterator[Desk]:
    async with opened(place / "people") as brain:
        secrets = Secrets(KEY, GROUND.key)
        snapshot = Snapshot(Staging(place / "snapshot"), secrets, {DoorId("lobby")}, ())
        desk = Desk(brain, snapshot)
        working = asyncio.create_task(desk.snapshots.run())
        try:
            yield desk
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


async def test_what_was_staged_decides(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.stage(PART)
        fact = await here.replace()
        assert isinstance(fact, PermissionsCommitted)
        assert fact.held.digest == manifest_of(PART).digest
        assert fact.book is not None
        point = fact.book.point(LOBBY, Side.IN)
        assert point is not None
        assert list(point.levels) == ["staff"]
        assert fact.book.people.credential("26:12345680") is not None
        assert here.brain.permissions.view() == fact.held
        await until(lambda: not list((tmp_path / "snapshot").iterdir()), PATIENCE)


async def test_an_update_goes_on_from_what_was_staged(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.stage(PART)
        await here.replace()
        update = put(8, bob("26:2"))
        fact = await here.brain.save(SavePermissions(update, None, None))
        assert isinstance(fact, PermissionsCommitted)
        assert fact.held.credentials == 2


async def test_every_part_is_answered_and_recorded(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.stage(PART)
        answer = await here.ask(StagePart(8, 0, PART))
        assert answer.error == "permissions_invalid"
        ended = [each for each in here.events if isinstance(each, RequestEnded)]
        assert [each.error for each in ended] == [None, None, "permissions_invalid"]


async def test_mistakes_reach_the_brain_and_what_was_staged_stays(tmp_path: Path) -> None:
    wrong = {**PART, "levels": {}}
    async with desk(tmp_path) as here:
        await here.stage(wrong)
        fact = await here.replace()
        assert isinstance(fact, PermissionsNotCommitted)
        assert fact.mistakes == ("holder 'h-anna': no such level: 'staff'",)
        answer = await here.ask(BeginSnapshot(manifest_of(wrong)))
        assert answer.result == {"version": 7, "missing": []}


async def test_without_anything_staged_nothing_is_replaced(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        fact = await here.replace()
        assert isinstance(fact, PermissionsNotCommitted)
        assert fact.mistakes == ("no snapshot of version 7 was begun",)


async def test_nothing_is_staged_while_it_is_put_to_use(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.stage(PART)
        here.snapshots.save(SaveSnapshot(7))
        answer = await here.ask(BeginSnapshot(manifest_of(PART, version=8)))
        assert answer.error == "busy"
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await here.brain.told.get(), PermissionsCommitted)


async def test_parts_that_wait_are_bounded(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        for _ in range(WAITING + 1):
            here.send(BeginSnapshot(manifest_of(PART)))
        async with asyncio.timeout(PATIENCE):
            answers = [await here.answers.get() for _ in range(WAITING + 1)]
        assert [each.error for each in answers] == ["busy", *[None] * WAITING]


async def test_a_failure_of_ours_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as here:
        await here.stage(PART)
        monkeypatch.setattr(here.snapshot, "answer", broken)
        monkeypatch.setattr(here.snapshot, "ready", broken)
        assert (await here.ask(StagePart(7, 0, PART))).error == "internal_error"
        assert isinstance(await here.replace(), PermissionsNotCommitted)


def broken(_: object) -> Answer:
    raise ZeroDivisionError


async def test_a_damaged_store_takes_no_snapshot(tmp_path: Path) -> None:
    people = tmp_path / "people"
    async with desk(tmp_path):
        pass
    (people / "current").write_bytes(b"x")
    async with desk(tmp_path) as here:
        assert isinstance(here.brain.permissions, Permissions)
        await here.stage(PART)
        fact = await here.replace()
        assert isinstance(fact, PermissionsNotCommitted)
        assert "damaged" in fact.why
