"""What docs/running.md tells an operator to type, at a site where a unit was exchanged."""

import re
import shlex
from pathlib import Path

from tests.cli.conftest import gatewayd
from tests.stories.keys import KEYS
from tests.stories.scenery import UNIT
from tests.stories.world import simulated

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "running.md").read_text()
EXCHANGED, SERIAL = "lab-reader", 0xABCDEF
EXPECTED = {"health": 74, "audit": 69}  # that unit is not accepted yet


def commands() -> list[list[str]]:
    """Every `gatewayd …` that stands on a line of its own, without its program name."""
    found = re.findall(r"^ {4}gatewayd (.+)$", GUIDE, re.MULTILINE)
    return [shlex.split(each) for each in found]


async def test_what_the_guide_says_works_as_told(tmp_path: Path) -> None:
    update = tmp_path / "new.bin"
    update.write_bytes(bytes(2_000))
    ours = {
        "lobby-reader": "lobby-unit",
        "controller=lobby-reader": "controller=lobby-unit",
        "/srv/reader-1.5.0.bin": str(update),
        "/var/lib/gatewayd/traces/north.osdpcap": str(tmp_path / "state/traces/north.osdpcap"),
        "60": "1",  # nobody waits a minute here
    }
    async with simulated(tmp_path, secure=KEYS) as world:
        world.units.do("swap", address=UNIT[EXCHANGED], serial=SERIAL, firmware=1)
        await world.event("audit.blocked", controller=EXCHANGED, verdict="changed")
        for command in commands():
            typed = [ours.get(each, each) for each in command]
            once = ["--once"] if command == ["watch"] else []
            ended = await gatewayd(*typed, *once, "--config", world.daemon.config)
            assert ended.code == EXPECTED.get(command[0], 0), (typed, ended.out, ended.err)
            if command == ["audit"]:
                assert f"`gatewayd accept {EXCHANGED} {SERIAL:08x}`" in ended.out
        await world.shows(f"controllers/{EXCHANGED}", verdict="approved", online=True)


def test_what_the_guide_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", GUIDE):
        assert (ROOT / "docs" / link).exists()


def test_every_exit_code_is_told() -> None:
    program = (ROOT / "gatewayd/cli/program.py").read_text().partition('"""\n')[0]
    known = set(re.findall(r"\b(\d{2}) {2}\w", program))
    assert known
    assert known | {"0", "130"} == set(re.findall(r"^\| (\d+) \|", GUIDE, re.MULTILINE))
