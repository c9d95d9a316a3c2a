"""What is signed is counted upwards, also by a gateway that was killed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.state_values import Value
from gatewayd.core.claims import HIGHEST_COUNTER
from gatewayd.core.said_counter import BLOCK, KEY, SaidCounter, restored


def test_numbers_are_reserved_half_a_block_ahead() -> None:
    counter = SaidCounter(restored(None))
    assert counter.reserved == (KEY, {"below": 1 + BLOCK})
    for expected in range(1, BLOCK // 2 + 1):
        assert counter.next() == (expected, None)
    entry = (KEY, {"below": 1 + 2 * BLOCK})
    assert counter.next() == (BLOCK // 2 + 1, entry)
    assert counter.next() == (BLOCK // 2 + 2, None)
    assert counter.reserved == entry


@given(st.lists(st.integers(0, 3), min_size=1))
def test_no_number_is_used_twice_whenever_it_is_killed(runs: list[int]) -> None:
    kept: Value | None = None
    numbers: list[int] = []
    for used in runs:
        counter = SaidCounter(restored(kept))
        kept = counter.reserved[1]
        numbers += [counter.next()[0] for _ in range(used)]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"below": 0},
        {"below": True},
        {"below": "1"},
        {"below": HIGHEST_COUNTER},
        {"below": 1, "more": 1},
    ],
)
def test_what_makes_no_sense_is_named(value: Value) -> None:
    with pytest.raises(ValueError, match="state 'signed': below"):
        restored(value)
