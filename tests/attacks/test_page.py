"""docs/security/osdp.md and the attacks agree."""

import re
from importlib import import_module
from pathlib import Path

from gatewayd.core import events
from tests.attacks.scene import RECOVERY

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security" / "osdp.md"
NAMED = re.compile(r"`(test_\w+)\.py::(\w+)`")
EVENT = re.compile(r"`((?:controller|access|audit)\.\w+)`")


def written() -> dict[str, set[str]]:
    """Return the tests there are, by module."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.stem == Path(__file__).stem:
            continue
        module = import_module(f"tests.attacks.{path.stem}")
        own = (name for name, each in vars(module).items() if _is_own(each, module.__name__))
        found[path.stem] = {name for name in own if name.lower().startswith("test")}
    return found


def _is_own(each: object, module: str) -> bool:
    """Whether it was written there; hypothesis makes its test cases somewhere else."""
    return getattr(each, "__module__", "") in (module, "hypothesis.stateful")


def test_every_test_that_the_page_names_exists() -> None:
    tests = written()
    named = NAMED.findall(PAGE.read_text())
    assert named
    assert [each for each in named if each[1] not in tests.get(each[0], ())] == []


def test_every_attack_module_is_named() -> None:
    assert {module for module, _ in NAMED.findall(PAGE.read_text())} == set(written())


def test_every_event_that_the_page_names_exists() -> None:
    kinds = {getattr(each, "KIND", None) for each in vars(events).values()}
    requests = {"controller.rotate_key"}
    assert set(EVENT.findall(PAGE.read_text())) - requests <= kinds


def test_the_page_is_where_people_look() -> None:
    assert "docs/security/osdp.md" in (ROOT / "README.md").read_text()
    assert "docs/security/osdp.md" in (ROOT / "SECURITY.md").read_text()
    assert f"within {RECOVERY:.0f} seconds" in PAGE.read_text()
