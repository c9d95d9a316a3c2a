"""How old permissions are, through restarts and clocks that are wrong."""

from datetime import UTC, datetime, timedelta

from gatewayd.core.access.policy import Policy
from gatewayd.core.actions import Action, KeepState, PermissionsView, Record
from gatewayd.core.events import Event, PermissionsFresh, PermissionsStale
from gatewayd.core.model import Moment
from gatewayd.core.permission_age import LOOK, Age

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = DAY.total_seconds()


class Clock:
    """A process that begins at some time of the day, and its age of permissions."""

    def __init__(
        self,
        confirmed: datetime | None,
        begins: datetime = NOON,
        *,
        trusted: bool = True,
        most: timedelta | None = DAY,
        version: int = 7,
    ) -> None:
        self.out: list[Action] = []
        held = PermissionsView(version, "0" * 64, 1, 1, {}, confirmed)
        self.age = Age(held, Policy(max_age=most), self.out)
        self.mono, self.utc, self.trusted = 50.0, begins, trusted

    @property
    def now(self) -> Moment:
        return Moment(self.mono, self.utc, self.trusted)

    def look(self) -> list[Event]:
        self.out.clear()
        self.age.look(self.now)
        return [each.event for each in self.out if isinstance(each, Record)]

    def after(self, seconds: float) -> list[Event]:
        """Let time pass, then look."""
        self.mono += seconds
        self.utc += timedelta(seconds=seconds)
        return self.look()

    def shows(self, utc: datetime) -> None:
        """Let the clock be set right."""
        self.utc, self.trusted = utc, True

    def kept(self) -> list[KeepState]:
        return [each for each in self.out if isinstance(each, KeepState)]


def test_permissions_are_stale_once_they_are_too_old() -> None:
    clock = Clock(NOON)
    assert clock.look() == []
    assert clock.age.deadline == 50.0 + DAYS
    assert clock.after(DAYS - 1) == []
    assert not clock.age.stale
    assert clock.after(1) == [PermissionsStale(7, NOON)]
    assert clock.age.stale
    assert clock.after(DAYS) == []


def test_who_confirms_makes_them_fresh() -> None:
    clock = Clock(NOON - 2 * DAY)
    assert clock.look() == [PermissionsStale(7, NOON - 2 * DAY)]
    clock.out.clear()
    assert clock.age.confirm(8, clock.now) == NOON
    assert clock.out == [
        KeepState((("confirmed", {"at": "2030-01-01T12:00:00.000000Z"}),)),
        Record(PermissionsFresh(8, NOON)),
    ]
    assert clock.after(DAYS) == [PermissionsStale(8, NOON)]


def test_the_age_goes_on_over_a_restart() -> None:
    clock = Clock(NOON - DAY / 2)
    assert clock.look() == []
    assert clock.after(DAYS / 2) == [PermissionsStale(7, NOON - DAY / 2)]


def test_without_a_limit_nothing_is_stale() -> None:
    clock = Clock(None, most=None)
    assert clock.look() == []
    assert clock.after(1_000 * DAYS) == []
    assert clock.age.confirm(8, clock.now) == clock.utc
    assert clock.age.deadline == float("inf")


def test_permissions_of_which_nobody_knows_the_age_are_stale() -> None:
    assert Clock(None).look() == [PermissionsStale(7, None)]


def test_no_permissions_at_all_are_not_stale_at_once() -> None:
    clock = Clock(None, version=0)
    assert clock.look() == []
    assert clock.after(DAYS) == [PermissionsStale(0, None)]


def test_a_clock_that_jumps_changes_no_age() -> None:
    clock = Clock(NOON)
    clock.look()
    clock.utc += 30 * DAY
    assert clock.look() == []
    clock.utc -= 60 * DAY
    assert clock.after(DAYS - 1) == []
    assert clock.after(1) == [PermissionsStale(7, NOON)]


def test_a_confirmation_from_the_future_is_one_of_now() -> None:
    clock = Clock(NOON + DAY)
    assert clock.look() == []
    assert clock.age.deadline == 50.0 + DAYS


def test_a_clock_that_was_wrong_at_the_start_is_asked_again() -> None:
    clock = Clock(NOON, NOON + 30 * DAY, trusted=False)
    assert clock.look() == [PermissionsStale(7, NOON)]
    assert clock.age.deadline == 50.0 + LOOK
    clock.shows(NOON + DAY / 2)
    assert clock.look() == [PermissionsFresh(7, NOON)]
    assert clock.after(DAYS / 2) == [PermissionsStale(7, NOON)]


def test_a_clock_that_lags_at_the_start_hides_no_age_once_it_is_right() -> None:
    clock = Clock(NOON, NOON - 30 * DAY, trusted=False)
    assert clock.look() == []
    clock.shows(NOON + 2 * DAY)
    assert clock.look() == [PermissionsStale(7, NOON)]


def test_a_moment_noted_by_a_wrong_clock_is_noted_anew_once_it_is_right() -> None:
    clock = Clock(NOON, trusted=False)
    clock.look()
    clock.utc = datetime(1970, 1, 1, tzinfo=UTC)
    clock.age.confirm(8, clock.now)
    assert clock.after(100) == []
    assert clock.kept() == []
    clock.shows(NOON)
    assert clock.look() == []
    assert clock.age.confirmed == NOON - timedelta(seconds=100)
    assert clock.kept() == [KeepState((("confirmed", {"at": "2030-01-01T11:58:20.000000Z"}),))]
    assert clock.after(DAYS - 100) == [PermissionsStale(8, clock.age.confirmed)]
