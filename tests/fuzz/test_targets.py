"""Each fuzz target with its seeds, with what once failed, and with a little of anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_former_failures_hold(name: str) -> None:
    target = TARGETS[name]
    for data in (*target.seeds(), *target.found, b""):
        target.take(data)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=200))
def test_anything_holds(name: str, data: bytes) -> None:
    TARGETS[name].take(data)
