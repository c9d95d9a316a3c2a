"""`gatewayd trace`: reading a recording, and having one made."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.cli import program as cli
from gatewayd.cli.trace_view import MOST_COMPLAINTS
from protocol.osdp.commands import Poll
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Ack, Keypad, Nak, NakReason, RawCard
from protocol.osdp.trace import Direction, Record
from tests.cli.conftest import Daemon, gatewayd
from tests.protocol.osdp.recorded import KEY, Talk

CARD = RawCard(0, 1, 32, bytes.fromhex("deadbeef"))


@pytest.fixture
def talk() -> Talk:
    said = Talk()
    said.handshake()
    said.say(Poll(), CARD)
    said.say(Poll(), Keypad(0, b"13579"))
    return said


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_text(f"3 {KEY.hex()}\n")
    return path


def written(place: Path, frames: Iterable[Frame]) -> Path:
    path = place / "line.osdpcap"
    lines = [
        Record(1_795_435_200_000_000_000 + at, Direction.TRACE, each.encode()).encode()
        for at, each in enumerate(frames)
    ]
    path.write_text("\n".join(lines))
    return path


async def test_a_recording_is_shown_line_by_line(tmp_path: Path) -> None:
    said = Talk()
    said.clear(Poll(), Nak(NakReason.SECURITY_REQUIRED))
    said.clear(Poll(), CARD)
    frames = [*said.frames, said.frames[2], replace(said.frames[0], sequence=3)]
    ended = await gatewayd("trace", written(tmp_path, frames))
    assert (ended.code, ended.err) == (0, "")
    shown = ended.out.splitlines()
    assert shown[0] == ("12:00:00.000000 ->   3 #0  POLL         open           Poll()")
    assert "<-   3 #1  RAW " in shown[3]
    assert "RawCard(reader=0, format=WIEGAND, bits=32, data=(4 bytes))" in shown[3]
    assert " again " in shown[4]
    assert "number 3 where 1 or 0 comes next" in shown[5]
    assert "NAK 6 security required: 1" in ended.out
    assert "4 commands, 2 replies" in ended.out


async def test_with_the_key_a_session_is_checked(
    tmp_path: Path, talk: Talk, keys: Path
) -> None:
    path = written(tmp_path, talk.frames)
    ended = await gatewayd("trace", path, "--key-file", keys, "--json")
    assert ended.code == 0
    *frames, last = map(json.loads, ended.out.splitlines())
    assert [each["verdict"] for each in frames] == ["open"] + ["ok"] * 7
    assert frames[5]["at"] == "2026-11-23T12:00:00.000000Z"
    assert (frames[5]["name"], frames[5]["address"], frames[5]["reply"]) == ("RAW", 3, True)
    summary = last["summary"]
    assert (summary["sessions"], summary["macs_checked"], summary["wrong"]) == (1, 4, 0)
    assert (summary["records"], summary["noise"]) == (8, 0)
    for secret in ("deadbeef", b"13579".hex(), KEY.hex()):
        assert secret not in ended.out


async def test_cards_are_shown_only_if_asked_for(
    tmp_path: Path, talk: Talk, keys: Path
) -> None:
    path = written(tmp_path, talk.frames)
    ended = await gatewayd("trace", path, "--key-file", keys, "--unmasked")
    assert "deadbeef" in ended.out
    assert b"13579".hex() in ended.out
    assert KEY.hex() not in ended.out


def test_a_wrong_mac_ends_with_76(
    tmp_path: Path, talk: Talk, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk.frames[5] = replace(talk.frames[5], mac=b"1234")
    path = str(written(tmp_path, talk.frames))
    assert cli.program(["trace", path, "--key-file", str(keys)]) == 76
    assert "the MAC does not match" in capsys.readouterr().out
    assert cli.program(["trace", path, "--default-key"]) == 0  # nothing is proved wrong


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(
        tmp_path, [Frame(1, 0, Poll.CODE, b""), Frame(1, 0, Ack.CODE, b"", reply=True)]
    )
    late = Record((1 << 40) * 1_000_000_000, Direction.INPUT, Frame(1, 1, 0x60, b"").encode())
    lines = ["rubbish"] * (MOST_COMPLAINTS + 5)
    path.write_text("\n".join([path.read_text(), *lines, late.encode()]))
    assert cli.program(["trace", str(path)]) == 0
    said = capsys.readouterr()
    assert said.err.splitlines()[0] == (f"gatewayd: {path}: line 3: is no JSON object in UTF-8")
    assert said.err.count("\n") == MOST_COMPLAINTS
    assert f"3 records, {MOST_COMPLAINTS + 5} lines unreadable" in said.out
    assert "23:59:59.999999 ->   1 #1" in said.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 64),
        (("FILE", "--line", "north"), 64),
        (("--line", "north", "--seconds", "3601"), 64),
        (("/nowhere",), 74),
        (("/nowhere", "--key-file", "/nowhere"), 74),
        (("NOTHING",), 74),
        (("EMPTY",), 0),
        (("--line", "north", "--config", "CONFIG"), 75),
    ],
)
def test_what_goes_wrong_has_a_code(
    tmp_path: Path, config: Path, arguments: tuple[str, ...], code: int
) -> None:
    (tmp_path / "NOTHING").write_text("not a recording\n")
    (tmp_path / "EMPTY").write_text("")
    made = {"NOTHING": tmp_path / "NOTHING", "EMPTY": tmp_path / "EMPTY", "CONFIG": config}
    assert cli.program(["trace", *(str(made.get(each, each)) for each in arguments)]) == code


# --- recording ----------------------------------------------------------------------------


async def test_the_daemon_is_asked_to_record(config: Path, daemon: Daemon) -> None:
    daemon.handlers["trace.start"] = {"file": "/x/north.osdpcap"}
    daemon.handlers["trace.stop"] = {"file": "/x/north.osdpcap", "records": 7}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("trace", "--line", "north", "--seconds", "1", "-c", config)
    assert ended.code == 0
    assert ended.err == "recording north into /x/north.osdpcap\n"
    assert json.loads(ended.out)["records"] == 7


async def test_a_daemon_that_cannot_says_why(config: Path, daemon: Daemon) -> None:
    error = {"code": "busy", "message": "line north is being recorded already"}
    daemon.answers["trace.start"] = {"id": "1", "ok": False, "error": error}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("trace", "--line", "north", "-c", config)
    assert (ended.code, ended.err) == (75, f"gatewayd: busy: {error['message']}\n")
