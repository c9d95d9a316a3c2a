"""docs/permission-records.md and its examples in docs/mqtt.md tell the truth."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from gatewayd.core.access.people import Person, digest, weight
from gatewayd.core.access.record_check import mistakes
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.model import AreaId, DoorId
from gatewayd.core.pin_entry import MAX_DIGITS, Digits
from gatewayd.core.requests import ApplyPermissions
from gatewayd.edge.calls import Call, decode_request
from gatewayd.edge.permission_json import canonical, lines, rules_total
from gatewayd.edge.permission_models import (
    AreaModel,
    CredentialModel,
    DoorModel,
    HolderModel,
    LevelModel,
    PointModel,
    ScheduleModel,
    SpecialDaysModel,
)
from gatewayd.edge.pin_envelopes import MOST_PINS
from gatewayd.edge.request_size import MOST_OBJECTS, MOST_VALUES
from tests.edge.pin_kit import KEY

DOCS = Path(__file__).parents[2] / "docs"
PAGE, MQTT = ((DOCS / name).read_text() for name in ("permission-records.md", "mqtt.md"))
REQUESTS = dict(
    re.findall(r"^```json request ([\w.]*)\n(.*?)^```", MQTT, re.MULTILINE | re.DOTALL)
)
PIN_CODE, DIGEST_CODE = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(LINES,) = re.findall(r"^```digest\n(.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)


def args(command: str) -> dict[str, Any]:
    found = json.loads(REQUESTS[command])["args"]
    assert isinstance(found, dict)
    return found


def example() -> Update:
    call = decode_request("permissions.apply", REQUESTS["permissions.apply"].encode())
    assert isinstance(call, Call), call
    assert isinstance(call.command, ApplyPermissions)
    return call.command.update


def run(code: str, name: str) -> Any:  # noqa: ANN401 - a function of the page
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the page's own example
    return names[name]


def total() -> int:
    """What the gateway comes to with the example and nothing else."""
    update = example()
    people = 0
    for whoever, holder in update.holders.items():
        assert holder is not None
        cards = [each for each in update.credentials.values() if each is not None]
        people += weight(Person(holder, tuple(c for c in cards if c.holder == whoever)))
    return people + rules_total(Rules().after(update))


def test_the_example_is_sound() -> None:
    update = example()
    doors, areas = {DoorId("lobby")}, {AreaId("lab")}
    assert mistakes(update, Rules().after(update), doors, areas) == []


def test_a_pin_goes_into_an_envelope_as_shown() -> None:
    envelope = run(PIN_CODE, "envelope")
    assert KEY.open(envelope("2580", dict(KEY.public))) == Digits("2580")
    assert f"1 to {MAX_DIGITS} digits" in PAGE
    assert f"{MOST_PINS} PINs in one update" in MQTT


def test_what_a_request_may_hold_is_as_documented() -> None:
    bounds = f"{MOST_OBJECTS:,} objects and {MOST_VALUES:,} values"
    assert f"At most {bounds} in one request" in MQTT
    assert f"at most {MOST_OBJECTS:,} objects" in PAGE
    assert f"and {MOST_VALUES:,} values" in PAGE


def test_the_digest_is_worked_out_as_shown() -> None:
    worked_out = run(DIGEST_CODE, "digest")(LINES.split("\n"))
    assert worked_out == digest(total())
    assert f"`{worked_out}`" in PAGE
    assert args("permissions.confirm")["digest"] == worked_out
    assert args("permissions.begin")["digest"] == worked_out


def test_the_lines_of_rules_are_as_shown() -> None:
    rules = Rules().after(example())
    ours = [each.decode() for each in lines(rules)]
    assert ours == [each for each in LINES.split("\n") if not re.match("holder|cred", each)]


def test_the_snapshot_is_as_announced() -> None:
    records = args("permissions.part")["records"]
    manifest = args("permissions.begin")
    assert manifest["parts"] == [sha256(canonical(records)).hexdigest()]
    assert manifest["counts"] == {kind: len(each) for kind, each in records.items()}


def test_every_key_of_every_record_is_explained() -> None:
    for model in (
        ScheduleModel,
        SpecialDaysModel,
        LevelModel,
        DoorModel,
        PointModel,
        AreaModel,
        HolderModel,
        CredentialModel,
    ):
        for key in model.model_fields:
            assert re.search(rf"^\|[^|]*`{key}`", PAGE, re.MULTILINE), key
