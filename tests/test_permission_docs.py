"""docs/permissions.md tells the truth: its commands and its table are what gatewayd takes."""

import json
import re
import shlex
from pathlib import Path
from zoneinfo import ZoneInfo

from gatewayd.core.access.model import Flag
from gatewayd.core.access.record_check import mistakes
from gatewayd.core.access.records import Rules
from gatewayd.core.model import DoorId
from gatewayd.core.requests import ApplyPermissions
from gatewayd.edge.calls import Call, decode_request
from gatewayd.edge.people_csv import COLUMNS, read_people

TEXT = (Path(__file__).parents[1] / "docs" / "permissions.md").read_text()
COMMANDS = re.findall(
    r"^    gatewayd send permissions\.apply ((?:.*\\\n)*.*)$", TEXT, re.MULTILINE
)


def test_the_update_on_the_page_is_taken() -> None:
    (command,) = COMMANDS
    pairs = (each.split("=", 1) for each in shlex.split(command.replace("\\\n", " ")))
    args = {key: json.loads(value) for key, value in pairs}
    stands = {"issued": "2030-01-01T12:00:00Z", "expires": "2030-01-01T12:01:00Z"}
    request = {"id": "r", "client": "c", **stands, "args": args}
    call = decode_request("permissions.apply", json.dumps(request).encode())
    assert isinstance(call, Call), call
    assert isinstance(call.command, ApplyPermissions)
    update = call.command.update
    assert mistakes(update, Rules().after(update), {DoorId("lobby")}, ()) == []


def test_the_table_on_the_page_is_read_without_a_mistake(tmp_path: Path) -> None:
    (table,) = re.findall(r"^```csv\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    file = tmp_path / "people.csv"
    file.write_text(table)
    people = read_people(file, ZoneInfo("Europe/Berlin"))
    assert not people.mistakes
    assert list(people.cards) == ["H10301:12:345", "H10301:12:346", "H10302::77123"]


def test_every_column_and_every_flag_is_explained() -> None:
    rows = TEXT.split("| column |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", rows)) >= COLUMNS | set(Flag)
