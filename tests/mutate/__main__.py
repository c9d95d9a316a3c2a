"""Break what decides in a thousand small ways, and see that a test notices each of them.

    python -m tests.mutate [access] [schedule] [doors] [--only gatewayd/core/door.py]

mutmut makes the mutants: `<` for `<=`, `and` for `or`, another number, an argument less, None
for a value. It runs in a copy of the tree in build/mutation, never in this one; all mutants of
a file lie in it side by side, and each is tried in a fork of a process that has imported
everything, by those tests alone that reach it. That makes some mutants a second. cosmic-ray,
which changes the file and starts Python anew for each, makes one in three seconds.

A mutant that mypy refuses counts as noticed: `make check` would. So does one with which the
tests take far longer than without (`PATIENCE`). What mutmut leaves alone are properties and
what stands outside of functions, such as the `at` of a rule.

Who survives must be in survivors.toml with the reason why it is the same program; anybody
else there, and a reason that nobody needs, fails. What was found is in build/mutation.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREE = ROOT / "build" / "mutation"
FOUND = ROOT / "build" / "mutation.json"
EXPLAINED = Path(__file__).with_name("survivors.toml")
COPIED = ("gatewayd", "protocol", "tests", "docs", "pyproject.toml")
WITHOUT = ("-pno:cacheprovider", "-pno:unraisableexception")  # this collects all garbage
# (what the tests take + 4 s) * 4, so that a busy machine is not taken for a test that notices
PATIENCE = {"timeout_constant": 4.0, "timeout_multiplier": 4.0}
VERDICTS = {0: "survived", 1: "noticed", 3: "noticed", 33: "no test", 37: "refused by mypy"}
SLOW = (-24, 24, 36, 152, 255)  # ways to end it
NOTICED = ("noticed", "refused by mypy", "too slow")
HOURS = ("check", "clocks", "words")
DOORS = (
    *("cards", "contact", "door_modes", "doors_in_detail", "exit", "fails_closed", "fire"),
    *("mode_orders", "modes", "modes_in_force", "readers", "requests", "site_orders"),
    *("spare_inputs", "stale", "supervised"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """Some files, and the tests that must notice whatever is done to them."""

    files: tuple[str, ...]
    tests: tuple[str, ...]
    checked: tuple[str, ...]  # what mypy looks at


PARTS = {
    "access": Part(
        (
            "gatewayd/core/access/rules/*.py",
            "gatewayd/core/access/decide.py",
            "gatewayd/core/access/consequences.py",
            "gatewayd/core/access/case.py",
        ),
        (
            "tests/core/access",
            # forces errors by the number of a line, and mutants have other lines
            "--ignore=tests/core/access/test_fails_anywhere.py",
        ),
        ("gatewayd/core/access",),
    ),
    "schedule": Part(
        ("gatewayd/core/schedule*.py",),
        (
            "tests/core/test_schedules.py",
            "tests/core/test_schedules_anything.py",
            *(f"tests/core/test_schedule_{each}.py" for each in HOURS),
        ),
        ("gatewayd/core/schedules.py", "gatewayd/core/schedule_check.py"),
    ),
    "doors": Part(
        (
            "gatewayd/core/door_modes.py",
            "gatewayd/core/mode_rules.py",
            "gatewayd/core/access/unlock.py",
            "gatewayd/core/passage.py",
            "gatewayd/core/untaken.py",
            "gatewayd/core/door.py",
            "gatewayd/core/doors.py",
            "gatewayd/core/access_points.py",
        ),
        (  # without those that try anything, which take a second each
            *(f"tests/core/test_{each}.py" for each in DOORS),
            "tests/core/access/test_wrong_clock.py",
        ),
        ("gatewayd/core",),
    ),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One that nobody noticed: the lines that go, and those that come."""

    name: str
    file: str
    was: str
    becomes: str
    verdict: str


def main() -> int:
    """Try all mutants of the parts that were asked for, and tell of those nobody noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", metavar="file", help="only what is in these")
    given = parser.parse_args()
    if strange := set(given.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(strange))}")
    explained, unexplained = _explained(), 0
    told: dict[str, object] = {}
    for name in given.parts or PARTS:
        part, begin = PARTS[name], time.monotonic()
        if given.only:
            part = replace(part, files=tuple(given.only))
        _try_all(part, given.processes)
        verdicts, found = Counter(_verdicts()), list(_unnoticed())
        unknown = [
            each for each in found if (each.file, each.was, each.becomes) not in explained
        ]
        told[name] = {
            "seconds": round(time.monotonic() - begin),
            "mutants": dict(verdicts.most_common()),
            "unexplained": [asdict(each) for each in unknown],
        }
        unexplained += len(unknown) + _tell(name, verdicts, unknown)
        unexplained += _needless(part, found, explained)
    FOUND.write_text(json.dumps(told, indent=2) + "\n")
    return 1 if unexplained else 0


def _try_all(part: Part, processes: int) -> None:
    """Let mutmut do its work in a fresh copy of the tree."""
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for each in COPIED:
        copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
        copy(ROOT / each, TREE / each)
    with (TREE / "pyproject.toml").open("a") as file:
        file.write(_settings(part))
    binaries = Path(sys.executable).parent
    environment = os.environ | {
        "HYPOTHESIS_PROFILE": "mutation",
        "PATH": f"{binaries}:{os.environ['PATH']}",  # mypy is called by its name
    }
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", f"{processes}"]
    with (TREE / "log").open("wb") as log:
        subprocess.run(command, cwd=TREE, env=environment, check=False, stdout=log, stderr=log)


def _settings(part: Part) -> str:
    without = ("attr-defined", "no-redef", "has-type")  # complaints about how mutants are kept
    mypy = ["mypy", "--config-file=", "--output=json"]
    settings: dict[str, object] = {
        "source_paths": ["gatewayd", "protocol"],
        "only_mutate": part.files,
        "also_copy": ["docs"],
        **PATIENCE,
        "pytest_add_cli_args": ["-q", "-n0", "--timeout=600", *WITHOUT],
        "pytest_add_cli_args_test_selection": part.tests,
        "type_check_command": [
            *mypy,
            *(f"--disable-error-code={each}" for each in without),
            *part.checked,
        ],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    return "\n".join(("", "[tool.mutmut]", *lines, ""))


# --- what came of it ----------------------------------------------------------------------


def _codes() -> Iterator[tuple[str, str, str]]:
    """Return file, mutant and verdict."""
    for meta in sorted((TREE / "mutants").rglob("*.py.meta")):
        file = f"{meta.relative_to(TREE / 'mutants')}".removesuffix(".meta")
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
            yield file, name, _verdict(code)


def _verdict(code: int | None) -> str:
    if code is None:
        return "not tried"
    return "too slow" if code in SLOW else VERDICTS.get(code, f"ended with {code}")


def _verdicts() -> Iterator[str]:
    found = [verdict for _, _, verdict in _codes()]
    yield from found or ["not tried"]


def _unnoticed() -> Iterator[Mutant]:
    for file, name, verdict in _codes():
        if verdict not in NOTICED:
            shown = subprocess.run(
                [sys.executable, "-m", "mutmut", "show", name],
                cwd=TREE,
                check=False,
                capture_output=True,
                text=True,
            ).stdout.splitlines()
            yield Mutant(name, file, _lines(shown, "-"), _lines(shown, "+"), verdict)


def _lines(diff: Iterable[str], sign: str) -> str:
    changed = [each for each in diff if each[:1] == sign and each[:3] != sign * 3]
    return "\n".join(each[1:].strip() for each in changed)


Explained = dict[tuple[str, str, str], str]


def _explained() -> Explained:
    rows = tomllib.loads(EXPLAINED.read_text())["survivor"]
    return {(each["file"], each["was"], each["becomes"]): each["why"] for each in rows}


def _needless(part: Part, found: Sequence[Mutant], explained: Explained) -> int:
    """Tell of explanations for mutants that are noticed, or no more."""
    needed = {(each.file, each.was, each.becomes) for each in found}
    mine = [each for each in explained if any(Path(each[0]).match(own) for own in part.files)]
    needless = [each for each in mine if each not in needed]
    for file, was, becomes in needless:
        print(f"  explained, and not there: {file}\n    - {was}\n    + {becomes}")
    return len(needless)


def _tell(name: str, verdicts: Counter[str], unknown: Sequence[Mutant]) -> int:
    """Print what was found; return 1 if nothing was tried at all."""
    print(f"{name}: {', '.join(f'{count} {verdict}' for verdict, count in verdicts.items())}")
    for each in unknown:
        print(f"  {each.verdict}: {each.file}\n    - {each.was}\n    + {each.becomes}")
    if "noticed" in verdicts:
        return 0
    print("\n".join((TREE / "log").read_text().replace("\r", "\n").splitlines()[-40:]))
    return 1


if __name__ == "__main__":
    sys.exit(main())
