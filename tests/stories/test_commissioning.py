"""A secure site from its first day: no unit has a key, and none gets one by itself."""

import json
from pathlib import Path

from tests.cli.conftest import gatewayd
from tests.stories.keys import ROOT_KEY, STATE, held, shown_in
from tests.stories.scenery import ANNA, PERMISSIONS, UNIT
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated

LOBBY, READER, IO = SUPPORTED
SERIAL = {name: f"{0x1000 + address:08x}" for name, address in UNIT.items()}  # simulated ones


async def commission(
    world: SimulatedWorld, name: str, *options: str
) -> list[dict[str, object]]:
    """Give a unit its key as an installer does; return what a program is told."""
    ended = await gatewayd(
        "commission", "--line", "north", "--address", str(UNIT[name]), "--json", *options,
        "--config", world.daemon.config,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


async def test_nothing_is_driven_until_its_units_were_given_their_keys(tmp_path: Path) -> None:
    async with simulated(tmp_path, secure={}, begin=False) as world:
        await world.daemon.start()
        await world.verdicts(dict.fromkeys(SUPPORTED, "misconfigured"))
        for name in SUPPORTED:
            unit = await world.shows(f"controllers/{name}", secure=False, online=True)
            assert "commission it" in unit["why"]
        await world.permit(PERMISSIONS)
        world.card("lobby", ANNA)  # nobody asks for it
        answer = await world.ask("door.unlock", door="lobby")
        assert answer["error"]["code"] == "unit_not_approved"

        answered, done = await commission(world, LOBBY, "--yes")
        assert answered["answered"]["serial"] == SERIAL[LOBBY]  # type: ignore[index]  # JSON
        assert done["ok"]
        (done,) = await commission(world, READER, "--serial", SERIAL[READER].upper())
        assert done["ok"]
        answer = await world.ask(
            "controller.commission", controller=IO, seconds=30, serial=SERIAL[IO]
        )
        assert answer["ok"], answer
        assert answer["result"]["serial"] == SERIAL[IO]

        await world.verdicts(dict.fromkeys(SUPPORTED, "approved"))
        for name in SUPPORTED:
            await world.shows(f"controllers/{name}", secure=True)
            await world.event("controller.commissioning", controller=name, step="closed")
            steps = world.events("controller.commissioning", controller=name)
            assert [each["step"] for each in steps] == ["opened", "answered", "closed"]
            assert steps[1]["serial"] == SERIAL[name]
            changed = await world.event("controller.key_changed", controller=name)
            assert changed["how"] == "proved"
        for door in ("lobby", "lab"):
            pulses = len(world.pulses)
            world.card(door, ANNA)
            await world.news.until(lambda: len(world.pulses) > pulses, lambda: door)  # noqa: B023  awaited here
        assert len(world.units.heard("key")) == len(SUPPORTED)

        await world.settle()
        process = Path(f"/proc/{world.daemon.pid}")
        listed = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert await world.daemon.stop() == 0
        no_key_is_shown(world, listed)


async def test_a_unit_goes_on_with_its_key_after_a_restart(tmp_path: Path) -> None:
    async with simulated(tmp_path, secure={}, begin=False) as world:
        await world.daemon.start()
        await world.shows(f"controllers/{LOBBY}", online=True)
        await commission(world, LOBBY, "--serial", SERIAL[LOBBY])
        await world.daemon.kill()
        before = world.now
        await world.daemon.start()
        await world.online([LOBBY], after=before)
        await world.shows(f"controllers/{LOBBY}", secure=True, verdict="approved")


async def test_another_unit_than_the_one_that_was_named_gets_no_key(tmp_path: Path) -> None:
    async with simulated(tmp_path, secure={}, begin=False) as world:
        await world.daemon.start()
        await world.shows(f"controllers/{LOBBY}", online=True)
        wanted = {"controller": LOBBY, "seconds": 30}
        answer = await world.ask("controller.commission", **wanted, serial="0badcafe")
        assert answer["error"]["code"] == "wrong_serial"
        assert SERIAL[LOBBY] in answer["error"]["message"]

        answer = await world.ask("controller.commission", **wanted)  # nobody to look at it
        assert answer["error"]["code"] == "invalid_request"
        answer = await world.ask("controller.end_commissioning", controller=LOBBY)
        assert answer["error"]["code"] == "no_window"

        ended = await gatewayd(  # who is shown the unit and does not say yes
            "commission", "--line", "north", "--address", str(UNIT[LOBBY]),
            "--config", world.daemon.config,
        )  # fmt: skip
        assert ended.code == 130
        assert SERIAL[LOBBY] in ended.out
        await world.several(2, "controller.commissioning", step="closed")
        assert not world.units.heard("key")
        assert not world.events("controller.key_changed")
        await world.verdicts(dict.fromkeys(SUPPORTED, "misconfigured"))


async def test_a_window_in_which_nobody_answers_closes_by_itself(tmp_path: Path) -> None:
    async with simulated(tmp_path, secure={}, begin=False) as world:
        world.units.do("unplug", address=UNIT[LOBBY])
        await world.daemon.start()
        await world.shows(f"controllers/{READER}", online=True)
        answer = await world.ask(
            "controller.commission", controller=LOBBY, seconds=1, serial=SERIAL[LOBBY]
        )
        assert answer["error"]["code"] == "not_commissioned"
        await world.event("controller.commissioning", controller=LOBBY, step="closed")


def no_key_is_shown(world: SimulatedWorld, process: bytes) -> None:
    """Look for every key wherever something was written or published."""
    keys = [*held(world.place), (world.place / ROOT_KEY).read_bytes()]
    assert len(keys) > 1
    places = {
        "the list of processes": process,
        "the log": world.daemon.log.encode(),
        "events": json.dumps(world.upstream.events).encode(),
        "state": json.dumps([world.upstream.state, world.upstream.shown]).encode(),
        "answers": json.dumps(world.upstream.replies).encode(),
    }
    for file in (world.place / STATE).rglob("*"):
        if file.is_file():
            places[str(file)] = file.read_bytes()
    shown = [where for where, text in places.items() if list(shown_in(text, keys))]
    assert shown == []
