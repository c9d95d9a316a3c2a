"""`gatewayd check`, as an installer sees it."""

import json
from pathlib import Path

from tests.cli.conftest import gatewayd

BAD = """
[site]
id = "Main Street"
[mqtt]
host = "127.0.0.1"
prot = 1884
[lines.north]
kind = "serial"
device = "/dev/ttyS9"
baud = 1200
[controllers.reader]
line = "south"
address = 127
[doors.lobby]
lock = { controller = "gone" }
open_seconds = 5
"""

REASONS = {
    "site.id": "a name is 1 to 32 of a-z, 0-9, _ and -",
    "mqtt.prot": "unknown key; did you mean port?",
    "lines.north.baud": "must be 9600, 19200, 38400, 57600, 115200 or 230400",
    "controllers.reader.line": "there is no line south",
    "controllers.reader.address": "must be at most 126",
    "doors.lobby.lock.controller": "there is no controller gone",
    "doors.lobby.prealarm_seconds": "10 must be less than open_seconds, which is 5",
}


async def test_every_mistake_is_listed_with_file_key_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    ended = await gatewayd("check", "--config", path)
    assert ended.code == 78
    assert set(ended.out.splitlines()) == {
        f"{path}: {key}: {reason}" for key, reason in REASONS.items()
    }

    ended = await gatewayd("check", "--config", path, "--json")
    assert ended.code == 78
    said = json.loads(ended.out)
    assert said["ok"] is False
    assert {each["key"]: each["reason"] for each in said["mistakes"]} == REASONS
    assert {each["file"] for each in said["mistakes"]} == {str(path)}


async def test_a_file_that_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[site]\nid = \n")
    ended = await gatewayd("check", "--config", path)
    assert ended.code == 78
    assert "(at line 2," in ended.out


async def test_a_right_configuration_is_described(config: Path) -> None:
    ended = await gatewayd("check", "--config", config)
    assert ended.code == 0
    assert "site s: 1 line, 1 controller, 1 door" in ended.out
    assert "catalogue: 3 families shipped, 0 of the site's own" in ended.out


BY_ITSELF = """
[fire.hall]
input = { controller = "unit", number = 2 }
[fire.yard]
input = { controller = "unit", number = 3, active_when = "inactive" }
doors = ["lobby"]
[reactions.siren]
when = { event = "door.forced", door = "lobby" }
then = [ { output = { controller = "unit", number = 2 }, seconds = 30 } ]
[reactions.evening]
when = { input = { controller = "unit", number = 4 } }
then = [ { door = "lobby", mode = "unlocked" } ]
[decision]
facilities = ["H10301:36"]
facility_only = true
"""


async def test_what_the_site_does_by_itself_is_told_in_words(config: Path) -> None:
    act_by_itself(config)
    said = (await gatewayd("check", "--config", config)).out.splitlines()
    assert said[2:7] == [
        "schedules go by the clocks of Europe/Berlin",
        "fire hall: while input 2 of unit is active: all doors stand open",
        "fire yard: while input 3 of unit is inactive: lobby stands open",
        "reaction siren: when lobby is forced: output 2 of unit for 30 s",
        "reaction evening: when input 4 of unit becomes active: lobby is unlocked",
    ]
    listed = json.loads((await gatewayd("check", "-c", config, "--json")).out)
    assert (listed["time_zone"], listed["areas"]) == ("Europe/Berlin", ["hall"])
    assert set(listed["fire"]) == {"hall", "yard"}
    siren = "when lobby is forced: output 2 of unit for 30 s"
    assert listed["reactions"]["siren"] == siren
    assert [each.split(":")[0] for each in listed["remarks"]] == [
        "mqtt.trust",
        "decision.facility_only",
        "reactions.evening",
    ]


def act_by_itself(config: Path) -> None:
    text = config.read_text().replace('id = "s"', 'id = "s"\ntime_zone = "Europe/Berlin"')
    config.write_text(text + 'inside = "hall"\n' + BY_ITSELF)


async def test_what_may_surprise_is_remarked(config: Path) -> None:
    said = json.loads((await gatewayd("check", "-c", config, "--json")).out)
    (remark,) = said["remarks"]
    assert "refuses every request over MQTT" in remark

    surprise(config)
    said = json.loads((await gatewayd("check", "-c", config, "--json")).out)
    assert [remark.split(":")[0] for remark in said["remarks"]] == [
        "lines.x.device",
        "lines.x",
        "mqtt.trust",
        "mqtt.username",
    ]


def surprise(config: Path) -> None:
    text = config.read_text().replace("[mqtt]", '[mqtt]\ntrust = "broker"\nusername = "me"')
    config.write_text(text + '[lines.x]\nkind = "serial"\ndevice = "/dev/none"\n')
