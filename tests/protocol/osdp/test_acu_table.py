"""docs/osdp-acu-cases.md and the tests agree: every number once, and where it says."""

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
TABLE = HERE.parents[2] / "docs" / "osdp-acu-cases.md"
ROW = re.compile(r"^\| (\d{3}-\d{2}-\d{2}) \|.*\| (\S+) \|$", re.MULTILINE)
BY_HAND = {"050-01-01": "manual"}  # two wires; no program can see them

REQUIRED = """
    050-01-01 050-03-01 050-04-01 050-05-01 050-06-02 050-07-01 050-08-01 050-09-01 050-09-02
    050-09-03 050-09-04 050-09-05 050-09-06 050-09-07 050-09-08 050-09-09 050-09-10 050-09-12
    050-09-15 050-09-16 050-09-18 050-09-19 060-02-01 060-02-02 060-03-01 060-04-01 060-05-01
    060-13-01 060-16-01 060-16-02 060-16-03 060-16-04 060-16-05 060-17-01 060-18-01 070-02-01
    070-02-02 070-03-01 070-03-04 070-04-01 070-05-01 070-05-09 070-05-10 070-05-17 070-06-01
    070-06-02 070-06-03 070-10-01 070-12-01 070-13-01 070-16-01 070-17-01 070-17-02
"""  # of a panel, in the Basic or the Secure Channel profile


def numbered(module: ModuleType) -> list[tuple[str, str]]:
    """Return number and test id of every case in a module."""
    return [
        (found.id, f"{module.__name__.rsplit('.', 1)[-1]}.py::{name}")
        for name, test in vars(module).items()
        for mark in getattr(test, "pytestmark", ())
        if mark.name == "parametrize" and not mark.args[0]
        for found in mark.args[1]
    ]


def test_every_required_case_is_listed_once() -> None:
    numbers = [number for number, _ in ROW.findall(TABLE.read_text())]
    assert numbers == REQUIRED.split()
    assert len(numbers) == 53


def test_every_case_is_tested_once_and_where_the_table_says() -> None:
    tested = dict(BY_HAND)
    for path in sorted(HERE.glob("test_acu_*.py")):
        for number, where in numbered(import_module(f"tests.protocol.osdp.{path.stem}")):
            assert number not in tested, f"{number} is tested twice"
            tested[number] = where
    listed = {number: where.strip("`") for number, where in ROW.findall(TABLE.read_text())}
    assert listed == tested
