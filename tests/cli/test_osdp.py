"""`gatewayd osdp`: errands to one unit, to whoever it is and wherever it goes."""

import asyncio
import json
from pathlib import Path

import pytest

from gatewayd.core.model import ControllerId
from gatewayd.core.places import Occupant
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.place_store import PlaceStore
from gatewayd.edge.root_key import create_root_key, read_root_key
from gatewayd.edge.secret import Secret
from gatewayd.edge.state_directory import StateDirectory
from gatewayd.simulate.device import Device
from protocol.message import Message
from protocol.osdp.commands import SetCommunication
from protocol.osdp.frame import FrameReader
from protocol.osdp.replies import (
    Capabilities,
    Capability,
    CommunicationSettings,
    Identification,
    Nak,
    NakReason,
)
from tests.cli.conftest import gatewayd
from tests.cli.units import Units, at_speed, server, terminal
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
{catalogue}
[keys]
root_key_file = "{place}/root"
[lines.north]
kind = "serial"
device = "{place}/line"
baud = 115200
[controllers.reader]
line = "north"
address = 3
secure = "{secure}"
[controllers.other]
line = "north"
address = 4
[doors.lobby]
lock = {{ controller = "reader" }}
"""
MAKER = Identification(bytes.fromhex("02aabb"), 7, 1, 0xC0FFEE, 2, 0, 5)
APPROVAL = '[[families]]\nname = "m"\nstatus = "approved"\nvendor = "02aabb"\nmodel = 7\n'


def write_site(place: Path, *, secure: str = "off", approval: str = "") -> Path:
    catalogue = place / "catalogue.toml"
    catalogue.write_text(approval)
    named = f'catalogue = "{catalogue}"' if approval else ""
    config = place / "config.toml"
    config.write_text(SITE.format(place=place, secure=secure, catalogue=named))
    return config


def keep_key(place: Path, key: bytes = KEY) -> None:
    create_root_key(place / "root")
    with StateDirectory.open(place / "state") as state:
        store = KeyStore.open(state.path / FILE, read_root_key(place / "root"))
        store.set_first(ControllerId("reader"), Secret(key))


async def osdp(errand: str, *arguments: str | Path, typed: str = "") -> Ended:
    return await gatewayd("osdp", errand, *arguments, typed=typed)


def at(units: Units, address: int, *more: str, baud: int = 9600) -> tuple[str | Path, ...]:
    return ("--device", units.link, "--baud", str(baud), "--address", str(address), *more)


# --- identify -------------------------------------------------------------------------


async def test_a_unit_says_who_it_is_what_it_has_and_how_it_is(tmp_path: Path) -> None:
    unit = Device(3, inputs=2, outputs=1)
    unit.set_status(tamper=True)
    unit.set_input(1, active=True)
    async with terminal(tmp_path / "line", [unit]) as units:
        ended = await osdp("identify", *at(units, 3))
        as_json = await osdp("identify", *at(units, 3, "--json"))
        assert not units.driven("pulse")
    assert ended.code == 0, ended.err
    said = dict(line.split(maxsplit=1) for line in ended.out.splitlines() if line[0] != "i")
    assert (said["serial"], said["firmware"]) == ("00001003", "1.0.0")
    assert said["verdict"].startswith("approved")
    assert (said["housing"], said["power"]) == ("open", "good")
    for words in ("2 inputs", "secure channel (AES-128)", "input 1    active", "in clear"):
        assert words in ended.out
    told = json.loads(as_json.out)
    assert (told["tamper"], told["inputs"], told["outputs"]) == (True, [0, 1], [0])
    assert not told["proved"]


async def test_an_unknown_unit_may_be_asked_too(tmp_path: Path) -> None:
    odd = Capabilities((Capability(77, 1, 2), Capability(10, 0x40, 1), Capability(16, 9, 0)))
    unit = Device(3, identification=MAKER, capabilities=odd)
    async with terminal(tmp_path / "line", [unit]) as units:
        ended = await osdp("identify", *at(units, 3))
    assert ended.code == 0, ended.err
    assert "classic: " in ended.out
    assert "function 77: compliance 1, count 2" in ended.out
    assert "takes 320 bytes at once" in ended.out


async def test_nobody_there_is_said(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(3)]) as units:
        ended = await osdp("identify", *at(units, 5))
    assert ended.code == 74
    assert "nobody answers: address 5 at 9600 baud" in ended.err


async def test_a_unit_whose_key_is_known_proves_who_it_is(tmp_path: Path) -> None:
    keep_key(tmp_path)
    config = write_site(tmp_path, secure="required")
    unit = at_speed(Device(3, key=KEY), 115200)
    async with terminal(tmp_path / "line", [unit]):
        ended = await osdp("identify", "-l", "north", "-c", config, "-a", "3", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["proved"]
    assert (told["controller"], told["verdict"], told["tamper"]) == (
        "reader",
        "approved",
        False,
    )


async def test_a_unit_with_another_key_is_named_and_told_nothing(tmp_path: Path) -> None:
    keep_key(tmp_path)
    config = write_site(tmp_path, secure="required")
    unit = at_speed(Device(3, key=bytes(reversed(KEY))), 115200)
    where = "-l", "north", "-c", config, "-a", "3"
    async with terminal(tmp_path / "line", [unit]) as units:
        ended = await osdp("identify", *where)
        pulse = await osdp("output", *where)
        move = await osdp("address", *where, "--to", "9", "--yes")
        assert SetCommunication.CODE not in {each.frame.code for each in unit.heard}
    assert ended.code == 0
    assert "no secure session" in ended.out
    assert "verdict    misconfigured" in ended.out
    assert (pulse.code, move.code, units.driven("pulse")) == (69, 74, [])


async def test_a_unit_whose_key_is_not_known_keeps_its_status_to_itself(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(3, key=KEY)]) as units:
        ended = await osdp("identify", *at(units, 3))
        pulse = await osdp("output", *at(units, 3))
    assert ended.code == 0
    assert "its key is not known" in ended.out
    assert pulse.code == 74
    assert "its key is not known" in pulse.err


async def test_keys_are_left_alone_while_the_daemon_has_them(tmp_path: Path) -> None:
    keep_key(tmp_path)
    config = write_site(tmp_path, secure="required")
    with StateDirectory.open(tmp_path / "state"):
        ended = await osdp("identify", "-l", "north", "-c", config, "-a", "3")
    assert ended.code == 75
    assert "is in use by process" in ended.err


async def test_a_unit_behind_a_serial_server_is_met() -> None:
    async with server([Device(3)]) as address:
        ended = await osdp("identify", "--tcp", address, "--address", "3", "--json")
        assert ended.code == 0, ended.err
        said = json.loads(ended.out)
        assert (said["baud"], said["serial"]) == (None, "00001003")
        ended = await osdp("address", "--tcp", address, "--address", "3", "--to", "4")
        assert (ended.code, "--to-baud must say" in ended.err) == (64, True)
        options = "--to", "4", "--to-baud", "9600", "--yes"
        ended = await osdp("address", "--tcp", address, "--address", "3", *options)
        assert ended.code == 0, ended.err
        assert "the unit is at address 4: the unit agreed" in ended.out
        ended = await osdp("identify", "--tcp", address, "--address", "4", "--baud", "9600")
        assert (ended.code, "leave --baud out" in ended.err) == (64, True)


# --- blink and output -----------------------------------------------------------------


async def test_an_approved_unit_blinks_for_a_while(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(3)]) as units:
        ended = await osdp("blink", *at(units, 3, "--seconds", "0.5"))
    assert ended.code == 0, ended.err
    (light,) = units.driven("light")
    assert (light["address"], light["colour"]) == (3, "amber")


async def test_an_output_is_pulsed_and_the_unit_ends_it(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(3)]) as units:
        ended = await osdp("output", *at(units, 3, "--number", "1", "--seconds", "0.4"))
    assert ended.code == 0, ended.err
    (pulse,) = units.driven("pulse")
    assert (pulse["address"], pulse["output"], pulse["seconds"]) == (3, 1, 0.4)


async def test_what_the_unit_does_not_have_is_not_asked_of_it(tmp_path: Path) -> None:
    unit = Device(3, readers=0, outputs=1)
    async with terminal(tmp_path / "line", [unit]) as units:
        light = await osdp("blink", *at(units, 3))
        pulse = await osdp("output", *at(units, 3, "--number", "1"))
        assert units.asked_only_who_they_are()
    assert (light.code, pulse.code) == (64, 64)
    assert "has no light" in light.err
    assert "there is no output 1: the unit says that it has 1" in pulse.err


@pytest.mark.parametrize(
    ("unit", "verdict"),
    [
        (Device(3, model=9), "classic"),
        (Device(3, identification=MAKER), "unknown"),
    ],
)
async def test_what_is_not_approved_is_not_driven(
    unit: Device, verdict: str, tmp_path: Path
) -> None:
    async with terminal(tmp_path / "line", [unit]) as units:
        for errand in ("blink", "output"):
            ended = await osdp(errand, *at(units, 3))
            assert ended.code == 69
            assert f"{verdict}, so it was not driven" in ended.err
        assert units.asked_only_who_they_are()


async def test_the_catalogue_of_the_site_approves_its_units(tmp_path: Path) -> None:
    config = write_site(tmp_path, approval=APPROVAL)
    async with terminal(tmp_path / "line", [Device(3, identification=MAKER)]) as units:
        ended = await osdp("output", *at(units, 3), "--config", config)
    assert ended.code == 0, ended.err


async def test_a_unit_that_must_be_secure_is_not_driven_in_clear(tmp_path: Path) -> None:
    config = write_site(tmp_path, secure="required")
    unit = at_speed(Device(3), 115200)
    async with terminal(tmp_path / "line", [unit]) as units:
        ended = await osdp("output", "-l", "north", "-c", config, "-a", "3")
        assert units.asked_only_who_they_are()
    assert ended.code == 69
    assert "commission it" in ended.err


async def test_a_unit_is_driven_inside_its_session(tmp_path: Path) -> None:
    keep_key(tmp_path)
    config = write_site(tmp_path, secure="required")
    unit = at_speed(Device(3, key=KEY), 115200)
    async with terminal(tmp_path / "line", [unit]) as units:
        ended = await osdp("output", "-l", "north", "-c", config, "-a", "3")
    assert ended.code == 0, ended.err
    assert len(units.driven("pulse")) == 1


async def test_another_unit_in_the_place_of_an_approved_one_is_not_driven(
    tmp_path: Path,
) -> None:
    config = write_site(tmp_path)
    approved = Occupant("02475f", 1, "00001003", (1, 0, 0))
    with StateDirectory.open(tmp_path / "state") as state:
        PlaceStore(state.path).save({ControllerId("reader"): approved})
    for serial, code in ((0x1003, 0), (0x9999, 69)):
        unit = at_speed(Device(3, serial=serial), 115200)
        async with terminal(tmp_path / "line", [unit]) as units:
            ended = await osdp("output", "-l", "north", "-c", config, "-a", "3")
        assert (ended.code, len(units.driven("pulse"))) == (code, code == 0)
    assert "changed, so it was not driven" in ended.err


# --- address --------------------------------------------------------------------------


class Odd(Device):
    """Does something of its own when it is told to move."""

    def __init__(self, answer: Message | None, *, moves: bool) -> None:
        super().__init__(3)
        self._answer_to_move, self._obeys = answer, moves
        self.told_to_move = asyncio.Event()

    def answer(self, data: bytes, now: float) -> bytes:
        frames = list(FrameReader().feed(data))
        if not any(each.code == SetCommunication.CODE and each.address == 3 for each in frames):
            return super().answer(data, now)
        self.told_to_move.set()
        if self._obeys:
            super().answer(data, now)
        if self._answer_to_move is None:
            return b""
        return self._seal(frames[0], self._answer_to_move)


async def test_a_unit_moves_and_its_new_place_is_proved(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(3)]) as units:
        ended = await osdp(
            "address", *at(units, 3, "--to", "9", "--to-baud", "115200", "--yes")
        )
        assert (units.devices[0].address, units.devices[0].baud) == (9, 115200)
    assert ended.code == 0, ended.err
    assert ended.out == "the unit is at address 9 at 115200 baud: the unit agreed\n"


async def test_whoever_moves_a_unit_is_asked_first(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(3)]) as units:
        no = await osdp("address", *at(units, 3, "--to", "9"), typed="n\n")
        assert units.asked_only_who_they_are()
        nothing = await osdp("address", *at(units, 3, "--to", "9"))
        assert units.asked_only_who_they_are()
        yes = await osdp("address", *at(units, 3, "--to", "9"), typed="y\n")
    assert (no.code, nothing.code, yes.code) == (75, 130, 0)
    assert "serial 00001003: from address 3 at 9600 baud to address 9" in no.err
    assert "nothing was changed" in no.err


async def test_a_unit_of_the_configuration_moves_inside_its_session(tmp_path: Path) -> None:
    keep_key(tmp_path)
    config = write_site(tmp_path, secure="required")
    unit = at_speed(Device(3, key=KEY), 115200)
    where = "-l", "north", "-c", config, "-a", "3", "--yes"
    async with terminal(tmp_path / "line", [unit]):
        ended = await osdp("address", *where, "--to", "9", "--to-baud", "9600")
        assert (unit.address, unit.baud) == (9, 9600)
        (told,) = [e.frame for e in unit.heard if e.frame.code == SetCommunication.CODE]
        assert told.security is not None
    assert ended.code == 0, ended.err
    assert "address = 9 in controllers.reader, baud = 9600 in lines.north" in ended.out


async def test_an_address_that_belongs_to_another_is_refused(tmp_path: Path) -> None:
    config = write_site(tmp_path)
    async with terminal(tmp_path / "line", [at_speed(Device(3), 115200)]) as units:
        ended = await osdp(
            "address", "-l", "north", "-c", config, "-a", "3", "--to", "4", "--yes"
        )
        assert units.codes() == set()
    assert ended.code == 64
    assert "address 4 on line north belongs to other" in ended.err


@pytest.mark.parametrize("crowd", [1, 2])
async def test_an_address_where_somebody_answers_is_refused(crowd: int, tmp_path: Path) -> None:
    others = [Device(9, serial=100 + number) for number in range(crowd)]
    async with terminal(tmp_path / "line", [Device(3), *others]) as units:
        ended = await osdp("address", *at(units, 3, "--to", "9", "--yes"))
        assert units.asked_only_who_they_are()
    assert ended.code == 69
    assert "somebody answers at address 9 at 9600 baud already" in ended.err


async def test_a_unit_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Device(3)]) as units:
        ended = await osdp("address", *at(units, 3, "--to-baud", "9600", "--yes", "--json"))
        assert units.asked_only_who_they_are()
    place = {"address": 3, "baud": 9600}
    assert json.loads(ended.out) == {
        "moved": True,
        "wanted": place,
        "now": place,
        "said": "it was there already",
    }


async def test_a_unit_whose_answer_gets_lost_is_found_where_it_went(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Odd(None, moves=True)]) as units:
        ended = await osdp("address", *at(units, 3, "--to", "9", "--to-baud", "19200", "--yes"))
    assert ended.code == 0, ended.err
    assert ended.out.startswith("the unit is at address 9 at 19200 baud: the unit does not")


async def test_a_unit_that_did_not_hear_is_found_where_it_was(tmp_path: Path) -> None:
    async with terminal(tmp_path / "line", [Odd(None, moves=False)]) as units:
        ended = await osdp("address", *at(units, 3, "--to", "9", "--yes", "--json"))
    assert ended.code == 74
    told = json.loads(ended.out)
    assert (told["moved"], told["now"]) == (False, {"address": 3, "baud": 9600})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Nak(NakReason.UNKNOWN_COMMAND), "the unit refuses (NAK 3)"),
        (CommunicationSettings(3, 9600), "answered address 3 at 9600 baud instead"),
        (CommunicationSettings(9, 9600), "the unit agreed"),  # and does not do it
    ],
)
async def test_a_unit_that_stays_is_found_where_it_is(
    answer: Message, said: str, tmp_path: Path
) -> None:
    async with terminal(tmp_path / "line", [Odd(answer, moves=False)]) as units:
        ended = await osdp("address", *at(units, 3, "--to", "9", "--yes"))
    assert ended.code == 74
    assert "the unit is at address 3 at 9600 baud, not at address 9" in ended.err
    assert said in ended.err


async def test_a_unit_that_takes_its_time_to_move_is_waited_for(tmp_path: Path) -> None:
    unit = Odd(CommunicationSettings(9, 9600), moves=False)

    async def move_later() -> None:
        await unit.told_to_move.wait()
        await asyncio.sleep(1.0)  # what the unit takes, not what we wait for
        unit.address = 9

    async with terminal(tmp_path / "line", [unit]) as units:
        later = asyncio.create_task(move_later())
        ended = await osdp("address", *at(units, 3, "--to", "9", "--yes"))
        await later
    assert ended.code == 0, ended.err


async def test_a_unit_that_went_away_is_said_to_be_gone(tmp_path: Path) -> None:
    unit = Odd(None, moves=True)
    async with terminal(tmp_path / "line", [unit]) as units:
        stray = SetCommunication(77, 9600)
        unit._duties[SetCommunication] = lambda _, now: unit._set_communication(stray, now)
        ended = await osdp("address", *at(units, 3, "--to", "9", "--yes"))
    assert ended.code == 74
    assert "was not found" in ended.err
    assert "gatewayd discover" in ended.err


async def test_nowhere_to_go_is_said(tmp_path: Path) -> None:
    ended = await osdp("address", "--device", tmp_path / "line", "--address", "3")
    assert (ended.code, "--to N" in ended.err) == (64, True)


async def test_every_errand_explains_itself() -> None:
    whole = await gatewayd("osdp", "--help")
    for errand in ("identify", "address", "blink", "output"):
        assert errand in whole.out
        each = await gatewayd("osdp", errand, "--help")
        assert each.code == 0
        assert f"gatewayd osdp {errand} --line north" in each.out
