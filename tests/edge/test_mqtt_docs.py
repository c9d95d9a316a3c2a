"""docs/mqtt.md tells the truth: its examples are what the gateway says and takes."""

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from gatewayd.app.health import Health
from gatewayd.core.actions import PermissionsView
from gatewayd.core.events import Event
from gatewayd.core.model import AuditReport, ControllerView, DoorView, Moment
from gatewayd.edge.calls import Call, decode_request, untimely
from gatewayd.edge.counted import Counted
from gatewayd.edge.payloads import (
    ErrorCode,
    Status,
    View,
    encode_controller,
    encode_event,
    encode_status,
    encode_view,
)
from gatewayd.edge.request_models import ENVELOPES
from gatewayd.edge.requests import Incoming
from tests.edge.mqtt_kit import make, running
from tests.simulate.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "mqtt.md").read_text()
EXAMPLES = re.findall(r"^```json (\w+) ?([\w.]*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ERRORS = TEXT.split("## Error codes")[1].split("## Broker")[0]
VIEWS: dict[str, type[View]] = {
    "door": DoorView,
    "controller": ControllerView,
    "audit": AuditReport,
    "permissions": PermissionsView,
}


def examples(kind: str) -> list[str]:
    return [text.strip() for label, _, text in EXAMPLES if label == kind]


def documented_codes() -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", ERRORS, re.MULTILINE))


def test_every_example_is_of_a_kind_that_is_checked() -> None:
    assert {label for label, _, _ in EXAMPLES} == {
        "event",
        "request",
        "reply",
        "status",
        "health",
    } | set(VIEWS)
    assert TEXT.count("```json") == len(EXAMPLES)


def test_every_event_has_its_example() -> None:
    kinds = {kind.KIND: kind for kind in get_args(Event)}
    seen = []
    for text in examples("event"):
        head = json.loads(text)
        kind = kinds[head["kind"]]
        now = Moment(head["mono"], datetime.fromisoformat(head["at"]))
        body = json.dumps({each.name: head[each.name] for each in fields(kind)})
        event: Any = TypeAdapter(kind).validate_json(body)
        assert encode_event(head["seq"], event, now).decode() == text
        seen.append(head["kind"])
    assert sorted(seen) == sorted(kinds)


def test_a_controller_looks_as_shown() -> None:
    (text,) = examples("controller")
    shown = json.loads(text)
    counters = TypeAdapter(Counted).validate_python(shown.pop("counters"))
    view = TypeAdapter(ControllerView).validate_json(json.dumps(shown))
    assert json.loads(encode_controller(view, counters)) == json.loads(text)


@pytest.mark.parametrize("kind", sorted(set(VIEWS) - {"controller"}))
def test_state_looks_as_shown(kind: str) -> None:
    assert examples(kind)
    for text in examples(kind):
        view: Any = TypeAdapter(VIEWS[kind]).validate_json(text)
        assert json.loads(encode_view(view)) == json.loads(text)


def test_status_looks_as_shown() -> None:
    for text in examples("status"):
        status = TypeAdapter(Status).validate_json(text)
        assert encode_status(status).decode() == text


def test_health_has_the_keys_that_are_shown() -> None:
    (text,) = examples("health")
    shown = set(json.loads(text))
    assert shown == {each.name for each in fields(Health)} | {"well", "backlog"}


def test_every_command_has_its_example() -> None:
    seen = []
    for label, command, text in EXAMPLES:
        if label == "request":
            call = decode_request(command, text.encode())
            assert isinstance(call, Call), call
            assert untimely(call, datetime(2030, 1, 1, 12, tzinfo=UTC)) is None
            assert f"### `{command}`" in TEXT
            seen.append(command)
    assert sorted(seen) == sorted(ENVELOPES)


def test_replies_are_results_or_errors_with_a_documented_code() -> None:
    for text in examples("reply"):
        reply = json.loads(text)
        if reply["ok"]:
            assert set(reply) == {"id", "ok", "result"}
        else:
            assert set(reply) == {"id", "ok", "error"}
            assert reply["error"]["code"] in documented_codes()


def codes_in(source: str) -> Iterator[str]:
    """Every error code that a module of the core can answer with."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Name(id="Objection"), args=[ast.Constant(value=str(code)), *_]
            ):
                yield code
            case ast.Call(
                func=ast.Attribute(attr="end"), args=[_, ast.Constant(value=str(code)), *_]
            ):
                yield code
            case ast.Return(
                value=ast.Tuple(elts=[ast.Constant(value=str(code)), ast.JoinedStr()])
            ):
                yield code
            case ast.Assign(
                targets=[ast.Tuple(elts=[ast.Name(id="error"), _])],
                value=ast.Tuple(elts=[ast.Constant(value=str(code)), _]),
            ):
                yield code


def test_every_error_code_is_in_the_table_and_nothing_else() -> None:
    core = {
        code
        for path in (ROOT / "gatewayd" / "core").glob("*.py")
        for code in codes_in(path.read_text())
    }
    assert {"no_such_door", "controller_silent", "permissions_version"} <= core
    assert documented_codes() == core | {each.value for each in ErrorCode}


async def test_the_commands_to_try_work(tmp_path: Path) -> None:
    """As they stand there, against a real broker on another port."""
    script = TEXT.split("Try it:\n")[1].split("###")[0]
    taken: list[Incoming] = []

    def take(incoming: Incoming) -> None:
        taken.append(incoming)
        call = decode_request(incoming.command, incoming.payload)
        assert isinstance(call, Call)
        incoming.reply(call.client, b'{"ok":true}')
        incoming.accepted()

    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        async with running(make(mosquitto.port, on_request=take)):
            on_port = script.replace("-h localhost", f"-h 127.0.0.1 -p {mosquitto.port}")
            shell = await asyncio.create_subprocess_exec(
                "bash", "-euc", on_port, stdout=asyncio.subprocess.PIPE
            )
            said, _ = await asyncio.wait_for(shell.communicate(), 10)
    assert json.loads(said) == {"ok": True}
    assert taken[0].command == "door.unlock"
