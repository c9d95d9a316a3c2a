"""What an operator on the host may do to keys beside the running daemon."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gatewayd.app.key_requests import KeyRequests
from gatewayd.core.events import ControllerKeyChanged, Event
from gatewayd.core.model import ControllerId
from gatewayd.edge.control import Unable
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.osdp_keys import Keyring
from gatewayd.edge.payloads import ErrorCode
from gatewayd.edge.root_key import create_root_key

LOBBY, GONE = ControllerId("lobby"), ControllerId("gone")
KEY = "d3a94f17c06be8255b7290e14fcd386a"
OTHER_KEY = "6e03b7d95218fc4ac1870e2f93ab64d5"
NAME = "8f3c11d2a45e90b76611fe02c3d84a5b"  # a key where a name belongs


class Desk:
    """The requests of one site."""

    def __init__(self, place: Path, *, root: bool = True) -> None:
        store = KeyStore.open(place / FILE, create_root_key(place / "root")) if root else None
        self.events: list[Event] = []
        ring = Keyring(store, lambda _: None)
        self._requests = KeyRequests(ring, {LOBBY, GONE}, note=self.events.append)

    async def ask(self, command: str, args: Mapping[str, Any]) -> Any:  # noqa: ANN401  JSON
        return await self._requests.handlers[command](args)

    async def refused(self, command: str, args: Mapping[str, Any]) -> tuple[ErrorCode, str]:
        with pytest.raises(Unable) as caught:
            await self.ask(command, args)
        assert KEY not in str(caught.value)
        assert NAME not in str(caught.value)
        return caught.value.code, str(caught.value)


async def test_keys_are_imported_listed_and_forgotten(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    done = await desk.ask("keys.import", {"keys": {LOBBY: KEY, GONE: OTHER_KEY.upper()}})
    assert done == {"imported": [GONE, LOBBY], "generation": 1}
    listed = await desk.ask("keys.list", {})
    assert listed["controllers"] == {GONE: ["current"], LOBBY: ["current"]}
    assert KEY not in str(listed)
    done = await desk.ask("keys.forget", {"controller": LOBBY})
    assert done == {"forgotten": LOBBY, "generation": 2}
    assert desk.events == [
        ControllerKeyChanged(LOBBY, 1, "imported"),
        ControllerKeyChanged(GONE, 1, "imported"),
        ControllerKeyChanged(LOBBY, 2, "forgotten"),
    ]


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("keys.import", {}),
        ("keys.import", {"keys": {}}),
        ("keys.import", {"keys": [KEY]}),
        ("keys.import", {"keys": {LOBBY: KEY}, "more": 1}),
        ("keys.import", {"keys": {LOBBY: 7}}),
        ("keys.import", {"keys": {LOBBY: KEY + "00"}}),
        ("keys.import", {"keys": {LOBBY: "00" * 16}}),
        ("keys.import", {"keys": {NAME: KEY}}),
        ("keys.forget", {}),
        ("keys.forget", {"controller": 1}),
        ("keys.forget", {"controller": LOBBY}),
        ("keys.forget", {"controller": NAME}),
    ],
)
async def test_what_makes_no_sense_is_refused_without_a_word_of_it(
    tmp_path: Path, command: str, args: Mapping[str, Any]
) -> None:
    desk = Desk(tmp_path)
    code, _ = await desk.refused(command, args)
    assert code is ErrorCode.INVALID_REQUEST
    assert not desk.events
    assert (await desk.ask("keys.list", {}))["controllers"] == {}


async def test_without_a_root_key_there_is_nothing_to_see_to(tmp_path: Path) -> None:
    desk = Desk(tmp_path, root=False)
    for command, args in (
        ("keys.list", {}),
        ("keys.import", {"keys": {LOBBY: KEY}}),
        ("keys.forget", {"controller": LOBBY}),
    ):
        _, why = await desk.refused(command, args)
        assert "gatewayd keys make-root" in why


async def test_a_disk_that_takes_nothing_is_named(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / f"{FILE}.new").mkdir()  # in the way of every draft
    code, _ = await desk.refused("keys.import", {"keys": {LOBBY: KEY}})
    assert code is ErrorCode.STORAGE_FAILED
    assert not desk.events
