"""Look for inputs that nobody thought of, for as many minutes as you like.

    python -m tests.fuzz [--minutes 20] [target …]

The first half of the time atheris drives the targets of `tests/fuzz/targets.py`, as many at
once as there are processors. The second half belongs to hypothesis: rounds of the property
tests, each with more examples than the one before. What atheris found is in
build/fuzz/TARGET/failed; hypothesis keeps its own database. The exit code is 1 if anything
failed.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzz"
MINUTES = 20.0
GRACE = 60.0  # seconds a fuzzer may need to end by itself, its start included
FIRST_EXAMPLES, GROWTH = 300, 4  # of the rounds of hypothesis
PROPERTIES = ("tests/protocol", "tests/fuzz", "tests/core")
WITHOUT = """\
atheris is not there: it has no wheel for this Python or this machine, and is not built from
source here. Only the property tests run, for the whole time."""

_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target."""

    name: str
    executed: int
    failed: list[Path]
    said: str  # the end of what the fuzzer printed, if something failed


def main() -> int:
    """Fuzz, then run properties; say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    seconds = given.minutes * 60
    end = time.monotonic() + seconds
    guided = find_spec("atheris") is not None
    failed = _guided(given.targets or list(TARGETS), seconds / 2) if guided else False
    if not guided:
        print(WITHOUT)
    if not given.targets:
        failed |= _properties(end)
    if not guided:
        print(WITHOUT)
    return 1 if failed else 0


# --- atheris ------------------------------------------------------------------------------


def _guided(names: Sequence[str], seconds: float) -> bool:
    """Return whether any target failed."""
    at_once = os.cpu_count() or 1
    each = max(1, int(seconds / -(-len(names) // at_once)))
    print(f"atheris: {len(names)} targets, {each} s each, {at_once} at once", flush=True)
    with ThreadPoolExecutor(at_once) as pool:
        return sum(map(_tell, pool.map(lambda name: _fuzz(name, each), names))) > 0


def _fuzz(name: str, seconds: int) -> Outcome:
    directory = KEPT / name
    before = set(directory.glob("failed/*"))
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(directory)]
    try:
        done = subprocess.run(
            [*command, f"-max_total_time={seconds}"],
            cwd=ROOT,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + GRACE,
        )
        said, broken = done.stdout.decode(errors="replace"), done.returncode != 0
    except subprocess.TimeoutExpired as exc:
        said, broken = (exc.stdout or b"").decode(errors="replace"), True
    executed = _EXECUTED.search(said)
    failed = sorted(set(directory.glob("failed/*")) - before)
    tail = "\n".join(said.splitlines()[-40:]) if broken else ""
    return Outcome(name, int(executed[1]) if executed else 0, failed, tail)


def _tell(outcome: Outcome) -> bool:
    verdict = "FAILED" if outcome.said else "nothing found"
    print(f"  {outcome.name:10} {outcome.executed:>12,} inputs, {verdict}", flush=True)
    if outcome.said:
        print(outcome.said)
    for each in outcome.failed:
        print(f"  {each}: {each.read_bytes()[:200]!r}")
        print("  put it into `found` of its target, then mend what is wrong")
    return bool(outcome.said)


# --- hypothesis ---------------------------------------------------------------------------


def _properties(end: float) -> bool:
    """Run rounds of property tests until then; return whether any failed."""
    for examples in _rounds():
        left = end - time.monotonic()
        if left <= 0:
            break
        print(f"properties: {examples} examples each, {left:.0f} s left", flush=True)
        if _round(examples, left):
            return True
    return False


def _rounds() -> Iterator[int]:
    examples = FIRST_EXAMPLES
    while True:
        yield examples
        examples *= GROWTH


def _round(examples: int, seconds: float) -> bool:
    """One round; cut short when its time is over, which is no failure."""
    environment = os.environ | {"HYPOTHESIS_PROFILE": "long", "EXAMPLES": str(examples)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "auto", "--timeout", "7200"]
    process = subprocess.Popen(
        [*command, "-m", "hypothesis", *PROPERTIES],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    try:
        return process.wait(seconds) != 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # a session of its own: the workers too
        process.wait()
        print("properties: the time is over; nothing failed until then", flush=True)
        return False


if __name__ == "__main__":
    sys.exit(main())
