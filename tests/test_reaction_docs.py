"""docs/reactions.md: its example loads, and its words are those of `gatewayd check`."""

import re
from pathlib import Path

from gatewayd.config import load, site_config
from gatewayd.core.reaction import KINDS, MOST_EFFECTS, MOST_REACTIONS, in_words
from gatewayd.core.reactions import MOST_PENDING
from tests.test_config import written

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "reactions.md").read_text()
EXAMPLE = (ROOT / "config.example.toml").read_text()


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_example_of_reactions_loads_and_reads_as_shown(tmp_path: Path) -> None:
    without = EXAMPLE[: EXAMPLE.index("[reactions.siren]")]
    reactions = site_config(load(written(tmp_path, without + block("toml")))).reactions
    said = [f"reaction {each.name}: {in_words(each)}" for each in reactions]
    assert said == [line for line in TEXT.splitlines() if line.startswith("reaction ")]


def test_the_bounds_are_those_of_the_text() -> None:
    assert f"At most {MOST_REACTIONS} reactions with {MOST_EFFECTS} things to do" in TEXT
    assert f"and {MOST_PENDING} orders" in TEXT


def test_what_triggers_nothing_is_told_by_others() -> None:
    mqtt = set(re.findall(r'"kind":"([\w.]+)"', (ROOT / "docs" / "mqtt.md").read_text()))
    assert {each for each in mqtt - set(KINDS) if not each.startswith("reaction.")} == {
        "gateway.started",
        "gateway.stopped",
        "events.lost",
        "journal.gap_possible",
        "request.accepted",
    }
