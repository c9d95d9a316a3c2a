"""What the README tells a new user to type."""

import re
import shlex
from pathlib import Path

from gatewayd import catalogue
from gatewayd.core.audit import Status
from tests.cli.conftest import gatewayd
from tests.stories.keys import ROOT_KEY
from tests.stories.scenery import ANNA
from tests.stories.world import simulated

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ANSWERS = {"commission": "y\n"}  # what somebody at a terminal says
EXPECTED = {"audit": 69}  # nothing is approved yet, as the README says
MADE = re.findall(r"\bmake ([a-z]+)", README)


def commands() -> list[list[str]]:
    """Every `gatewayd …` of the README, in backticks or indented, without its program name."""
    whole = README.replace("\\\n", " ")
    found = [
        *re.findall(r"`gatewayd ([^`]+)`", whole),
        *re.findall(r"^ +gatewayd (.+)$", whole, re.MULTILINE),
    ]
    typed = [shlex.split(each) for each in found]
    return [each for each in typed if len(each) > 1 and each[0] != "simulate"]


def test_what_it_says_to_make_can_be_made() -> None:
    rules = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(MADE) <= set(rules)


def test_every_file_it_names_is_there() -> None:
    named = re.findall(
        r"\]\(([^)#:]+)\)|`((?:docs|systemd)/[\w./-]+|config\.example\.toml)`", README
    )
    assert named
    for link, file in named:
        assert (ROOT / (link or file)).exists()


def test_the_catalogue_it_shows_approves_that_family(tmp_path: Path) -> None:
    block = re.search(r"^ +(\[\[families\]\]\n(?: {7}.+\n)+)", README, re.MULTILINE)
    assert block is not None
    file = tmp_path / "catalogue.toml"
    file.write_text(block[1])
    (family,) = catalogue.families(file)
    assert (family.status, family.vendor, family.model) == (Status.APPROVED, "0a0017", 3)


async def test_the_first_site_works_as_told(tmp_path: Path) -> None:
    async with simulated(tmp_path, trust="signed", secure={}, begin=False) as world:
        config, root_key = str(world.daemon.config), tmp_path / ROOT_KEY
        root_key.unlink()  # the README makes it
        people = tmp_path / "people.csv"
        people.write_text("holder,levels,number\ncarl,staff,99\n")
        ours = {
            "/etc/gatewayd/config.toml": config,
            "/etc/gatewayd/root-key": str(root_key),
            "people.csv": str(people),
        }
        for command in commands():
            if command[0] == "commission":
                await world.daemon.start()
                await world.shows("controllers/lobby-unit", online=True)
            typed = [ours.get(each, each) for each in command]
            if config not in typed:
                typed += ["--config", config]
            ended = await gatewayd(*typed, typed=ANSWERS.get(command[0], ""))
            assert ended.code == EXPECTED.get(command[0], 0), (command, ended.out, ended.err)
        assert root_key.stat().st_mode & 0o777 == 0o600
        world.version = 2
        world.units.card(1, ANNA)
        granted = await world.event("access.granted", door="lobby")
        assert granted["holder"] == "anna"
