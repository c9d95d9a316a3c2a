"""Profiles for hypothesis: dev while writing, ci in `make test`, long in `make fuzz`,
mutation in `make mutate`. And who is watched for coverage.
"""

import json
import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")
TOOK = Path("mutmut-stats.json")  # of mutmut, where it runs the tests

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "long",
    max_examples=int(os.environ.get("EXAMPLES", "20000")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(  # the same few every time: a mutant is noticed or is not
    "mutation",
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),  # nobody reads what failed: no need to simplify
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(PROFILE)

if PROFILE == "mutation":

    def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
        """Begin with what is quick: nearly any test notices most mutants."""
        if TOOK.exists():
            took = json.loads(TOOK.read_text())["duration_by_test"]
            items.sort(key=lambda each: took.get(each.nodeid, 0.0))


INNER_RINGS = {"core", "protocol"}
LONG_OR_RANDOM = ("_anything.py", "_fairness.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let plain tests of the inner rings alone reach their whole coverage.

    A test takes four times as long while it is watched; and what only a random one or a real
    process comes across is not tested by anybody who says what must happen there.
    """
    if not item.config.pluginmanager.hasplugin("_cov") or _watched(item):
        return (yield)
    watchers = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        threading.settrace(watchers[1])
        sys.settrace(watchers[0])


def _watched(test: pytest.Item) -> bool:
    ring = test.path.relative_to(Path(__file__).parent).parts[0]
    return ring in INNER_RINGS and not test.path.name.endswith(LONG_OR_RANDOM)
