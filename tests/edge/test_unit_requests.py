"""What may be asked of one unit: read whole or refused, and from the host only."""

import json

import pytest

from gatewayd.core.model import ControllerId, DoorId
from gatewayd.core.requests import (
    AskMaker,
    Command,
    EndFirmware,
    KeepCardActive,
    SendFirmware,
    ShowText,
)
from gatewayd.edge.calls import Call, Refusal, decode_request
from gatewayd.edge.payloads import ErrorCode

C1 = ControllerId("c1")


def read(command: str, **args: object) -> Call | Refusal:
    payload = {
        "id": "r1",
        "client": "office",
        "issued": "2030-01-01T12:00:00Z",
        "expires": "2030-01-01T12:00:10Z",
        "args": args,
    }
    return decode_request(command, json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("args", "command"),
    [
        ({"controller": "c1", "path": "/srv/new.bin"}, SendFirmware(C1, "/srv/new.bin")),
        ({"controller": "c1"}, EndFirmware(C1)),
        ({"controller": "c1", "vendor": "5CB96a"}, AskMaker(C1, b"\x5c\xb9\x6a", b"")),
        (
            {"controller": "c1", "vendor": "5cb96a", "data": "00ff"},
            AskMaker(C1, b"\x5c\xb9\x6a", b"\x00\xff"),
        ),
        ({"controller": "c1", "seconds": 2.5}, KeepCardActive(C1, 2.5)),
        ({"door": "lobby", "text": "Hello"}, ShowText(DoorId("lobby"), "Hello", 5)),
    ],
)
def test_a_request_is_read(args: dict[str, object], command: Command) -> None:
    call = read(command.COMMAND, **args)
    assert isinstance(call, Call)
    assert call.command == command


@pytest.mark.parametrize(
    ("command", "args", "why"),
    [
        (SendFirmware.COMMAND, {"path": "new.bin"}, "path: must be an absolute path of 4096"),
        (SendFirmware.COMMAND, {"path": "/a\0b"}, "path: must be an absolute path of 4096"),
        (SendFirmware.COMMAND, {"path": "/" + "x" * 4097}, "path: must be an absolute path"),
        (AskMaker.COMMAND, {"vendor": "5cb9"}, "vendor: must be 6 hexadecimal digits"),
        (AskMaker.COMMAND, {"vendor": "5cb96a", "data": "012"}, "data: must be at most 1024"),
        (AskMaker.COMMAND, {"vendor": "5cb96a", "data": "00" * 1025}, "data: must be at most"),
        (KeepCardActive.COMMAND, {"seconds": 61}, "seconds:"),
    ],
)
def test_what_makes_no_sense_is_refused(
    command: str, args: dict[str, object], why: str
) -> None:
    refused = read(command, controller="c1", **args)
    assert isinstance(refused, Refusal)
    assert refused.code is ErrorCode.INVALID_REQUEST
    assert why in refused.message


@pytest.mark.parametrize("text", ["grüezi", "two\nlines", "x" * 65])
def test_a_text_is_plain_and_short(text: str) -> None:
    refused = read(ShowText.COMMAND, door="lobby", text=text)
    assert isinstance(refused, Refusal)
    assert "text: must be at most 64 printable ASCII characters" in refused.message
