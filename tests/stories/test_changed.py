"""Somebody swaps a unit for another one of the same kind."""

from pathlib import Path

from tests.cli.conftest import gatewayd
from tests.stories.scenery import ANNA, PERMISSIONS, UNIT
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated

READER = "lab-reader"
OLD, NEW = "00001002", "00abcdef"
STORE = "state/approved-units.json"


def swap(world: SimulatedWorld, serial: int = 0xABCDEF, firmware: int = 1) -> None:
    world.units.do("swap", address=UNIT[READER], serial=serial, firmware=firmware)


async def nobody_gets_in(world: SimulatedWorld) -> None:
    world.card("lab", ANNA)
    await world.shows(f"controllers/{READER}", verdict="changed", online=True)
    assert not world.events("access.granted", door="lab")


async def test_a_swapped_unit_is_not_driven_until_an_operator_accepts_its_serial(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as world:
        config = world.daemon.config
        await world.permit(PERMISSIONS)
        swap(world)
        blocked = await world.event("audit.blocked", controller=READER)
        assert blocked["verdict"] == "changed"
        assert NEW in blocked["why"]
        assert OLD in blocked["why"]
        await world.event("controller.security", controller=READER)
        await nobody_gets_in(world)

        await world.daemon.kill()  # it is still known who belongs there
        before = world.now
        await world.daemon.start()
        await world.online([name for name in SUPPORTED if name != READER], after=before)
        await world.event("audit.blocked", controller=READER, after=before)
        await nobody_gets_in(world)
        asked = await gatewayd("audit", "--config", config)
        assert asked.code == 69
        assert f"gatewayd accept {READER} {NEW}" in asked.out

        answer = await world.ask("controller.accept", controller=READER, serial=OLD)
        assert answer["error"]["code"] == "wrong_serial"
        accepted = await gatewayd("accept", READER, NEW.upper(), "--config", config)
        assert accepted.code == 0, accepted.err
        told = await world.event("controller.accepted", controller=READER)
        assert (told["serial"], told["before"]) == (NEW, OLD)
        assert told["by"].startswith("request local-")
        await world.online([READER], after=before)
        world.card("lab", ANNA)
        await world.pulse("lab")

        await world.daemon.stop()
        assert NEW in (tmp_path / STORE).read_text()


async def test_a_new_firmware_is_told_and_works(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        before = world.now
        swap(world, serial=int(OLD, 16), firmware=2)
        told = await world.event("controller.firmware_changed", controller=READER)
        assert (told["before"], told["after"]) == ("1.0.0", "2.0.0")
        await world.online([READER], after=before)
        world.card("lab", ANNA)
        await world.pulse("lab")


async def test_who_damages_the_record_gets_nobody_in(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        world.may_fail_inside = True
        await world.permit(PERMISSIONS)
        await world.daemon.stop()
        (tmp_path / STORE).write_bytes(b"")
        before = world.now
        await world.daemon.start()
        for name in SUPPORTED:
            blocked = await world.event("audit.blocked", controller=name, after=before)
            assert blocked["verdict"] == "changed"
        error = await world.event("gateway.error", after=before)
        assert error["what"] == "approved_units_damaged"

        unit = world.upstream.state["controllers/lobby-unit"]
        serial = unit["identity"]["serial"]
        answer = await world.ask("controller.accept", controller="lobby-unit", serial=serial)
        assert answer["result"]["verdict"] == "approved"
        await world.online(["lobby-unit"], after=before)
        world.card("lobby", ANNA)
        await world.pulse("lobby")
        await world.verdicts({**dict.fromkeys(SUPPORTED, "changed"), "lobby-unit": "approved"})
