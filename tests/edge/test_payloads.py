"""JSON, both ways."""

import json
import math
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gatewayd.core.access.model import Side
from gatewayd.core.actions import Answer, PermissionsView
from gatewayd.core.events import AccessGranted, Event, GatewayStopped, InternalError
from gatewayd.core.model import (
    AuditReport,
    ClientId,
    ContactState,
    ControllerId,
    ControllerView,
    DoorId,
    DoorMode,
    DoorView,
    HolderId,
    Identity,
    Moment,
    RequestId,
    Verdict,
)
from gatewayd.core.requests import ApplyPermissions, Command, SetDoorMode, UnlockDoor
from gatewayd.edge import payloads
from gatewayd.edge.calls import Call, Refusal, decode_request
from gatewayd.edge.payloads import (
    LONGEST_MESSAGE,
    ErrorCode,
    Status,
    encode_answer,
    encode_document,
    encode_error,
    encode_event,
    encode_status,
    encode_view,
    instant,
)
from gatewayd.edge.request_json import DEEPEST, LARGEST_REQUEST
from gatewayd.edge.request_models import ENVELOPES

NOON = datetime(2030, 1, 1, 12, 0, 0, 123, tzinfo=UTC)
NOW = Moment(1234.5, NOON)
UNLOCK = "door.unlock"
REQUEST = {
    "id": "r7",
    "client": "desk",
    "issued": "2030-01-01T12:00:00Z",
    "expires": "2030-01-01T12:00:10Z",
    "args": {"door": "lobby"},
}


def request(**changes: object) -> bytes:
    return json.dumps(REQUEST | changes).encode()


def refusal(payload: bytes, command: str = UNLOCK) -> str:
    """Why it is refused; every refusal here is `invalid_request`."""
    refused = decode_request(command, payload)
    assert isinstance(refused, Refusal)
    assert refused.code is ErrorCode.INVALID_REQUEST
    assert len(refused.message) < 2 * LONGEST_MESSAGE
    return refused.message


def command(payload: bytes, name: str = UNLOCK) -> Command:
    call = decode_request(name, payload)
    assert isinstance(call, Call), call
    return call.command


# --- out ----------------------------------------------------------------------------


def test_an_event_has_its_number_time_and_kind_in_front() -> None:
    event = AccessGranted(DoorId("lobby"), Side.IN, "H10301:12:345", HolderId("anna"))
    assert encode_event(7, event, NOW) == (
        b'{"seq":7,"at":"2030-01-01T12:00:00.000123Z","mono":1234.500000,"clock":"trusted",'
        b'"kind":"access.granted","door":"lobby","side":"in","credential":"H10301:12:345",'
        b'"holder":"anna","companion":null,"degraded":false}'
    )


def test_an_untrusted_clock_shows() -> None:
    body = encode_event(1, GatewayStopped("x"), Moment(0.0, NOON, trusted=False))
    assert json.loads(body)["clock"] == "uncertain"


def test_times_are_utc_whatever_zone_they_come_in() -> None:
    assert instant(NOON.astimezone(timezone(timedelta(hours=5)))) == instant(NOON)


def as_json(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, datetime):
        return TypeAdapter(datetime).dump_python(value, mode="json")
    return None if isinstance(value, float) and not math.isfinite(value) else value


@pytest.mark.parametrize("kind", get_args(Event))
@given(data=st.data())
def test_every_event_of_every_kind_becomes_json_that_says_the_same(
    kind: type[Any], data: st.DataObject
) -> None:
    event = data.draw(st.builds(kind))
    document = json.loads(encode_event(3, event, NOW))
    assert (document["seq"], document["kind"]) == (3, kind.KIND)
    for name, value in asdict(event).items():
        assert document[name] == as_json(value)


@given(st.text(st.characters(categories=["Cs", "Cc", "Lu"])))
def test_an_event_is_never_lost_for_what_a_text_holds(text: str) -> None:
    document = json.loads(encode_event(1, InternalError(text), NOW))
    assert document["what"] == text.encode("utf-8", "replace").decode()


def test_an_event_of_wrong_types_is_still_an_event() -> None:
    odd: Any = {"a": (1, 2.5, float("nan"), None, True), b"b": {object}}
    document = json.loads(encode_event(1, GatewayStopped("\ud800"), NOW))
    assert document["why"] == "?"
    clean: Any = payloads._clean(odd)
    assert clean["a"] == [1, 2.5, None, None, True]
    assert json.dumps(clean, allow_nan=False)


def test_views_become_json() -> None:
    door = DoorView(
        DoorId("lobby"),
        DoorMode.LOCKED,
        locked=True,
        contact=ContactState.CLOSED,
        contact_since=NOON,
        alarms=("held",),
    )
    assert json.loads(encode_view(door)) == {
        "door": "lobby",
        "mode": "locked",
        "locked": True,
        "contact": "closed",
        "contact_since": "2030-01-01T12:00:00.000123Z",
        "alarms": ["held"],
        "by": "",
        "until": None,
    }
    identity = Identity("osdp", "5cb96a", 1, 2, "00112233", (1, 2, 3), ((1, 2, 3),))
    unit = ControllerView(
        ControllerId("c1"), "line", verdict=Verdict.CLASSIC, identity=identity
    )
    report = json.loads(encode_view(AuditReport(NOON, refused=True, controllers=(unit,))))
    assert report["controllers"][0]["verdict"] == "classic"
    assert report["controllers"][0]["identity"]["capabilities"] == [[1, 2, 3]]
    assert json.loads(encode_view(PermissionsView(3, "ab", 1, 2)))["version"] == 3


def test_status_becomes_json() -> None:
    document = json.loads(
        encode_status(Status(online=True, version="1", trust="broker", since=NOON, mqtt="5"))
    )
    assert document["online"] is True
    assert document["mqtt"] == "5"
    assert document["encryption_key"] is None


def test_answers_are_results_or_errors() -> None:
    view = PermissionsView(3, "ab", 1, 2)
    good = json.loads(encode_answer(Answer(RequestId("r7"), result=view)))
    assert good == {
        "id": "r7",
        "ok": True,
        "result": {
            "version": 3,
            "digest": "ab",
            "holders": 1,
            "credentials": 2,
            "rules": {},
            "confirmed": None,
        },
    }
    bad = json.loads(encode_answer(Answer(RequestId("r7"), "busy", "later")))
    assert bad == {"id": "r7", "ok": False, "error": {"code": "busy", "message": "later"}}
    assert json.loads(encode_error(None, "busy", "x" * 10_000))["id"] is None


def test_no_number_that_is_none_gets_out() -> None:
    assert encode_document({"a": float("inf"), "b": float("nan")}) == b'{"a":null,"b":null}'


# --- in -----------------------------------------------------------------------------


def test_a_request_is_read() -> None:
    assert decode_request(UNLOCK, request()) == Call(
        RequestId("r7"),
        ClientId("desk"),
        datetime(2030, 1, 1, 12, tzinfo=UTC),
        datetime(2030, 1, 1, 12, 0, 10, tzinfo=UTC),
        UnlockDoor(DoorId("lobby")),
    )


def test_every_command_has_its_arguments() -> None:
    assert set(ENVELOPES) == {kind.COMMAND for kind in get_args(Command)}
    mode = request(args={"door": "lobby", "mode": "blocked"})
    assert command(mode, "door.mode") == SetDoorMode(DoorId("lobby"), DoorMode.BLOCKED)
    for name in ("audit.run", "health.read"):
        assert name == command(request(args={}), name).COMMAND


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "JSON"),
        (b"[]", "must be a JSON object"),
        (b"7", "must be a JSON object"),
        (b'{"id":"r7","id":"r7"}', "key id stands twice"),
        (b'{"args":{"door":"a","door":"b"}}', "key door stands twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "-Infinity"),
        (b'{"a":1e400}', "too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "too long"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"\xef\xbb\xbf{}", "JSON"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'{"a":"\\ud800"}', "UTF-8"),
        (b'{"a":"\x01"}', "control character"),
        (b'{"a":1} x', "JSON"),
        (b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "nested deeper"),
        (b'{"a":' * 20 + b"[]" + b"}" * 20, "nested deeper"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 50_000, "nested too deeply"),
        (b" " * (LARGEST_REQUEST + 1), "longer than"),
    ],
)
def test_what_is_no_sound_json_is_refused(payload: bytes, why: str) -> None:
    assert why in refusal(payload)


def test_brackets_in_strings_are_not_depth() -> None:
    text = '[{"\\' * 50
    call = decode_request("audit.run", request(args={}, note=text))
    assert isinstance(call, Refusal)
    assert call.message == "note: is not known here"


def test_a_pair_of_surrogates_is_one_character() -> None:
    body = request(args={"base": 0, "version": 1, "holders": {"\U0001f600": {}}})
    assert b"\\ud83d" in body
    assert isinstance(command(body, "permissions.apply"), ApplyPermissions)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"args": {}}, "args.door: is missing"),
        ({"args": {"door": 7}}, "args.door: must be a string"),
        ({"args": {"door": "a/b"}}, "args.door: must be 1 to 64 of"),
        ({"args": {"door": "#"}}, "args.door: must be 1 to 64 of"),
        ({"args": {"door": "."}}, "args.door: must be 1 to 64 of"),
        ({"args": {"door": "lobby\n"}}, "args.door: must be 1 to 64 of"),
        ({"args": {"door": "x" * 65}}, "args.door: must be 1 to 64 of"),
        ({"args": {"door": "lobby", "seconds": 5}}, "args.seconds: is not known here"),
        ({"args": None}, "args: must be an object"),
        ({"args": []}, "args: must be an object"),
        ({"now": True}, "now: is not known here"),
        ({"id": ""}, "id: must be 1 to 64 of"),
        ({"id": 7}, "id: must be a string"),
        ({"id": "a b"}, "id: must be 1 to 64 of"),
        ({"client": "a/b"}, "client: must be 1 to 64 of"),
        ({"client": "$SYS"}, "client: must be 1 to 64 of"),
        ({"issued": 1893499200}, "issued: must be a time like"),
        ({"issued": "2030-01-01T12:00:00"}, "issued: must be a time like"),
        ({"issued": "2030-01-01T12:00:00+00:00"}, "issued: must be a time like"),
        ({"issued": "2030-01-01 12:00:00Z"}, "issued: must be a time like"),
        ({"issued": "2030-01-01T12:00:00.1234567Z"}, "issued: must be a time like"),
        ({"issued": "2030-02-30T12:00:00Z"}, "issued: is no time of any day"),
        ({"expires": None}, "expires: must be a time like"),
    ],
)
def test_a_refusal_names_key_and_reason(changes: dict[str, object], why: str) -> None:
    assert why in refusal(request(**changes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"base": True}, "args.base: must be a whole number"),
        ({"version": 1.0}, "args.version: must be a whole number"),
        ({"holders": []}, "args.holders: must be an object"),
        ({"credentials": {"H10301:1:2": {}}}, "credentials.H10301:1:2.holder: is missing"),
        ({"holders": {"x y": 7}}, "args.holders.'x y': must be an object"),
        ({"grants": {}}, "args.grants: is not known here"),
    ],
)
def test_a_permission_update_with_one_mistake_is_refused_whole(
    changes: dict[str, object], why: str
) -> None:
    args = {"base": 0, "version": 1} | changes
    assert why in refusal(request(args=args), "permissions.apply")


def test_an_unknown_command_is_named_so_to_whoever_asked() -> None:
    refused = decode_request("door.pulse", request())
    assert refused == Refusal(
        ErrorCode.UNKNOWN_COMMAND, "there is no such command", RequestId("r7"), ClientId("desk")
    )


def test_a_refusal_knows_whom_to_answer_if_that_can_be_read() -> None:
    refused = decode_request(UNLOCK, request(args={}))
    assert isinstance(refused, Refusal)
    assert (refused.id, refused.client) == ("r7", "desk")
    refused = decode_request(UNLOCK, request(id=7, client="a/b"))
    assert isinstance(refused, Refusal)
    assert (refused.id, refused.client) == (None, None)


def test_a_refusal_never_repeats_what_was_sent() -> None:
    private = "correct horse battery staple"
    for payload in (
        request(args={"door": private}),
        request(password=private * 10),
        request(id=private),
        request(issued=private),
        b'{"a":"' + private.encode(),
        b'{"' + private.encode() * 50 + b'":1,"' + private.encode() * 50 + b'":1}',
    ):
        assert refusal(payload).count(private) <= 1  # a key is named, shortened
        assert len(refusal(payload)) < 400
    assert private not in refusal(request(args={"door": private}))


def test_many_mistakes_are_counted() -> None:
    assert refusal(b'{"a":1}').endswith("; and 3 more")  # of six


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_a_refusal(payload: bytes) -> None:
    assert isinstance(decode_request(UNLOCK, payload), Call | Refusal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(sorted(ENVELOPES)), st.sampled_from(sorted(REQUEST)), JSON)
def test_any_value_anywhere_is_a_request_or_a_refusal(
    name: str, key: str, value: object
) -> None:
    outcome = decode_request(name, json.dumps(REQUEST | {key: value}).encode())
    assert isinstance(outcome, Call | Refusal)
    if isinstance(outcome, Refusal):
        json.loads(encode_error(outcome.id, outcome.code, outcome.message))
