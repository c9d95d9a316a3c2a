"""`gatewayd discover`, as an installer on a ladder sees it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import serial

from gatewayd.config import parse
from gatewayd.simulate.device import Device
from protocol.osdp.replies import Capabilities, Capability
from tests.cli.conftest import Daemon, gatewayd
from tests.cli.units import at_speed, server, terminal
from tests.nursery import Ended

SITE = """
[site]
id = "s"
state_dir = "{place}/state"
control_socket = "{place}/control"
[mqtt]
host = "127.0.0.1"
{lines}
[controllers.unit]
line = "north"
address = 1
[doors.lobby]
lock = {{ controller = "unit" }}
"""
SERIAL = '[lines.north]\nkind = "serial"\ndevice = "{place}/line"\nbaud = 115200\n'


def write_site(place: Path, lines: str = SERIAL) -> Path:
    config = place / "config.toml"
    config.write_text(SITE.format(place=place, lines=lines.format(place=place)))
    return config


async def discover(*arguments: str | Path) -> Ended:
    return await gatewayd("discover", *arguments)


async def found(*arguments: str | Path) -> dict[str, Any]:
    ended = await discover(*arguments, "--json")
    assert ended.code == 0, ended.err
    return dict(json.loads(ended.out))


def places(answer: dict[str, Any]) -> list[tuple[int | None, int]]:
    return [(unit["baud"], unit["address"]) for unit in answer["units"]]


async def test_one_unit_alone_is_found_at_whatever_speed_it_has(tmp_path: Path) -> None:
    unit = at_speed(Device(17), 57600)
    async with terminal(tmp_path / "line", [unit]) as units:
        answer = await found("--device", units.link, "--addresses", "10-20")
        assert units.asked_only_who_they_are()
    (said,) = answer["units"]
    assert (said["baud"], said["address"]) == (57600, 17)
    assert (said["vendor"], said["model"], said["serial"]) == ("02475f", 1, "00001011")
    assert said["firmware"] == [1, 0, 0]
    assert said["secure"]
    assert said["verdict"] == "approved"
    assert "--all" in answer["remarks"][0]


async def test_everybody_is_found_though_all_of_them_answer_at_once(tmp_path: Path) -> None:
    plain = Capabilities((Capability(9, 0, 0),))
    devices = [at_speed(Device(each), 115200) for each in (0, 3)]
    devices += [Device(5), Device(6, capabilities=plain)]
    async with terminal(tmp_path / "line", devices) as units:
        answer = await found(
            "--device", units.link, "--baud", "9600", "--baud", "115200",
            "--baud", "38400", "--addresses", "0-6",
        )  # fmt: skip
        assert units.asked_only_who_they_are()
    assert places(answer) == [(9600, 5), (9600, 6), (115200, 0), (115200, 3)]
    assert [unit["secure"] for unit in answer["units"]] == [True, False, True, True]
    assert [unit["verdict"] for unit in answer["units"]][:2] == ["approved", "classic"]
    assert "several units answered at once at 9600 baud" in answer["remarks"][0]


async def test_all_of_it_is_looked_through_if_wanted(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(2)]) as units:
        options = "--device", units.link, "--addresses", "0-4", "--baud", "9600"
        answer = await found(*options, "--baud", "19200", "--all")
        assert {each.frame.address for each in units.devices[0].heard} == {2, 0x7F}
    assert places(answer) == [(9600, 2)]
    assert answer["remarks"] == []


async def test_two_units_with_one_address_are_named(tmp_path: Path) -> None:
    devices = Device(2), Device(2, serial=99), Device(3)
    async with terminal(tmp_path / "line", devices) as units:
        answer = await found("--device", units.link, "--addresses", "0-4", "--baud", "9600")
    assert places(answer) == [(9600, 3)]
    assert any("address 2 at 9600 baud" in remark for remark in answer["remarks"])


async def test_what_is_said_can_be_written_into_the_configuration(tmp_path: Path) -> None:
    options = "--addresses", "0-5", "--baud", "38400"
    devices = [at_speed(Device(each), 38400) for each in (1, 4)]
    async with terminal(tmp_path / "line", devices) as units:
        ended = await discover("--device", units.link, *options)
    assert ended.code == 0, ended.err
    text = ended.out[ended.out.index("[lines.") :]
    rest = SITE.format(place=tmp_path, lines="").replace("[controllers.unit]", "[ignored]")
    tables = tomllib.loads(text + rest)
    del tables["ignored"]
    tables["doors"]["lobby"]["lock"] = {"controller": "north-4"}
    config = parse(tables, tmp_path / "config.toml")
    assert config.lines["north"].model_dump()["baud"] == 38400
    assert {name: each.address for name, each in config.controllers.items()} == {
        "north-1": 1,
        "north-4": 4,
    }


async def test_a_unit_that_hears_at_any_speed_is_to_be_written_once(tmp_path: Path) -> None:
    options = "--addresses", "0-3", "--baud", "9600", "--baud", "19200"
    async with terminal(tmp_path / "line", [Device(1), Device(2)], any_speed=True) as units:
        ended = await discover("--device", units.link, *options)
    text = ended.out[ended.out.index("[lines.") :]
    tables = tomllib.loads(text)  # refuses a table that stands there twice
    assert set(tables["controllers"]) == {"north-1", "north-2"}
    assert ended.out.count("00001001") == 1
    assert "several speeds" in ended.out
    assert "osdp address" not in ended.out


async def test_units_of_one_line_at_several_speeds_are_told_how_to_agree(
    tmp_path: Path,
) -> None:
    options = "--addresses", "0-2", "--baud", "9600", "--baud", "19200", "--all"
    devices = [Device(1), at_speed(Device(1, serial=99), 19200), at_speed(Device(2), 19200)]
    async with terminal(tmp_path / "line", devices) as units:
        ended = await discover("--device", units.link, *options)
    tables = tomllib.loads(ended.out[ended.out.index("[lines.") :])
    assert tables["lines"]["north"]["baud"] == 9600
    assert set(tables["controllers"]) == {"north-1", "north-2"}
    move = f"`gatewayd osdp address --device {units.link} --baud 19200 --address 2"
    assert f"{move} --to-baud 9600`" in ended.out


async def test_what_the_configuration_has_is_known(tmp_path: Path) -> None:
    config = write_site(tmp_path)
    devices = at_speed(Device(1), 115200), at_speed(Device(2), 115200), Device(3)
    options = "--line", "north", "--config", config, "--addresses", "0-4"
    async with terminal(tmp_path / "line", devices):
        answer = await found(*options, "--baud", "9600", "--baud", "115200")
        table = await discover(*options, "--baud", "115200")
    assert places(answer) == [(115200, 1), (115200, 2), (9600, 3)]
    known, new, slow = answer["units"]
    assert (known["controller"], known["toml"]["controller"]) == ("unit", "")
    assert (new["controller"], new["toml"]["line"]) == (None, "")
    assert new["toml"]["controller"].startswith("[controllers.north-2]")
    remark = answer["remarks"][-1]
    assert f"--baud 9600 --address {slow['address']} --to-baud 115200" in remark
    assert "unit" in table.out
    assert "[controllers.north-2]" in table.out
    assert "[lines." not in table.out


async def test_units_that_want_a_checksum_are_asked_so(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(2)]) as units:
        answer = await found("--device", units.link, "--addresses", "2", "--checksum")
        assert not any(each.frame.crc for each in units.devices[0].heard)
    assert 'check = "checksum"' in answer["units"][0]["toml"]["controller"]


async def test_nobody_there_is_said_with_what_to_look_at(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", []) as units:
        ended = await discover("--device", units.link, "--addresses", "0-2", "--baud", "9600")
    assert ended.code == 0
    assert "nobody answered" in ended.out
    assert "wires" in ended.out


async def test_units_behind_a_serial_server_are_found() -> None:
    async with server([Device(3), Device(5)]) as address:
        answer = await found("--tcp", address, "--addresses", "0-6")
    assert places(answer) == [(None, 3), (None, 5)]
    host, _, port = address.partition(":")
    assert tomllib.loads(answer["units"][0]["toml"]["line"]) == {
        "lines": {"north": {"kind": "tcp", "host": host, "port": int(port)}}
    }


async def test_a_port_that_somebody_has_is_left_alone(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(1)]) as units:
        with serial.Serial(str(units.link), 9600, exclusive=True):
            ended = await discover("--device", units.link)
        assert units.codes() == set()
    assert ended.code == 75
    assert "in use" in ended.err
    assert "systemctl stop gatewayd" in ended.err


async def test_a_tcp_line_of_a_running_daemon_is_left_alone(
    tmp_path: Path, daemon: Daemon
) -> None:
    unit = Device(1)
    async with server([unit]) as address, daemon.serving(tmp_path / "control"):
        host, _, port = address.partition(":")
        lines = f'[lines.north]\nkind = "tcp"\nhost = "{host}"\nport = {port}\n'
        config = write_site(tmp_path, lines)
        ended = await discover("--line", "north", "--config", config)
    assert (ended.code, list(unit.heard)) == (75, [])
    assert "running gatewayd" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 64, "say where"),
        (["--device", "/dev/a", "--tcp", "h:1"], 64, "say where"),
        (["--tcp", "nowhere"], 64, "HOST:PORT"),
        (["--tcp", "h:0"], 64, "HOST:PORT"),
        (["--tcp", "[::1]:99999"], 64, "HOST:PORT"),
        (["--tcp", "h:1", "--baud", "9600"], 64, "leave --baud out"),
        (["--device", "/dev/a", "--baud", "1200"], 64, "1200 baud is none of 9600, 19200"),
        (["--device", "/dev/a", "--addresses", "0-127"], 64, "0 to 126"),
        (["--device", "/dev/a", "--addresses", "x"], 64, "0 to 126"),
        (["--device", "/dev/a", "--addresses", "9-3"], 64, "0 to 126"),
        (["--device", "/nowhere/at/all"], 74, "/nowhere/at/all cannot be opened"),
        (["--device", "/dev/null"], 74, "/dev/null cannot be opened"),
        (["--tcp", "127.0.0.1:1"], 74, "127.0.0.1:1 cannot be opened"),
    ],
)
async def test_what_cannot_be_is_said(arguments: list[str], code: int, said: str) -> None:
    ended = await discover(*arguments)
    assert ended.code == code, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err


async def test_a_line_that_is_not_there_is_said(tmp_path: Path) -> None:
    ended = await discover("--line", "south", "--config", write_site(tmp_path))
    assert ended.code == 64
    assert "there is no line south; the configuration has north" in ended.err
