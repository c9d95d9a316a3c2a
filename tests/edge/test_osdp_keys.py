"""No key is sent before it is on the disk, and none is dropped before another is proved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gatewayd.core.actions import GiveKey, ReplaceKey
from gatewayd.core.facts import Fact, KeyNotGiven, KeyNotKept, KeyProved, Outcome
from gatewayd.core.model import ControllerId
from gatewayd.edge import osdp_keys
from gatewayd.edge.disk import SystemDisk
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.osdp_keys import Keyring, fresh_key
from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import KeyRefused, Keys
from gatewayd.errors import UsageError
from protocol.osdp.secure_keys import BaseKey, weakness

LOBBY, GONE = ControllerId("lobby"), ControllerId("gone")
ROOT = RootKey(
    bytes.fromhex("8f3c11d2a45e90b76611fe02c3d84a5b0d7e9af1245533c86a1b7740e2956fcd")
)
OLD = Secret(bytes.fromhex("d3a94f17c06be8255b7290e14fcd386a"))
NEW = Secret(bytes.fromhex("6e03b7d95218fc4ac1870e2f93ab64d5"))
WEAK = bytes(range(16))
PATIENCE = 30.0  # seconds
REPLACE, GIVE = ReplaceKey(LOBBY, 7, expires=5.0), GiveKey(LOBBY, 8)


class FullDisk(SystemDisk):
    """Takes nothing more while it is full."""

    full = False

    def write(self, handle: int, content: bytes) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(handle, content)


@dataclass(slots=True)
class Line:
    """A line with one unit; `open` while its session stands."""

    disk: Path
    keys: tuple[BaseKey, ...] = ()
    sent: list[tuple[str, bytes, int]] = field(default_factory=list)
    open: bool = True

    @property
    def names(self) -> list[str]:
        return [key.name for key in self.keys]

    def set_keys(self, _controller: ControllerId, keys: tuple[BaseKey, ...]) -> None:
        self.keys = keys

    def replace_key(
        self, _controller: ControllerId, key: bytes, connection: int, expires: float
    ) -> bool:
        assert expires == REPLACE.expires
        return self._send("replace", key, connection)

    def give_key(self, _controller: ControllerId, key: bytes, connection: int) -> bool:
        return self._send("give", key, connection)

    def _send(self, how: str, key: bytes, connection: int) -> bool:
        on_disk = KeyStore.open(self.disk, ROOT).key_of(LOBBY)
        assert on_disk.pending == Secret(key)
        if self.open:
            self.sent.append((how, key, connection))
        return self.open


class Site:
    """A keyring, its store and its line; what it tells."""

    def __init__(self, place: Path, first: Secret | None = None) -> None:
        self.path, self.disk = place / FILE, FullDisk()
        self.store = KeyStore.open(self.path, ROOT, disk=self.disk)
        if first is not None:
            self.store.set_first(LOBBY, first)
        self.told: list[Fact] = []
        self.ring = Keyring(self.store, self.tell)
        self.line = Line(self.path, self.ring.candidates(LOBBY))
        self.ring.attach({LOBBY: self.line})

    def tell(self, fact: Fact) -> None:
        self.told.append(fact)

    @property
    def held(self) -> Keys:
        return self.store.key_of(LOBBY)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.ring.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def done(self) -> None:
        """Return once everything that was asked for is done."""
        asked = asyncio.Event()

        async def last() -> None:
            asked.set()

        self.ring._do(last, LOBBY)
        async with asyncio.timeout(PATIENCE):
            await asked.wait()

    def taken(self) -> list[Fact]:
        told, self.told = self.told, []
        return told


async def test_a_rotation_goes_step_by_step(tmp_path: Path) -> None:
    site = Site(tmp_path, OLD)
    assert site.line.names == ["current@1"]
    async with site.at_work():
        site.ring.replace(REPLACE)
        await site.done()
        assert site.line.names == ["pending@2", "current@2"]
        ((how, key, connection),) = site.line.sent
        assert (how, connection) == ("replace", 7)
        assert site.held == Keys(OLD, Secret(key))

        site.ring.ended(LOBBY, Outcome.DELIVERED, "")
        assert site.taken() == []
        site.ring.proved(LOBBY, "pending@2")
        assert site.taken() == [KeyProved(LOBBY, 2, renewed=True)]
        site.ring.proved(LOBBY, "pending@2")  # another handshake, before the disk was done
        assert site.taken() == []
        await site.done()
        assert site.held == Keys(Secret(key))
        assert site.line.names == ["current@3"]
        site.ring.proved(LOBBY, "current@3")
        assert site.taken() == [KeyProved(LOBBY, 3, renewed=False)]


async def test_what_was_not_sent_is_told_and_both_keys_are_tried(tmp_path: Path) -> None:
    site = Site(tmp_path, OLD)
    site.line.open = False
    async with site.at_work():
        site.ring.replace(REPLACE)
        await site.done()
        assert site.taken() == [KeyNotGiven(LOBBY, Outcome.NOT_SENT, "the connection ended")]
        assert site.line.names == ["pending@2", "current@2"]

        site.line.open = True  # the next try sends the same: the unit might have it
        site.ring.replace(REPLACE)
        await site.done()
        assert site.held.pending is not None
        assert site.line.sent == [("replace", site.held.pending.reveal(), 7)]

        site.ring.proved(LOBBY, "current@2")
        await site.done()
        assert site.held == Keys(OLD)
        assert site.line.names == ["current@3"]


async def test_a_command_that_did_not_arrive_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, OLD)
    site.ring.ended(LOBBY, Outcome.REFUSED, "NAK 6")
    assert site.taken() == [KeyNotGiven(LOBBY, Outcome.REFUSED, "NAK 6")]


async def test_a_first_key_is_the_only_one_tried_until_its_window_closes(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, OLD)
    async with site.at_work():
        site.ring.give(GIVE)
        await site.done()
        ((how, key, connection),) = site.line.sent
        assert (how, connection) == ("give", 8)
        assert site.line.names == ["pending@2"]
        site.ring.give(GIVE)  # it answered again: another key
        await site.done()
        assert site.line.sent[1][1] != key
        assert site.line.names == ["pending@3"]
        site.ring.window_closed(LOBBY)
        assert site.line.names == ["pending@3", "current@3"]


async def test_a_window_that_closed_meanwhile_leaves_all_keys_to_be_tried(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, OLD)
    site.line.open = False
    async with site.at_work():
        site.ring.give(GIVE)
        await site.done()
    assert site.line.names == ["pending@2", "current@2"]
    assert site.taken() == [KeyNotGiven(LOBBY, Outcome.NOT_SENT, "the connection ended")]


async def test_a_proof_of_older_candidates_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, OLD)
    async with site.at_work():
        site.ring.replace(REPLACE)
        await site.done()
        site.ring.proved(LOBBY, "current@1")
        await site.done()
        assert site.taken() == []
        assert site.held.pending is not None


async def test_a_key_that_cannot_be_written_down_is_not_sent(tmp_path: Path) -> None:
    site = Site(tmp_path, OLD)
    async with site.at_work():
        site.disk.full = True
        site.ring.replace(REPLACE)
        site.ring.give(GIVE)
        await site.done()
        first, second = site.taken()
        for fact in (first, second):
            assert isinstance(fact, KeyNotKept)
            assert "No space left" in fact.why
        assert site.line.sent == []
        assert site.line.names == ["current@1"]


async def test_a_proof_that_cannot_be_written_down_leaves_both_to_be_tried(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, OLD)
    async with site.at_work():
        site.ring.replace(REPLACE)
        await site.done()
        site.disk.full = True
        site.ring.proved(LOBBY, "pending@2")
        await site.done()
        assert site.taken() == [KeyProved(LOBBY, 2, renewed=True)]
        assert site.line.names == ["pending@2", "current@2"]


async def test_a_fault_in_one_change_does_not_stop_the_next(tmp_path: Path) -> None:
    site = Site(tmp_path, OLD)
    async with site.at_work():
        site.ring.replace(ReplaceKey(GONE, 1, expires=5.0))  # on no line
        site.ring.replace(REPLACE)
        await site.done()
        assert len(site.line.sent) == 1


async def test_what_waits_for_the_disk_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osdp_keys, "MOST_JOBS", 1)
    site = Site(tmp_path, OLD)
    site.ring.replace(REPLACE)
    site.ring.replace(REPLACE)
    (fact,) = site.taken()
    assert isinstance(fact, KeyNotKept)


# --- operators ----------------------------------------------------------------------


async def test_imported_keys_are_tried_from_then_on(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.line.names == []
    assert await site.ring.take({LOBBY: OLD, GONE: NEW}) == 1
    assert site.line.names == ["current@1"]
    with pytest.raises(KeyRefused, match="that of gone already"):
        await site.ring.take({LOBBY: NEW})
    assert await site.ring.forget(LOBBY) == 2
    assert site.line.names == []


async def test_without_a_root_key_there_are_none() -> None:
    ring = Keyring(None, lambda _: None)
    assert ring.candidates(LOBBY) == ()
    with pytest.raises(UsageError, match="make-root"):
        await ring.take({LOBBY: OLD})


def test_a_new_key_is_none_that_could_be_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([WEAK, NEW.reveal()])
    monkeypatch.setattr(osdp_keys, "token_bytes", lambda _: next(drawn))
    assert weakness(WEAK)
    assert fresh_key() == NEW
