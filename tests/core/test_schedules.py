"""Weekly hours and special days: when a schedule is active, since when and until when."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from gatewayd.core import schedules as module
from gatewayd.core import wall_clock
from gatewayd.core.schedule import (
    ALWAYS,
    LOOK,
    Basis,
    Schedule,
    ScheduleId,
    ScheduleState,
    SpecialDaysId,
    SpecialHours,
    Why,
)
from gatewayd.core.schedules import Schedules
from tests.core.hours import (
    BERLIN,
    BRIDGES,
    HOLIDAYS,
    OFFICE,
    Site,
    group,
    hours,
    period,
    schedule,
)

WEEKDAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "08:00-18:00")
NOON = datetime(2026, 5, 6, 10, tzinfo=UTC)  # a Wednesday; the clocks show 12:00


def office(*special: tuple[SpecialDaysId, str]) -> Schedule:
    return schedule(*special, **WEEKDAYS)


# --- the week -------------------------------------------------------------------------


def test_a_schedule_is_active_from_the_start_of_a_period_until_before_its_end() -> None:
    site = Site(office())
    assert not site.active("2026-05-06 07:59:59.999999")
    assert site.active("2026-05-06 08:00")
    assert site.active("2026-05-06 17:59:59.999999")
    assert not site.active("2026-05-06 18:00")


def test_a_state_says_since_when_and_until_when() -> None:
    site = Site(office())
    open_ = site.state("2026-05-08 12:00")
    assert site.shown(open_.since) == "2026-05-08 08:00+02:00"
    assert site.shown(open_.until) == "2026-05-08 18:00+02:00"
    closed = site.state("2026-05-09 12:00")
    assert site.shown(closed.since) == "2026-05-08 18:00+02:00"
    assert site.shown(closed.until) == "2026-05-11 08:00+02:00"


def test_a_state_says_by_which_hours() -> None:
    site = Site(office())
    wednesday = date(2026, 5, 6)
    during = site.state("2026-05-06 12:00").why
    assert during == Why(Basis.WEEK, wednesday, period=period("08:00-18:00"))
    assert site.state("2026-05-06 20:00").why == Why(Basis.WEEK, wednesday)
    assert site.state("2026-05-09 12:00").why == Why(Basis.WEEK, date(2026, 5, 9), closed=True)


def test_a_day_may_have_several_periods() -> None:
    site = Site(schedule(every="08:00-12:00 13:00-18:00"))
    assert site.changes("2026-05-06 00:00", 4) == [
        "2026-05-06 08:00+02:00",
        "2026-05-06 12:00+02:00",
        "2026-05-06 13:00+02:00",
        "2026-05-06 18:00+02:00",
    ]


def test_periods_that_touch_are_one() -> None:
    site = Site(schedule(every="08:00-12:00 12:00-18:00"))
    state = site.state("2026-05-06 12:00")
    assert state.why.period == period("12:00-18:00")
    assert site.shown(state.since) == "2026-05-06 08:00+02:00"
    assert site.shown(state.until) == "2026-05-06 18:00+02:00"


def test_a_period_may_last_until_24_00() -> None:
    site = Site(schedule(wed="20:00-24:00"))
    assert site.changes("2026-05-06 00:00", 2) == [
        "2026-05-06 20:00+02:00",
        "2026-05-07 00:00+02:00",
    ]


def test_24_00_and_00_00_of_the_next_day_touch() -> None:
    site = Site(schedule(wed="20:00-24:00", thu="00:00-06:00"))
    assert site.shown(site.state("2026-05-06 21:00").until) == "2026-05-07 06:00+02:00"


def test_a_period_may_cross_midnight_and_belongs_to_the_day_it_starts_on() -> None:
    site = Site(schedule(fri="22:00-30:00"))
    assert site.changes("2026-05-04 00:00", 2) == [
        "2026-05-08 22:00+02:00",
        "2026-05-09 06:00+02:00",
    ]
    why = site.state("2026-05-09 03:00").why
    assert why == Why(Basis.WEEK, date(2026, 5, 8), period=period("22:00-30:00"))


def test_a_period_may_last_until_the_end_of_the_next_day() -> None:
    site = Site(schedule(fri="12:00-48:00"))
    assert site.shown(site.state("2026-05-08 12:00").until) == "2026-05-10 00:00+02:00"


def test_the_hours_of_the_day_count_before_those_left_of_the_day_before() -> None:
    site = Site(schedule(fri="22:00-30:00", sat="05:00-05:30"))
    assert site.state("2026-05-09 05:10").why.day == date(2026, 5, 9)
    assert site.state("2026-05-09 05:30").why.day == date(2026, 5, 8)
    assert site.shown(site.state("2026-05-09 05:10").until) == "2026-05-09 06:00+02:00"


# --- special days ---------------------------------------------------------------------


def test_on_a_special_day_without_hours_the_schedule_is_closed_all_day() -> None:
    site = Site(office((HOLIDAYS, "")), group(HOLIDAYS, "2026-05-06"))
    state = site.state("2026-05-06 12:00")
    assert state.why == Why(Basis.SPECIAL_DAYS, date(2026, 5, 6), HOLIDAYS, closed=True)
    assert site.shown(state.since) == "2026-05-05 18:00+02:00"
    assert site.shown(state.until) == "2026-05-07 08:00+02:00"


def test_on_a_special_day_its_hours_replace_those_of_the_week() -> None:
    site = Site(office((HOLIDAYS, "10:00-14:00")), group(HOLIDAYS, "2026-05-06"))
    assert site.changes("2026-05-06 00:00", 3) == [
        "2026-05-06 10:00+02:00",
        "2026-05-06 14:00+02:00",
        "2026-05-07 08:00+02:00",
    ]
    during = site.state("2026-05-06 12:00").why
    expected = Why(Basis.SPECIAL_DAYS, date(2026, 5, 6), HOLIDAYS, period("10:00-14:00"))
    assert during == expected
    assert not site.state("2026-05-06 15:00").why.closed


def test_a_special_day_may_come_every_year() -> None:
    site = Site(office((HOLIDAYS, "")), group(HOLIDAYS, "12-25", "05-01"))
    assert not site.active("2026-12-25 12:00")  # a Friday
    assert not site.active("2030-12-25 12:00")
    assert site.active("2026-12-24 12:00")


def test_29_february_is_special_in_leap_years_only() -> None:
    site = Site(schedule((HOLIDAYS, ""), every="08:00-18:00"), group(HOLIDAYS, "02-29"))
    assert not site.active("2028-02-29 12:00")
    assert site.active("2028-02-28 12:00")
    assert site.active("2027-02-28 12:00")
    assert site.active("2027-03-01 12:00")


def test_of_two_groups_on_one_day_the_one_named_first_counts() -> None:
    groups = group(BRIDGES, "2026-05-06"), group(HOLIDAYS, "05-06")
    holidays_first = Site(office((HOLIDAYS, ""), (BRIDGES, "09:00-11:00")), *groups)
    bridges_first = Site(office((BRIDGES, "09:00-11:00"), (HOLIDAYS, "")), *groups)
    assert not holidays_first.active("2026-05-06 10:00")
    assert bridges_first.active("2026-05-06 10:00")


def test_a_group_that_a_schedule_does_not_name_does_not_concern_it() -> None:
    site = Site(office((HOLIDAYS, "")), group(HOLIDAYS), group(BRIDGES, "2026-05-06"))
    assert site.active("2026-05-06 12:00")


def test_a_period_goes_on_into_a_special_day() -> None:
    site = Site(schedule((HOLIDAYS, ""), tue="22:00-30:00"), group(HOLIDAYS, "2026-05-06"))
    state = site.state("2026-05-06 03:00")
    assert state.active
    assert state.why == Why(Basis.WEEK, date(2026, 5, 5), period=period("22:00-30:00"))
    assert site.shown(state.until) == "2026-05-06 06:00+02:00"


def test_a_period_that_would_start_on_a_special_day_does_not_reach_the_next() -> None:
    site = Site(schedule((HOLIDAYS, ""), wed="22:00-30:00"), group(HOLIDAYS, "2026-05-06"))
    assert not site.active("2026-05-06 23:00")
    assert not site.active("2026-05-07 03:00")


def test_the_hours_of_a_special_day_may_cross_midnight() -> None:
    site = Site(schedule((HOLIDAYS, "22:00-26:00")), group(HOLIDAYS, "2026-05-06"))
    state = site.state("2026-05-07 01:00")
    assert state.active
    assert state.why.special_days == HOLIDAYS
    assert state.why.day == date(2026, 5, 6)


def test_a_group_that_is_not_given_is_refused() -> None:
    with pytest.raises(ValueError, match="office-hours: no special days"):
        Schedules(BERLIN, [office((HOLIDAYS, ""))])


# --- the ends of the world ------------------------------------------------------------


def test_always_is_always_active() -> None:
    state = Schedules(BERLIN).state(ALWAYS, NOON)
    assert state == ScheduleState(active=True, since=None, until=None, why=Why(Basis.ALWAYS))


def test_a_schedule_that_does_not_exist_is_never_active() -> None:
    state = Schedules(BERLIN).state(OFFICE, NOON)
    assert not state.active
    assert state.why.basis is Basis.NO_SCHEDULE


@pytest.mark.parametrize("year", [1, 1969, 9990, 9999])
def test_a_year_that_cannot_be_meant_is_not_active(year: int) -> None:
    site = Site(schedule(every="00:00-24:00"))
    state = site.schedules.state(OFFICE, NOON.replace(year=year))
    assert (state.active, state.why.basis) == (False, Basis.NO_DATE)


@pytest.mark.parametrize("year", [1970, 9989])
def test_the_first_and_the_last_year_work(year: int) -> None:
    site = Site(schedule(every="08:00-18:00"))
    assert site.schedules.state(OFFICE, NOON.replace(year=year)).active


@pytest.mark.parametrize("id_", [OFFICE, ALWAYS, ScheduleId("other")])
def test_a_moment_without_its_offset_raises(id_: ScheduleId) -> None:
    site = Site(office())
    for _ in range(2):
        with pytest.raises(TypeError):
            site.schedules.state(id_, NOON.replace(tzinfo=None))
        site.schedules.state(id_, NOON)


def test_schedules_know_what_they_hold() -> None:
    given = office()
    held = Schedules(BERLIN, [given])
    assert OFFICE in held
    assert ALWAYS in held
    assert "other" not in held
    assert held.get(OFFICE) is given
    assert held.get(ALWAYS) is None


def test_what_never_changes_has_neither_beginning_nor_end() -> None:
    for every in ("", "00:00-24:00", "00:00-12:00 12:00-24:00"):
        state = Site(schedule(every=every)).state("2026-05-06 12:00")
        assert (state.active, state.since, state.until) == (bool(every), None, None)


def test_a_change_is_looked_for_over_more_than_a_year() -> None:
    given = schedule((HOLIDAYS, "08:00-18:00"))
    site = Site(given, group(HOLIDAYS, "12-25"))
    state = site.state("2026-12-25 20:00")
    assert site.shown(state.since) == "2026-12-25 18:00+01:00"
    assert site.shown(state.until) == "2027-12-25 08:00+01:00"


def test_a_change_is_not_looked_for_for_ever() -> None:
    given = schedule((HOLIDAYS, ""), every="00:00-24:00")
    site = Site(given, group(HOLIDAYS, "2026-06-01"))
    edge = site.utc("2026-06-01 00:00")
    near, far = edge - timedelta(days=LOOK), edge - timedelta(days=LOOK + 1)
    assert site.schedules.state(OFFICE, near).until == edge
    assert site.schedules.state(OFFICE, far).until is None
    edge = site.utc("2026-06-02 00:00")
    near, far = edge + timedelta(days=LOOK), edge + timedelta(days=LOOK + 1)
    assert site.schedules.state(OFFICE, near).since == edge
    assert site.schedules.state(OFFICE, far).since is None


@pytest.mark.parametrize("zone", [BERLIN, ZoneInfo("UTC")])
def test_how_far_it_looks_does_not_depend_on_what_was_asked_before(zone: ZoneInfo) -> None:
    given = schedule((HOLIDAYS, ""), every="00:00-24:00")
    closed = group(HOLIDAYS, "2026-06-01")
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    edges = (-LOOK - 1, -LOOK, 0, 1, LOOK, LOOK + 1, LOOK + 2)
    instants = [noon + timedelta(days=days) for days in edges]
    fresh = {at: Site(given, closed, zone=zone).schedules.state(OFFICE, at) for at in instants}
    for first, second in product(instants, instants):
        site = Site(given, closed, zone=zone)
        assert site.schedules.state(OFFICE, first) == fresh[first]
        assert site.schedules.state(OFFICE, second) == fresh[second]


@pytest.mark.parametrize("end", ["24:00", "24:00:01", "24:00:02"])
def test_nor_does_it_for_what_ended_about_midnight(end: str) -> None:
    given = schedule((HOLIDAYS, f"00:00-{end}"))
    once = group(HOLIDAYS, "2026-06-01")
    utc = ZoneInfo("UTC")
    noon = datetime(2026, 6, 2, 12, tzinfo=UTC)
    for days in (LOOK - 1, LOOK, LOOK + 1):
        site = Site(given, once, zone=utc)
        site.schedules.state(OFFICE, noon)
        at = noon + timedelta(days=days)
        fresh = Site(given, once, zone=utc).schedules.state(OFFICE, at)
        assert site.schedules.state(OFFICE, at) == fresh


def test_of_two_kinds_of_special_days_each_is_named_on_its_own() -> None:
    given = schedule((HOLIDAYS, "10:00-11:00"), (BRIDGES, "10:00-22:00"))
    site = Site(given, group(HOLIDAYS, "2026-06-01"), group(BRIDGES, "2026-06-02"))
    assert site.state("2026-06-01 10:30").why.special_days == HOLIDAYS
    assert site.state("2026-06-02 10:30").why.special_days == BRIDGES


def test_no_more_kinds_of_days_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CUTS", 3)
    site = Site(schedule(every="08:00-18:00"))
    plan = site.schedules._plans[OFFICE]
    for day in range(20_000, 20_010):
        plan._cuts_of(day)
        assert len(plan._cuts) <= module.MAX_CUTS


def test_no_more_days_are_kept_than_the_bound() -> None:
    calendar = module._SpecialCalendar([group(HOLIDAYS, "2026-06-01")])
    for day in range(20_000, 20_000 + module.MAX_DAYS + 1):
        calendar.groups_of(day)
        assert len(calendar._kept) <= module.MAX_DAYS


# --- the next change ------------------------------------------------------------------


def test_the_next_change_is_that_of_the_first_schedule_to_change() -> None:
    night = Schedule(ScheduleId("night"), "Night", (hours("20:00-30:00"),) * 7)
    held = Schedules(BERLIN, [office(), night])
    assert held.next_change(NOON) == datetime(2026, 5, 6, 16, tzinfo=UTC)
    assert held.next_change(NOON, [night.id]) == datetime(2026, 5, 6, 18, tzinfo=UTC)
    assert held.next_change(NOON, [night.id, OFFICE]) == datetime(2026, 5, 6, 16, tzinfo=UTC)


def test_what_never_changes_has_no_next_change() -> None:
    held = Schedules(BERLIN, [schedule()])
    assert held.next_change(NOON) is None
    assert held.next_change(NOON) is None
    assert held.next_change(NOON, [ALWAYS, ScheduleId("other")]) is None
    assert Schedules(BERLIN).next_change(NOON) is None


def test_the_next_change_is_right_whatever_was_asked_before() -> None:
    held = Schedules(BERLIN, [office()])
    end = datetime(2026, 5, 6, 16, tzinfo=UTC)
    assert held.next_change(NOON) == end
    assert held.next_change(NOON + timedelta(hours=1)) == end
    assert held.next_change(end) == datetime(2026, 5, 7, 6, tzinfo=UTC)
    assert held.next_change(NOON) == end


# --- what is kept ---------------------------------------------------------------------


def test_asking_again_gives_the_very_same_answer() -> None:
    site = Site(office())
    assert site.state("2026-05-06 12:00") is site.state("2026-05-06 12:01")


def test_a_moment_may_be_told_in_any_offset() -> None:
    site = Site(office())
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-11)))
    assert site.schedules.state(OFFICE, elsewhere) == site.schedules.state(OFFICE, NOON)


def test_little_is_kept_however_much_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CUTS", 5)
    monkeypatch.setattr(module, "MAX_DAYS", 5)
    monkeypatch.setattr(wall_clock, "MAX_KEPT", 5)
    given = office((HOLIDAYS, "08:00-09:00"), (BRIDGES, ""))
    groups = group(HOLIDAYS, "05-20"), group(BRIDGES, "05-11")
    site, other = Site(given, *groups), Site(given, *groups)
    days = [f"2026-05-{day:02} 08:30" for day in range(1, 32)]
    assert [site.state(day) for day in days] == [other.state(day) for day in reversed(days)][
        ::-1
    ]
    plan = site.schedules._plans[OFFICE]
    assert len(plan._cuts) <= 5
    assert len(plan._days._kept) <= 5
    assert len(site.schedules.clock._kept) <= 5
    assert len(site.schedules._newest) == 1


def test_special_hours_are_closed_unless_given() -> None:
    assert SpecialHours(HOLIDAYS).hours == ()
