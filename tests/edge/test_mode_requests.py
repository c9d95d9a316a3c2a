"""What requests for doors' modes and for the whole site may say."""

import json
from datetime import UTC, datetime

import pytest

from gatewayd.core.model import DoorId, DoorMode, HolderId
from gatewayd.core.requests import (
    Command,
    ForgivePassback,
    LockDownSite,
    SetDoorMode,
    SetThreatLevel,
)
from gatewayd.edge.calls import Call, Refusal, decode_request
from gatewayd.edge.payloads import ErrorCode

LOBBY = DoorId("lobby")
EVENING = datetime(2030, 1, 1, 18, tzinfo=UTC)


def decoded(command: str, **args: object) -> Call | Refusal:
    document = {
        "id": "r1",
        "client": "office",
        "issued": "2030-01-01T12:00:00Z",
        "expires": "2030-01-01T12:00:10Z",
        "args": args,
    }
    return decode_request(command, json.dumps(document).encode())


def asked(command: str, **args: object) -> Command:
    call = decoded(command, **args)
    assert isinstance(call, Call), call
    return call.command


@pytest.mark.parametrize("mode", list(DoorMode))
def test_a_door_is_ordered_into_every_mode_for_good_or_until_a_time(mode: DoorMode) -> None:
    assert asked("door.mode", door="lobby", mode=mode) == SetDoorMode(LOBBY, mode)
    until = asked("door.mode", door="lobby", mode=mode, until="2030-01-01T18:00:00Z")
    assert until == SetDoorMode(LOBBY, mode, EVENING)
    assert asked("door.mode", door="lobby", mode=mode, until=None) == SetDoorMode(LOBBY, mode)


def test_an_order_is_taken_back_by_its_door_being_scheduled() -> None:
    assert asked("door.mode", door="lobby", mode="scheduled") == SetDoorMode(LOBBY, None)


def test_the_whole_site_is_ordered() -> None:
    assert asked("site.lockdown", on=True) == LockDownSite(on=True)
    assert asked("site.lockdown", on=False) == LockDownSite(on=False)
    assert asked("site.threat_level", level=100) == SetThreatLevel(100)
    assert asked("passback.forgive", holder="h-anna") == ForgivePassback(HolderId("h-anna"))
    assert asked("passback.forgive") == ForgivePassback(None)


@pytest.mark.parametrize(
    ("command", "args", "why"),
    [
        ("door.mode", {"door": "lobby", "mode": "ajar"}, "args.mode"),
        ("door.mode", {"door": "lobby"}, "args.mode"),
        ("door.mode", {"door": "lobby", "mode": "locked", "until": 5}, "args.until"),
        ("door.mode", {"door": "lobby", "mode": "locked", "until": "now"}, "args.until"),
        (
            "door.mode",
            {"door": "lobby", "mode": "scheduled", "until": "2030-01-01T18:00:00Z"},
            "scheduled has no until",
        ),
        ("site.lockdown", {}, "args.on"),
        ("site.lockdown", {"on": 1}, "args.on"),
        ("site.threat_level", {"level": 101}, "args.level"),
        ("site.threat_level", {"level": -1}, "args.level"),
        ("site.threat_level", {"level": True}, "args.level"),
        ("passback.forgive", {"holder": ""}, "args.holder"),
        ("passback.forgive", {"holder": "h" * 65}, "args.holder"),
        ("passback.forgive", {"everybody": True}, "args.everybody"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_key(
    command: str, args: dict[str, object], why: str
) -> None:
    refused = decoded(command, **args)
    assert isinstance(refused, Refusal)
    assert refused.code is ErrorCode.INVALID_REQUEST
    assert why in refused.message
