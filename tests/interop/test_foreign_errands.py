"""Finding and setting up units of somebody else's making, with the real tools."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import gatewayd
from tests.interop.foreign import ForeignPeripherals, Who
from tests.nursery import Ended

KEY = bytes.fromhex("d3a94f17c06be8255b7290e14fcd386a")
SITE = """
[site]
id = "s"
state_dir = "{place}/state"
control_socket = "{place}/control"
[mqtt]
host = "127.0.0.1"
[audit]
catalogue = "{place}/catalogue.toml"
[lines.north]
kind = "serial"
device = "{place}/bus"
baud = 115200
[controllers.somebody]
line = "north"
address = 99
[doors.lobby]
lock = {{ controller = "somebody" }}
"""
FAMILY = '[[families]]\nname = "f"\nstatus = "approved"\nvendor = "{vendor}"\n'


async def asked(*arguments: str | Path) -> dict[str, Any]:
    ended = await gatewayd(*arguments, "--json")
    assert ended.code == 0, ended.err
    return dict(json.loads(ended.out))


async def errand(place: Path, name: str, *options: str) -> Ended:
    config = place / "config.toml"
    return await gatewayd("osdp", name, "--config", config, "--line", "north", *options)


def write_site(place: Path, address: int) -> None:
    (place / "config.toml").write_text(SITE.format(place=place))
    (place / "catalogue.toml").write_text(FAMILY.format(vendor=Who.at(address).vendor))


async def test_foreign_units_are_found_one_or_several(tmp_path: Path) -> None:
    options = "--device", tmp_path / "bus", "--baud", "115200", "--addresses", "0-8"
    async with ForeignPeripherals(tmp_path / "bus", [2, 5]):
        several = await asked("discover", *options)
    async with ForeignPeripherals(tmp_path / "bus", [7]):
        alone = await asked("discover", *options)
    for answer, addresses in ((several, [2, 5]), (alone, [7])):
        assert [unit["address"] for unit in answer["units"]] == addresses
        for unit in answer["units"]:
            who = Who.at(unit["address"])
            assert (unit["vendor"], unit["model"]) == (who.vendor, who.model)
            assert unit["serial"] == f"{who.serial:08x}"
            assert unit["firmware"] == list(who.firmware)
    assert "several units answered at once" in several["remarks"][0]
    assert "one unit alone" in alone["remarks"][0]


async def test_a_foreign_unit_says_who_it_is_and_if_approved_how_it_is(tmp_path: Path) -> None:
    write_site(tmp_path, 2)
    async with ForeignPeripherals(tmp_path / "bus", [2]):
        said = await asked(
            "osdp", "identify", "--device", tmp_path / "bus", "--baud", "115200", "-a", "2"
        )
        ended = await errand(tmp_path, "identify", "-a", "2", "--json")
    assert said["serial"] == f"{Who.at(2).serial:08x}"
    assert (said["verdict"], said["tamper"], said["power_failing"]) == ("unknown", None, None)
    approved = json.loads(ended.out)
    assert approved["verdict"] == "approved"
    assert (approved["tamper"], approved["power_failing"]) == (False, False)


async def test_a_foreign_unit_really_moves(tmp_path: Path) -> None:
    write_site(tmp_path, 2)
    async with ForeignPeripherals(tmp_path / "bus", [2, 5]) as foreign:
        taken = await errand(tmp_path, "address", "-a", "2", "--to", "5", "--yes")
        assert not foreign.heard("move")
        moved = await errand(tmp_path, "address", "-a", "2", "--to", "9", "--yes")
        told = await foreign.wait_heard("move")
        gone = await errand(tmp_path, "identify", "-a", "2")
        there = await errand(tmp_path, "identify", "-a", "9")
    assert taken.code == 69
    assert moved.code == 0, moved.err
    assert "the unit is at address 9 at 115200 baud: the unit agreed" in moved.out
    assert (told["to"], told["baud"]) == (9, 115200)
    assert gone.code == 74
    assert there.code == 0
    assert f"{Who.at(2).serial:08x}" in there.out


async def test_a_foreign_unit_is_driven_once_its_family_is_approved(tmp_path: Path) -> None:
    write_site(tmp_path, 2)
    async with ForeignPeripherals(tmp_path / "bus", [2, 5]) as foreign:
        blink = await errand(tmp_path, "blink", "-a", "2", "--seconds", "0.5")
        assert blink.code == 0, blink.err
        light = await foreign.wait_heard("led", address=2)
        pulse = await errand(tmp_path, "output", "-a", "2", "--number", "1", "--seconds", "2")
        assert pulse.code == 0, pulse.err
        heard = await foreign.wait_heard("output", address=2)
        refused = await errand(tmp_path, "output", "-a", "5")
        assert not foreign.heard("output", address=5)
    assert (light["temporary"], light["on"], light["off"]) == (True, 2, 2)
    assert (heard["output"], heard["code"], heard["tenths"]) == (1, 5, 20)
    assert refused.code == 69


async def test_a_foreign_unit_that_insists_on_its_key_is_found_and_not_driven(
    tmp_path: Path,
) -> None:
    write_site(tmp_path, 2)
    async with ForeignPeripherals(tmp_path / "bus", [2], {2: KEY}) as foreign:
        answer = await asked(
            "discover", "--device", tmp_path / "bus", "--baud", "9600", "--addresses", "0-4"
        )
        pulse = await errand(tmp_path, "output", "-a", "2")
        assert not foreign.heard("output")
    assert [unit["address"] for unit in answer["units"]] == [2]
    assert pulse.code == 74
    assert "its key is not known" in pulse.err
