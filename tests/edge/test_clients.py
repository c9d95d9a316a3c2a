"""Who may ask is kept whole or not at all, and nobody is in it by mistake."""

import contextlib
import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.model import ClientId, DoorId
from gatewayd.core.rights import Client, Kind, Role
from gatewayd.edge.client_file import FILE, LONGEST, ClientFile
from gatewayd.edge.clients import (
    MOST_CLIENTS,
    MOST_DOORS,
    ClientRefused,
    Clients,
    Registered,
)
from gatewayd.edge.ed25519 import PrivateKey, PublicKey
from gatewayd.edge.secret import Secret
from gatewayd.errors import DamagedState, StateError
from tests.edge.crashing_disk import CrashingDisk, Step
from tests.edge.jws_kit import CLIENT, OFFICE, STRANGER, text

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def registered(name: str = "office", key: PublicKey = OFFICE.public) -> Registered:
    client = Client(
        ClientId(key.thumbprint),
        name,
        Kind.SERVICE,
        frozenset({Role.UPSTREAM, Role.OPERATOR}),
        frozenset({DoorId("lobby"), DoorId("vault")}),
        NOON,
        NOON + timedelta(microseconds=1),
        disabled=True,
    )
    return Registered(client, key)


GATE = Registered(
    Client(
        ClientId(STRANGER.thumbprint),
        "gate",
        Kind.OPERATOR_DEVICE,
        frozenset({Role.OPERATOR}),
    ),
    STRANGER.public,
)
BOTH = Clients([registered(), GATE])


def same(one: Clients, other: Clients) -> bool:
    return one.by_name == other.by_name


def key(number: int) -> PublicKey:
    return PrivateKey(Secret(sha256(f"{number}".encode()).digest())).public


# --- the table ------------------------------------------------------------------------


def test_a_client_is_found_by_its_thumbprint() -> None:
    assert BOTH.key_of(CLIENT) == OFFICE.public
    assert BOTH.client(CLIENT) == registered().client
    assert BOTH.ids() == {CLIENT, STRANGER.thumbprint}
    assert BOTH.key_of(ClientId("office")) is None
    assert BOTH.client(ClientId("office")) is None
    assert len(BOTH) == 2


def test_clients_come_and_go() -> None:
    assert same(Clients([GATE]).adding(registered()), BOTH)
    assert same(BOTH.removing("office"), Clients([GATE]))
    stronger = replace(GATE, client=replace(GATE.client, roles=frozenset(Role) - {"upstream"}))
    assert BOTH.changing(stronger).client(GATE.client.id) == stronger.client
    with pytest.raises(ClientRefused, match="no client 'desk'"):
        BOTH.removing("desk")


def refused(*each: Registered) -> str:
    with pytest.raises(ClientRefused) as caught:
        Clients(each)
    return f"{caught.value}"


def but(**changed: Any) -> Registered:  # noqa: ANN401 - fields of a client
    return replace(registered(), client=replace(registered().client, **changed))


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"name": "local-7"}, "begins with neither . nor local-"),
        ({"name": ".hidden"}, "a name is 1 to 64"),
        ({"name": "a/b"}, "a name is 1 to 64"),
        ({"name": "+"}, "a name is 1 to 64"),
        ({"roles": frozenset()}, "it has no role"),
        ({"kind": Kind.OPERATOR_DEVICE}, "an operator's device cannot be upstream"),
        ({"doors": frozenset({"#"})}, "'#' is no name of a door"),
        ({"doors": frozenset(map(str, range(MOST_DOORS + 1)))}, "more than 1000 doors"),
        ({"valid_until": NOON}, "valid_until is not after valid_from"),
        ({"id": "somebody"}, "is not named by its key"),
    ],
)
def test_what_is_wrong_with_a_client_is_named(changed: dict[str, Any], wrong: str) -> None:
    assert wrong in refused(but(**changed))


def test_a_client_may_have_one_end_and_as_many_doors_as_there_is_room_for() -> None:
    doors = frozenset(DoorId(f"d{number}") for number in range(MOST_DOORS))
    for each in (but(valid_from=None), but(valid_until=None), but(doors=doors)):
        assert len(Clients([each])) == 1


def test_everybody_has_a_name_and_a_key_of_ones_own() -> None:
    assert "'gate': has the same key as 'office'" in refused(registered(), registered("gate"))
    assert "one of that name already" in refused(registered(), registered("office", key(1)))


def test_everything_wrong_is_named_at_once_up_to_a_bound() -> None:
    said = refused(but(roles=frozenset(), valid_until=NOON), replace(GATE, key=key(2)))
    assert said.count(";") == 2
    many = [replace(but(roles=frozenset()), key=OFFICE.public) for _ in range(30)]
    assert "more" in refused(*many)


def test_there_is_room_for_so_many() -> None:
    every = [registered(f"c{number}", key(number)) for number in range(MOST_CLIENTS)]
    assert len(Clients(every)) == MOST_CLIENTS
    assert "at most 256 are taken" in refused(*every, GATE)


# --- the file -------------------------------------------------------------------------


def test_who_was_saved_last_is_loaded(tmp_path: Path) -> None:
    assert len(ClientFile(tmp_path).load()) == 0
    ClientFile(tmp_path).save(Clients([GATE]))
    ClientFile(tmp_path).save(BOTH)
    assert same(ClientFile(tmp_path).load(), BOTH)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["gate"] == {
        "key": STRANGER.public.x,
        "kind": "operator_device",
        "roles": ["operator"],
        "doors": None,
        "valid_from": None,
        "valid_until": None,
        "disabled": False,
    }


def test_a_power_cut_leaves_the_clients_before_or_after() -> None:
    seen: list[Clients] = []
    disk = CrashingDisk()
    store = ClientFile(Path("/"), disk)
    store.save(Clients([GATE]))

    def cut(_: Step) -> None:
        seen.extend(ClientFile(Path("/"), image).load() for image in disk.images())

    disk.before_step = cut
    store.save(BOTH)
    assert any(same(each, Clients([GATE])) for each in seen)
    assert all(same(each, Clients([GATE])) or same(each, BOTH) for each in seen)
    assert all(same(ClientFile(Path("/"), i).load(), BOTH) for i in disk.images())


def damaged(tmp_path: Path, content: bytes) -> str:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DamagedState, match=FILE) as caught:
        ClientFile(tmp_path).load()
    return f"{caught.value}"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"a":1}', b'{"a":{}}', b"\xff", b" " * (LONGEST + 1)],
    ids=["empty", "cut", "list", "null", "number", "nobody", "no text", "endless"],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    damaged(tmp_path, content)


GOOD = {
    "key": OFFICE.public.x,
    "kind": "service",
    "roles": ["viewer"],
    "doors": None,
    "valid_from": None,
    "valid_until": None,
    "disabled": False,
}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"key": "AQ"}, "43 characters"),
        ({"key": text(bytes(32))}, "small order"),
        ({"kind": "person"}, "a.kind"),
        ({"roles": []}, "a.roles"),
        ({"roles": ["root"]}, "a.roles.0"),
        ({"doors": ["#"]}, "a.doors.0"),
        ({"doors": 7}, "a.doors"),
        ({"valid_until": "2030-01-01"}, "a.valid_until"),
        ({"disabled": 0}, "a.disabled"),
        ({"disabled": ...}, "a.disabled"),
        ({"admin": True}, "a.admin"),
        ({"roles": ["upstream"], "kind": "operator_device"}, "cannot be upstream"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(
    tmp_path: Path, changed: dict[str, Any], wrong: str
) -> None:
    record = {key: value for key, value in {**GOOD, **changed}.items() if value is not ...}
    assert wrong in damaged(tmp_path, json.dumps({"a": record}).encode())


def test_all_that_is_wrong_in_the_file_is_named(tmp_path: Path) -> None:
    content = {"a": {**GOOD, "key": "x"}, "b": {**GOOD, "key": "y"}, ".c": GOOD, "d": GOOD}
    said = damaged(tmp_path, json.dumps(content).encode())
    assert all(f"'{each}': " in said for each in ("a", "b", ".c", "d"))
    shapes = {name: {**GOOD, "kind": 1} for name in "abcdefgh"}
    said = damaged(tmp_path, json.dumps(shapes).encode())
    assert all(f"{each}.kind" in said for each in "abcdefgh")


def test_more_clients_than_there_is_room_for_are_nobody(tmp_path: Path) -> None:
    every = {f"c{n}": {**GOOD, "key": key(n).x} for n in range(MOST_CLIENTS + 1)}
    damaged(tmp_path, json.dumps(every).encode())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StateError, match=f"{FILE} cannot be read: Is a directory"):
        ClientFile(tmp_path).load()


@given(st.binary(max_size=200))
def test_anything_in_the_file_is_nobody_and_named(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "clients"
    path.mkdir(exist_ok=True)
    (path / FILE).write_bytes(content)
    with contextlib.suppress(DamagedState):
        assert len(ClientFile(path).load()) == 0
