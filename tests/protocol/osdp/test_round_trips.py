"""A histogram of fixed size that tells how fast a unit answers."""

from hypothesis import given
from hypothesis import strategies as st

from protocol.osdp.round_trips import BOUNDS, FULL, RoundTrips


def after(*seconds: float) -> RoundTrips:
    trips = RoundTrips()
    for each in seconds:
        trips.add(each)
    return trips


def test_before_the_first_reply_there_is_nothing_to_tell() -> None:
    trips = RoundTrips()
    assert (trips.quantile(0.5), trips.quantile(1), trips.mean, trips.slowest) == (0, 0, 0, 0)


@given(
    st.lists(st.floats(0.0001, 10), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]),
)
def test_a_quantile_is_never_too_low_and_at_most_an_eighth_too_high(
    seconds: list[float], part: float
) -> None:
    trips = after(*seconds)
    ordered = sorted(seconds)
    exact = next(each for at, each in enumerate(ordered, 1) if at >= part * len(ordered))
    assert exact <= trips.quantile(part) <= exact * 1.125
    assert trips.slowest == ordered[-1]
    assert trips.quantile(1) == ordered[-1] or trips.quantile(1) <= ordered[-1]


def test_what_is_too_fast_or_too_slow_to_count_is_counted_all_the_same() -> None:
    trips = after(0.0, 0.0, 25.0)
    assert trips.quantile(0.5) == BOUNDS[0]
    assert trips.quantile(0.99) == trips.slowest == 25.0
    assert abs(trips.mean - 25 / 3) < 1e-9


def test_what_is_long_ago_fades_and_nothing_grows() -> None:
    trips = RoundTrips()
    for _ in range(FULL):
        trips.add(1.0)
    assert trips.count == FULL // 2
    assert 0.999 < trips.mean < 1.001
    size = len(trips.buckets)
    for _ in range(3 * FULL):
        trips.add(0.001)
    assert trips.quantile(0.5) < 0.0012
    assert trips.quantile(0.95) < 0.0012
    assert trips.slowest == 1.0
    assert trips.count < FULL
    assert len(trips.buckets) == size


def test_a_copy_stays_as_it_is() -> None:
    trips = after(0.5)
    copy = trips.copy()
    trips.add(0.1)
    assert (copy.count, copy.quantile(0.01)) == (1, 0.5)
