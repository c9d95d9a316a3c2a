"""A file comes from the disk to its line, and its progress can be asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gatewayd.app.firmware import MOST_WAITING, FirmwareRoom
from gatewayd.core.actions import AbortFile, SendFile
from gatewayd.core.facts import Fact, FileEnded, FileRefused, FileStarted
from gatewayd.core.model import ControllerId
from gatewayd.edge.control import Unable
from protocol.osdp.file_sender import End, Ended, Progress, Stage
from tests.simulate.waiting import until

C1 = ControllerId("c1")
PATIENCE = 30.0  # seconds


class Line:
    """Takes files, or says why not."""

    def __init__(self) -> None:
        self.files: list[bytes] = []
        self.aborted = 0
        self.against = ""
        self.progress: Progress | None = None

    def send_file(self, controller: ControllerId, content: bytes) -> str:
        assert controller == C1
        if not self.against:
            self.files.append(content)
            self.progress = Progress(Stage.SENDING, 3, len(content), 0)
        return self.against

    def abort_file(self, _controller: ControllerId) -> None:
        self.aborted += 1

    def file_progress(self, _controller: ControllerId) -> Progress | None:
        return self.progress


class Site:
    def __init__(self, place: Path) -> None:
        self.line = Line()
        self.facts: list[Fact] = []
        (place / "state").mkdir()
        self.path = place / "new.bin"
        self.path.write_bytes(b"firmware")
        self.room = FirmwareRoom([place / "state"], {C1: self.line}, self.tell)
        self.unwanted = False

    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        if isinstance(fact, FileStarted) and self.unwanted:
            self.room.abort(AbortFile(C1))

    async def told(self, count: int) -> list[Fact]:
        await until(lambda: len(self.facts) >= count, PATIENCE)
        return self.facts

    async def look(self, **args: object) -> dict[str, object] | None:
        said = await self.room.handlers["firmware.progress"](args or {"controller": "c1"})
        assert said is None or isinstance(said, dict)
        return said

    async def detail(self) -> object:
        said = await self.look()
        assert said is not None
        return said["detail"]

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.room.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_a_file_is_read_told_and_handed_to_its_line(site: Site) -> None:
    assert await site.look() is None
    async with site.reading():
        site.room.send(SendFile(C1, str(site.path)))
        (started,) = await site.told(1)
        assert isinstance(started, FileStarted)
        assert (started.file, started.size) == (str(site.path), 8)
        assert site.line.files == [b"firmware"]
    assert await site.look() == {
        "stage": "sending",
        "acknowledged": 3,
        "size": 8,
        "interruptions": 0,
        "well": None,
        "detail": "",
    }


async def test_a_file_that_is_not_fit_is_refused_with_its_reason(site: Site) -> None:
    async with site.reading():
        site.room.send(SendFile(C1, "/nowhere/at.all"))
        (refused,) = await site.told(1)
    assert refused == FileRefused(C1, "/nowhere/at.all: No such file or directory")


async def test_a_line_that_takes_none_ends_it_at_once(site: Site) -> None:
    site.line.against = "it is not there, or barred"
    async with site.reading():
        site.room.send(SendFile(C1, str(site.path)))
        _, ended = await site.told(2)
        assert ended == FileEnded(C1, well=False, detail="it is not there, or barred")
        assert await site.detail() == "it is not there, or barred"
        site.line.against = ""
        site.room.send(SendFile(C1, str(site.path)))
        await site.told(3)
        assert not await site.detail()


async def test_what_nobody_waits_for_any_more_is_not_sent(site: Site) -> None:
    site.unwanted = True
    async with site.reading():
        site.room.send(SendFile(C1, str(site.path)))
        await site.told(1)
    assert not site.line.files
    assert not site.line.aborted


async def test_a_transfer_is_called_off_at_its_line(site: Site) -> None:
    site.room.abort(AbortFile(C1))
    assert site.line.aborted == 1


async def test_only_so_many_wait_to_be_read(site: Site) -> None:
    for _ in range(MOST_WAITING + 1):
        site.room.send(SendFile(C1, str(site.path)))
    assert site.facts == [FileRefused(C1, "too many files wait to be read")]


async def test_a_stop_ends_what_is_under_way_and_nothing_else(site: Site) -> None:
    site.room.stop()
    assert not site.facts
    site.line.progress = Progress(Stage.SENDING, 3, 8, 0)
    site.room.stop()
    assert site.facts == [FileEnded(C1, well=False, detail="the gateway was stopped")]
    site.line.progress = Progress(Stage.ENDED, 8, 8, 0, Ended(End.PROCESSED))
    site.room.stop()
    assert len(site.facts) == 1
    assert await site.detail() == "the unit has put it to use"


@pytest.mark.parametrize(
    "args", [{"controller": 7}, {"controller": "c2"}, {"line": "x"}, {"controller": ["c1"]}]
)
async def test_progress_is_asked_for_by_the_name_of_a_controller(
    site: Site, args: dict[str, object]
) -> None:
    with pytest.raises(Unable, match="controller:"):
        await site.look(**args)
