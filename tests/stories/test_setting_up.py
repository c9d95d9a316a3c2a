"""What docs/setting-up.md tells an installer to type, from a new reader to a tried lock."""

import re
import shlex
from pathlib import Path

from gatewayd.simulate.device import Device
from tests.cli.conftest import gatewayd
from tests.cli.units import terminal
from tests.nursery import Ended
from tests.stories.world import simulated

GUIDE = (Path(__file__).parents[2] / "docs" / "setting-up.md").read_text()
SITE = """
[site]
id = "s"
state_dir = "{place}/state"
control_socket = "{place}/control"
[mqtt]
host = "127.0.0.1"
[lines.north]
kind = "serial"
device = "{place}/line"
baud = 115200
[controllers.lobby]
line = "north"
address = 1
[doors.lobby]
lock = {{ controller = "lobby" }}
"""


def commands() -> list[list[str]]:
    """Every `gatewayd …` that stands on a line of its own, without its program name."""
    found = re.findall(r"^ {4}gatewayd (.+)$", GUIDE, re.MULTILINE)
    return [shlex.split(each) for each in found]


async def typed(words: list[str], place: Path) -> Ended:
    line = str(place / "line")
    here = [line if each == "/dev/ttyUSB0" else each for each in words]
    if "--line" in here or here == ["check"]:
        here += ["--config", str(place / "config.toml")]
    return await gatewayd(*here, typed="y\n")


async def test_a_new_reader_is_set_up_as_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SITE.format(place=tmp_path))
    unit = Device(0)
    async with terminal(tmp_path / "line", [unit]) as units:
        said = []
        for words in commands():
            ended = await typed(words, tmp_path)
            assert ended.code == 0, (words, ended.out, ended.err)
            said.append((words[0], ended.out))
        assert (unit.address, unit.baud) == (5, 115200)
    assert [name for name, _ in said] == [
        "discover",
        "discover",
        "osdp",
        "osdp",
        "osdp",
        "osdp",
        "check",
    ]
    assert "[controllers.north-0]" in said[0][1]
    assert "`gatewayd osdp address --line north --baud 9600" in said[1][1]
    assert len(units.driven("light")) == len(units.driven("pulse")) == 1


async def test_what_the_guide_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", GUIDE):
        assert (Path(__file__).parents[2] / "docs" / link).exists()


async def test_a_line_that_the_daemon_has_is_left_to_it(tmp_path: Path) -> None:
    async with simulated(tmp_path, trust="signed") as world:
        config = world.daemon.config
        line = "--line", "north", "--config", config
        discover = await gatewayd("discover", *line)
        identify = await gatewayd("osdp", "identify", *line, "--address", "1")
        blink = await gatewayd("osdp", "blink", "--device", world.units.link, "-a", "1")
        for ended in (discover, identify, blink):
            assert ended.code == 75, ended.err
            assert "systemctl stop gatewayd" in ended.err
        assert (await world.health())["well"]
