"""Time, as far as the host can be believed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.model import Moment
from gatewayd.edge.clock import TOLERANCE, SystemClock

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Host:
    """A host whose clock somebody sets."""

    def __init__(self) -> None:
        self.mono = 100.0
        self.utc = NOON
        self.clock = SystemClock(lambda: self.mono, lambda: self.utc)

    def passes(self, seconds: float) -> None:
        self.mono += seconds
        self.utc += timedelta(seconds=seconds)


def test_a_clock_that_goes_on_is_believed() -> None:
    host = Host()
    assert host.clock.moment() == Moment(100.0, NOON)
    host.passes(60)
    assert host.clock.moment() == Moment(160.0, NOON + timedelta(seconds=60))


def test_a_clock_behind_what_was_journaled_is_not_believed() -> None:
    """What expired yesterday must not be valid again because a battery is empty."""
    host = Host()
    host.clock.not_before(NOON + DAY)
    assert host.clock.moment() == Moment(100.0, NOON + DAY, trusted=False)
    host.passes(30)
    assert host.clock.moment() == Moment(
        130.0, NOON + DAY + timedelta(seconds=30), trusted=False
    )


def test_a_clock_that_is_set_back_while_we_run_is_not_believed_either() -> None:
    host = Host()
    host.clock.moment()
    host.utc -= 3650 * DAY
    host.mono += 1
    assert host.clock.moment() == Moment(101.0, NOON + timedelta(seconds=1), trusted=False)


def test_a_clock_that_is_set_right_by_a_little_is_believed() -> None:
    host = Host()
    host.clock.moment()
    host.utc -= TOLERANCE
    assert host.clock.moment().trusted


def test_a_clock_that_has_caught_up_is_believed_again() -> None:
    host = Host()
    host.clock.not_before(NOON + DAY)
    assert not host.clock.moment().trusted
    host.utc += DAY
    assert host.clock.moment() == Moment(100.0, NOON + DAY)


def test_a_clock_at_the_end_of_time_breaks_nothing() -> None:
    host = Host()
    host.utc = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert host.clock.moment().trusted
    host.mono += 1e9
    assert host.clock.moment().trusted


@given(st.lists(st.tuples(st.floats(0, 1e5), st.integers(-(10**9), 10**9)), max_size=30))
def test_time_never_runs_back_by_more_than_the_tolerance(
    jumps: list[tuple[float, int]],
) -> None:
    host = Host()
    latest = host.clock.moment().utc
    for passed, jump in jumps:
        host.passes(passed)
        host.utc = NOON + timedelta(seconds=jump)
        now = host.clock.moment()
        assert now.utc >= latest - TOLERANCE
        latest = max(latest, now.utc)
