"""A client may ask for what one of its roles may, about its doors, while it is valid."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.model import Side
from gatewayd.core.model import ClientId, DoorId, DoorMode, Moment
from gatewayd.core.requests import (
    AboutUnit,
    Command,
    ExplainDecision,
    ReadHealth,
    SetDoorMode,
    ShowText,
    UnlockDoor,
    WhoCanOpen,
)
from gatewayd.core.rights import RIGHTS, About, Against, Client, Kind, Role, door_of, may

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LOBBY, VAULT = DoorId("lobby"), DoorId("vault")
COMMANDS = {each.COMMAND: each for each in get_args(Command)}


def client(*roles: Role, doors: frozenset[DoorId] | None = None) -> Client:
    return Client(ClientId("c"), "office", Kind.SERVICE, frozenset(roles), doors)


def against(
    who: Client,
    command: str,
    door: DoorId | None = None,
    now: datetime = NOON,
    *,
    trusted: bool = True,
) -> str | None:
    objection = may(who, command, door, Moment(0.0, now, trusted))
    return None if objection is None else objection.error


def test_every_command_is_in_the_table_and_nothing_else() -> None:
    assert set(RIGHTS) == set(COMMANDS)


def test_what_has_a_door_is_about_that_door() -> None:
    about = {name for name, right in RIGHTS.items() if right.about is About.DOOR}
    with_door = {
        name for name, kind in COMMANDS.items() if "door" in {f.name for f in fields(kind)}
    }
    assert about == with_door
    for command in (
        UnlockDoor(LOBBY),
        SetDoorMode(LOBBY, DoorMode.LOCKED),
        ShowText(LOBBY, "hello", 5),
        ExplainDecision(LOBBY, Side.IN, "H10301:1:1"),
        WhoCanOpen(LOBBY, Side.IN),
    ):
        assert door_of(command) == LOBBY
        about.discard(command.COMMAND)
    assert not about
    assert door_of(ReadHealth()) is None


def test_only_the_host_does_what_no_role_may() -> None:
    nobody = {name for name, right in RIGHTS.items() if not right.roles}
    assert nobody == {each.COMMAND for each in get_args(AboutUnit)}
    for command in nobody:
        assert against(client(*Role), command) == Against.HOST_ONLY


def test_permissions_come_from_upstream_alone() -> None:
    for command in RIGHTS:
        if command.startswith("permissions."):
            assert RIGHTS[command].roles == {Role.UPSTREAM}


def test_upstream_moves_no_door_and_a_viewer_changes_nothing() -> None:
    for command in ("door.unlock", "door.mode", "site.lockdown", "controller.accept"):
        assert against(client(Role.UPSTREAM), command, LOBBY) == Against.NOT_PERMITTED
    seen = {each for each in RIGHTS if against(client(Role.VIEWER), each, LOBBY) is None}
    assert seen == {"health.read"}


def test_without_a_role_nobody_may_anything() -> None:
    for command in RIGHTS:
        assert against(client(), command, LOBBY) in {Against.NOT_PERMITTED, Against.HOST_ONLY}


@pytest.mark.parametrize("command", ["door.blow_up", "", "door.Unlock", "door.unlock "])
def test_a_command_nobody_knows_is_nobodys(command: str) -> None:
    assert against(client(*Role), command, LOBBY) == Against.NOT_PERMITTED


def test_roles_add_up() -> None:
    both = client(Role.UPSTREAM, Role.OPERATOR)
    assert against(both, "permissions.apply") is None
    assert against(both, "door.unlock", LOBBY) is None
    assert against(both, "controller.accept") == Against.NOT_PERMITTED


def test_whoever_is_kept_to_some_doors_asks_about_these() -> None:
    kept = client(*Role, doors=frozenset({LOBBY}))
    assert against(kept, "door.unlock", LOBBY) is None
    assert against(kept, "decision.who", LOBBY) is None
    assert against(kept, "health.read") is None
    assert against(kept, "door.unlock", VAULT) == Against.DOOR_NOT_PERMITTED
    assert against(kept, "door.unlock") == Against.DOOR_NOT_PERMITTED
    for command in ("site.lockdown", "permissions.apply", "decision.what", "audit.run"):
        assert against(kept, command) == Against.DOOR_NOT_PERMITTED
        assert against(kept, command, LOBBY) == Against.DOOR_NOT_PERMITTED
    nowhere = client(*Role, doors=frozenset())
    assert against(nowhere, "door.unlock", LOBBY) == Against.DOOR_NOT_PERMITTED


def test_a_client_counts_from_until_and_while_it_is_not_disabled() -> None:
    short = replace(
        client(Role.OPERATOR), valid_from=NOON, valid_until=NOON + timedelta(hours=1)
    )
    just = timedelta(microseconds=1)
    for now, error in (
        (NOON - just, Against.CLIENT_EARLY),
        (NOON, None),
        (NOON + timedelta(hours=1) - just, None),
        (NOON + timedelta(hours=1), Against.CLIENT_EXPIRED),
    ):
        assert against(short, "door.unlock", LOBBY, now) == error
    gone = replace(short, disabled=True)
    assert against(gone, "door.unlock", LOBBY) == Against.CLIENT_DISABLED


def test_while_the_clock_is_not_trusted_nobody_is_valid_who_may_have_expired() -> None:
    for_ever = replace(client(Role.OPERATOR), valid_from=NOON)
    assert against(for_ever, "door.unlock", LOBBY, trusted=False) is None
    short = replace(for_ever, valid_until=NOON + timedelta(days=1))
    assert against(short, "door.unlock", LOBBY) is None
    assert against(short, "door.unlock", LOBBY, trusted=False) == Against.CLIENT_EXPIRED


clients = st.builds(
    Client,
    st.just(ClientId("c")),
    st.just("office"),
    st.sampled_from(Kind),
    st.frozensets(st.sampled_from(Role)),
    st.none() | st.frozensets(st.sampled_from([LOBBY, VAULT])),
    st.none() | st.just(NOON),
    st.none() | st.just(NOON + timedelta(hours=1)),
    st.booleans(),
)


@given(clients, st.sampled_from([*RIGHTS, "x"]), st.sampled_from([None, LOBBY, VAULT]))
def test_less_of_anything_never_allows_more(
    who: Client, command: str, door: DoorId | None
) -> None:
    if against(who, command, door) is None:
        return
    for role in who.roles:
        less = replace(who, roles=who.roles - {role})
        assert against(less, command, door) is not None
    for some in (frozenset[DoorId](), (who.doors or frozenset()) - {LOBBY}):
        assert against(replace(who, doors=some), command, door) is not None
