"""The local channel, both ends over a real Unix socket."""

import asyncio
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.edge import control
from gatewayd.edge.control import MODE, MOST_CONNECTIONS, Control, Handlers, Peer
from gatewayd.edge.control_client import LONGEST_REQUEST, NotRunning, ask
from gatewayd.errors import GatewayError, StateError, StateInUse, TryAgain, UsageError

PATIENCE = 10.0  # seconds
NOBODY = 65534


class Desk:
    """Takes requests as the router does, and answers what it is told to."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.silent = False
        self.broken = False

    def submit(
        self,
        command: str,
        payload: bytes,
        *,
        via: Literal["local"],
        reply: Callable[[bytes], None],
    ) -> None:
        request = json.loads(payload)
        self.requests.append((command, request))
        assert via == "local"
        if self.broken:
            raise RuntimeError("a secret: hunter2")
        if not self.silent:
            body = json.dumps({"id": request.get("id"), "ok": True, "result": command}).encode()
            reply(body)
            reply(b"once too often")


async def report(args: Mapping[str, Any]) -> object:
    return {"args": dict(args)}


async def broken(args: Mapping[str, Any]) -> object:
    raise RuntimeError(f"a secret: {args}")


HANDLERS: Handlers = {"audit.report": report, "broken": broken}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short name that everybody may enter."""
    directory = Path(tempfile.mkdtemp(prefix="gatewayd-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory / "control"
    shutil.rmtree(directory)


@asynccontextmanager
async def serving(place: Path, desk: Desk | None = None) -> AsyncIterator[Desk]:
    desk = desk or Desk()
    server = Control(place, desk.submit, HANDLERS)
    server.open()
    task = asyncio.create_task(server.run())
    await asyncio.sleep(0)  # let it begin
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def asking(
    place: Path, command: str, patience: float = PATIENCE, **args: object
) -> dict[str, Any]:
    return await asyncio.to_thread(ask, place, command, args, patience)


def say_at_length(place: Path, data: bytes) -> bytes:
    """Send as much as the server takes, then return its answer."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(PATIENCE)
        channel.connect(str(place))
        with suppress(BrokenPipeError, ConnectionResetError):
            channel.sendall(data)
        return channel.recv(1_000)


async def raw(place: Path, *lines: bytes) -> list[dict[str, Any]]:
    """Write lines and return the answers until the server ends the connection."""
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(b"".join(lines))
    writer.write_eof()
    async with asyncio.timeout(PATIENCE):
        answers = await reader.read()
    writer.close()
    return [json.loads(line) for line in answers.splitlines()]


def code(answer: Mapping[str, Any]) -> str:
    assert answer["ok"] is False
    return str(answer["error"]["code"])


# --- asking ---------------------------------------------------------------------------


async def test_a_request_goes_the_way_of_all_requests(place: Path) -> None:
    async with serving(place) as desk:
        answer = await asking(place, "door.unlock", door="lobby")
        assert (answer["ok"], answer["result"]) == (True, "door.unlock")
        ((command, request),) = desk.requests
        assert command == "door.unlock"
        assert request["args"] == {"door": "lobby"}
        assert request["issued"] < request["expires"]


async def test_the_daemon_itself_writes_who_asks(place: Path) -> None:
    async with serving(place) as desk:
        line = {"command": "door.unlock", "payload": {"client": "somebody-else"}}
        await raw(place, json.dumps(line).encode() + b"\n")
        assert desk.requests[0][1]["client"] == f"local-{os.getuid()}"


async def test_what_only_the_daemon_knows_it_answers_itself(place: Path) -> None:
    async with serving(place) as desk:
        answer = await asking(place, "audit.report", again=True)
        assert answer["result"] == {"args": {"again": True}}
        assert desk.requests == []


async def test_one_connection_may_ask_many_times(place: Path) -> None:
    line = b'{"command": "x", "payload": {"id": "%d"}}\n'
    async with serving(place):
        answers = await raw(place, line % 1, line % 2, line % 3)
        assert [answer["id"] for answer in answers] == ["1", "2", "3"]


async def test_a_broken_question_ends_neither_the_channel_nor_the_daemon(place: Path) -> None:
    async with serving(place) as desk:
        assert code(await asking(place, "broken", word="hunter2")) == "internal_error"
        desk.broken = True
        answer = await asking(place, "door.unlock")
        assert code(answer) == "internal_error"
        assert "hunter2" not in str(answer)
        assert (await asking(place, "audit.report"))["ok"]


@pytest.mark.parametrize("command", ["audit.report", "broken", "door.unlock"])
async def test_an_id_that_is_no_text_ends_neither_the_channel_nor_the_daemon(
    place: Path, command: str
) -> None:
    line = b'{"command": "%s", "payload": {"id": "\\ud800"}}\n' % command.encode()
    async with serving(place) as desk:
        desk.broken = True
        (answer,) = await raw(place, line)
        assert answer["id"] is None
        assert (await asking(place, "audit.report"))["ok"]


async def test_an_answer_that_does_not_come_is_said_to_be_unknown(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.01)
    async with serving(place) as desk:
        desk.silent = True
        assert code(await asking(place, "door.unlock")) == "outcome_unknown"


async def test_a_client_waits_only_so_long(place: Path) -> None:
    async with serving(place) as desk:
        desk.silent = True
        with pytest.raises(TryAgain, match=r"no answer within 0\.05 s"):
            await asking(place, "door.unlock", 0.05)


# --- lines ----------------------------------------------------------------------------

BAD_LINES = [
    b"\n",
    b"hello\n",
    b"[]\n",
    b"{}\n",
    b'{"command": 3, "payload": {}}\n',
    b'{"command": "x", "payload": []}\n',
    b'{"command": "x", "payload": {}, "more": 1}\n',
    b'{"command": "x", "command": "y", "payload": {}}\n',
    b'{"command": "x", "payload": {"a": 1, "a": 2}}\n',
    b"\xff\n",
    b"[" * 100_000 + b"\n",
    b"9" * 5_000 + b"\n",
]


@pytest.mark.parametrize("line", BAD_LINES)
async def test_a_line_that_is_no_request_is_refused_and_the_next_one_served(
    place: Path, line: bytes
) -> None:
    async with serving(place):
        refused, served = await raw(place, line, b'{"command": "x", "payload": {}}\n')
        assert code(refused) == "invalid_request"
        assert served["ok"]


async def test_arguments_of_a_local_command_are_an_object(place: Path) -> None:
    async with serving(place):
        line = b'{"command": "audit.report", "payload": {"args": [1]}}\n'
        assert [code(answer) for answer in await raw(place, line)] == ["invalid_request"]


async def test_a_line_without_an_end_is_refused(place: Path) -> None:
    async with serving(place):
        data = b"x" * (4 * control.LONGEST_LINE)
        answer = await asyncio.to_thread(say_at_length, place, data)
        assert code(json.loads(answer)) == "invalid_request"


@given(st.binary(max_size=200))
def test_any_line_is_a_request_or_unreadable(line: bytes) -> None:
    try:
        command, payload = control._request(line)
    except control._Unreadable:
        return
    assert isinstance(command, str)
    assert isinstance(payload, dict)


async def test_a_request_that_is_too_long_is_not_even_sent(place: Path) -> None:
    with pytest.raises(UsageError, match="longer than"):
        await asking(place, "x", text="x" * LONGEST_REQUEST)


# --- bounds ---------------------------------------------------------------------------


async def test_only_so_many_may_ask_at_once(place: Path) -> None:
    line = b'{"command": "audit.report", "payload": {}}\n'
    async with serving(place):
        guests = [await asyncio.open_unix_connection(place) for _ in range(MOST_CONNECTIONS)]
        for reader, writer in guests:
            writer.write(line)
            assert await reader.readline()
        assert code(await asking(place, "audit.report")) == "busy"
        guests[0][1].close()
        async with asyncio.timeout(PATIENCE):
            answers = [await asking(place, "audit.report")]
            while not answers[-1]["ok"]:
                answers.append(await asking(place, "audit.report"))
        for _, writer in guests[1:]:
            writer.close()


async def test_who_says_nothing_is_sent_away(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "IDLE_SECONDS", 0.01)
    async with serving(place):
        reader, writer = await asyncio.open_unix_connection(place)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()


# --- the socket -----------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_the_socket_is_for_its_owner_and_group(place: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        async with serving(place):
            assert mode(place) == MODE == 0o660
    finally:
        os.umask(before)


async def test_nothing_is_left_behind(place: Path) -> None:
    async with serving(place):
        assert names(place) == ["control"]
    assert names(place) == []


async def test_a_successors_socket_is_left_alone(place: Path) -> None:
    async with serving(place):
        replace(place)
    assert names(place) == ["control", "old"]


def names(place: Path) -> list[str]:
    return sorted(each.name for each in place.parent.iterdir())


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


def open_to_all(place: Path) -> None:
    place.chmod(0o666)


def replace(place: Path) -> None:
    place.rename(place.with_name("old"))
    place.touch()


async def test_a_dead_daemons_socket_is_replaced(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
        dead.listen()
    assert names(place) == ["control"]
    async with serving(place):
        assert (await asking(place, "audit.report"))["ok"]


async def test_a_living_daemons_socket_is_not_replaced(place: Path) -> None:
    async with serving(place):
        with pytest.raises(StateInUse, match="another gatewayd"):
            Control(place, Desk().submit, {}).open()
        assert (await asking(place, "audit.report"))["ok"]


def test_a_daemon_too_busy_to_accept_is_alive(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(place))
        busy.listen(0)
        first.connect(str(place))
        with pytest.raises(StateInUse):
            Control(place, Desk().submit, {}).open()


def test_a_file_in_the_way_is_left_alone(place: Path) -> None:
    place.write_text("precious")
    with pytest.raises(StateError, match="no socket"):
        Control(place, Desk().submit, {}).open()
    assert place.read_text() == "precious"


def test_a_place_that_cannot_be_made_is_named(place: Path) -> None:
    place.touch()
    with pytest.raises(StateError, match=r"control/control: "):
        Control(place / "control", Desk().submit, {}).open()
    with pytest.raises(StateError, match="too long"):
        Control(place.with_name("x" * 120), Desk().submit, {}).open()


# --- who may ask ----------------------------------------------------------------------


def test_root_the_daemon_and_the_sockets_group_may_ask(place: Path) -> None:
    place.touch()
    group = place.stat().st_gid
    strangers = frozenset({NOBODY})
    assert control._may_ask(Peer(0, strangers), place)
    assert control._may_ask(Peer(os.geteuid(), strangers), place)
    assert control._may_ask(Peer(NOBODY, strangers | {group}), place)
    assert not control._may_ask(Peer(NOBODY, strangers), place)
    assert not control._may_ask(Peer(NOBODY, strangers), place.with_name("gone"))


ASK_AS_NOBODY = """
import os, sys
from pathlib import Path
from gatewayd.edge.control_client import ask
groups = [int(group) for group in sys.argv[2:]]
os.setgroups(groups); os.setgid(65534); os.setuid(65534)
try:
    print(ask(Path(sys.argv[1]), "audit.report", {}, 10.0))
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_stranger_may_not_ask_even_where_the_file_lets_him(place: Path) -> None:
    async with serving(place) as desk:
        os.chown(place, -1, 4711)

        async def as_nobody(*groups: int) -> str:
            command = [sys.executable, "-c", ASK_AS_NOBODY, str(place), *map(str, groups)]
            result = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, check=True,
                timeout=PATIENCE,
            )  # fmt: skip
            return str(result.stdout)

        assert "NotPermitted" in await as_nobody()
        assert "'ok': True" in await as_nobody(4711)
        open_to_all(place)
        assert "not_permitted" in await as_nobody()
        assert desk.requests == []


# --- a client alone -------------------------------------------------------------------


async def test_without_a_daemon_the_client_says_so(place: Path) -> None:
    with pytest.raises(NotRunning, match="no gatewayd serves"):
        await asking(place, "x")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    with pytest.raises(NotRunning):
        await asking(place, "x")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", StateError),
        (b"nonsense\n", GatewayError),
        (b"[]\n", GatewayError),
        (b'{"ok": true}\n', GatewayError),
        (b'{"ok": false, "error": "bad"}\n', GatewayError),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error(
    place: Path, said: bytes, error: type[GatewayError]
) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    async with await asyncio.start_unix_server(say, place):
        with pytest.raises(error):
            await asking(place, "x")
