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
