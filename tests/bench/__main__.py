"""Measure, each part in a process of its own, and show every figure beside its peer.

    python -m tests.bench [part …] [--json]

A part is a module of this package with `measure() -> list[Result]`. The machine is shared:
ratios hold where seconds do not. Everything is written to build/bench.json too. The exit
code is 1 if a part could not be measured; a missed goal is a figure, not a failure.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "build" / "bench.json"
PATIENCE = 600.0  # seconds for one part
WIDTH = 160  # characters, where no terminal says otherwise

Row = dict[str, Any]


def parts() -> list[str]:
    """Return the names of all modules here that measure something."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return [each.stem for each in modules if "\ndef measure(" in each.read_text()]


def main() -> int:
    """Measure what was asked for, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts())}")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(parts()):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    screen = Console(stderr=True)
    rows: list[Row] = []
    failed = []
    for name in given.parts or parts():
        measured = _measure(name, screen)
        if measured is None:
            failed.append(name)
        rows += measured or []
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(rows, indent=1) + "\n")
    if given.json:
        print(json.dumps(rows, indent=1))
    else:
        paper = Console()
        if not paper.is_terminal:
            paper = Console(width=WIDTH)
        paper.print(_table(rows))
    for name in failed:
        screen.print(f"[red]{name} could not be measured")
    return 1 if failed else 0


def _measure(name: str, screen: Console) -> list[Row] | None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "results.json"
        command = [sys.executable, "-m", "tests.bench.part", name, str(target)]
        screen.print(f"measuring {name} …")
        try:
            done = subprocess.run(
                command, cwd=ROOT, check=False, timeout=PATIENCE, stdout=sys.stderr
            )
        except subprocess.TimeoutExpired:
            return None
        screen.print(f"measuring {name} took {time.monotonic() - began:.0f} s")
        if done.returncode or not target.exists():
            return None
        rows: list[Row] = json.loads(target.read_text())
        return rows


def _table(rows: list[Row]) -> Table:
    table = Table(title="measured on this machine, now", row_styles=("", "dim"))
    for title in ("what", "value", "unit", "beside", "ratio", "goal", ""):
        right = title in ("value", "ratio")
        table.add_column(title, justify="right" if right else "left")
    for row in rows:
        met = {True: "[green]met", False: "[red]missed", None: ""}[row["met"]]
        ratio = "" if row["ratio"] is None else _number(row["ratio"])
        table.add_row(
            row["name"],
            _number(row["value"]),
            row["unit"],
            row["peer"],
            ratio,
            row["goal"],
            met,
        )
    return table


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
