"""Any schedule, in any zone, at any time, against reading the clock minute by minute."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import example, given
from hypothesis import strategies as st

from gatewayd.core.schedule import (
    LOOK,
    Hours,
    Period,
    Schedule,
    ScheduleId,
    SpecialDays,
    SpecialHours,
    YearlyDay,
)
from gatewayd.core.schedule_check import mistakes
from gatewayd.core.schedules import Schedules
from tests.core.hours import (
    BERLIN,
    BRIDGES,
    HOLIDAYS,
    HOUR,
    OFFICE,
    active_by_the_clock,
    schedule,
)

EPOCH = datetime(1972, 1, 1, tzinfo=UTC)  # since then, offsets are whole minutes
MINUTE = timedelta(minutes=1)
WALK = 2 * 24 * 60  # minutes that are walked one by one
ODD = (
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # left out a day
    "America/Godthab",  # moves before midnight
    "Africa/Casablanca",  # moves four times a year
    "Africa/Cairo",  # at midnight
    "America/Scoresbysund",
    "Antarctica/Troll",  # two hours
    "Antarctica/Casey",
    "Asia/Kathmandu",  # a quarter of an hour
    "Pacific/Kwajalein",
    "UTC",
)
ZONES = tuple(sorted(available_timezones()))

zones = st.sampled_from([each for each in ODD if each in ZONES]) | st.sampled_from(ZONES)
minutes = st.integers(0, 48 * 60) | st.sampled_from(
    [0, 60, 90, 120, 150, 180, 1380, 1440, 1560]
)


@st.composite
def some_hours(draw: st.DrawFn) -> Hours:
    edges = sorted(draw(st.sets(minutes, max_size=6)))
    pairs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False) if a < 24 * 60]
    return tuple(Period(a * 60, b * 60) for a, b in pairs)


@lru_cache
def moves(zone: str) -> tuple[datetime, ...]:
    """Return about when the clocks of a zone were moved (the week's end)."""
    week, offsets = timedelta(days=7), ZoneInfo(zone)
    ends = [EPOCH + n * week for n in range(53 * 80)]
    changed = [offsets.utcoffset(end) != offsets.utcoffset(end - week) for end in ends]
    return tuple(end for end, moved in zip(ends, changed, strict=True) if moved)


def instants(zone: str) -> st.SearchStrategy[datetime]:
    """Any time in eighty years, or any in a week in which the clocks were moved."""
    ever = st.timedeltas(timedelta(0), timedelta(days=365 * 80)).map(lambda past: EPOCH + past)
    near = moves(zone)
    if not near:
        return ever
    in_the_week = st.timedeltas(-timedelta(days=7), timedelta(0))
    return ever | st.builds(lambda end, past: end + past, st.sampled_from(near), in_the_week)


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, datetime, Schedule, list[SpecialDays]]:
    zone = draw(zones)
    at = draw(instants(zone))
    near = st.integers(-2, 2).map(lambda days: (at + timedelta(days=days)).date())
    day = near | near.map(lambda each: YearlyDay(each.month, each.day))
    groups = [
        SpecialDays(name, draw(st.frozensets(day, max_size=3))) for name in (HOLIDAYS, BRIDGES)
    ]
    named = draw(st.permutations([HOLIDAYS, BRIDGES]))[: draw(st.integers(0, 2))]
    special = tuple(SpecialHours(each, draw(some_hours())) for each in named)
    week = tuple(draw(some_hours()) for _ in range(7))
    return zone, at, Schedule(OFFICE, "Office hours", week, special), groups


NIGHT = Schedule(OFFICE, "Night", ((Period(22 * HOUR, 26 * HOUR + 1800),),) * 7)


@given(case=cases())
@example(case=("Europe/Berlin", datetime(2026, 10, 25, 0, 45, tzinfo=UTC), NIGHT, []))
@example(case=("Europe/Berlin", datetime(2026, 3, 29, 0, 45, tzinfo=UTC), NIGHT, []))
@example(case=("Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC), NIGHT, []))
@example(case=("Pacific/Kwajalein", datetime(1993, 8, 21, 11, 59, tzinfo=UTC), NIGHT, []))
def test_a_schedule_is_what_the_clock_on_the_wall_says(
    case: tuple[str, datetime, Schedule, list[SpecialDays]],
) -> None:
    name, at, given_, given_groups = case
    zone, groups = ZoneInfo(name), {each.id: each for each in given_groups}
    held = Schedules(zone, [given_], given_groups)
    assert mistakes([given_], given_groups) == []

    def truth(utc: datetime) -> bool:
        return active_by_the_clock(given_, groups, zone, utc)

    state = held.state(OFFICE, at)
    assert state.active is truth(at)
    assert state.active is (state.why.period is not None)
    horizon = at + timedelta(days=LOOK + 2)
    until, since = state.until or horizon, state.since or at - timedelta(days=LOOK + 2)
    assert since <= at < until
    if state.until is not None:
        assert truth(until) is not state.active
        assert truth(until - timedelta(microseconds=1)) is state.active
    if state.since is not None:
        assert truth(since) is state.active
        assert truth(since - timedelta(microseconds=1)) is not state.active
    on_the_minute = at.replace(second=0, microsecond=0)
    for n in range(1, WALK):
        if (later := on_the_minute + n * MINUTE) >= until:
            break
        assert truth(later) is state.active
    for n in range(WALK):
        if (earlier := on_the_minute - n * MINUTE) < since:
            break
        assert truth(earlier) is state.active


@given(case=cases())
def test_one_change_follows_another(
    case: tuple[str, datetime, Schedule, list[SpecialDays]],
) -> None:
    name, at, given_, groups = case
    held = Schedules(ZoneInfo(name), [given_], groups)
    state = held.state(OFFICE, at)
    for _ in range(10):
        assert held.next_change(at) == state.until
        if state.until is None:
            break
        at = state.until
        before, state = state, held.state(OFFICE, at)
        assert state.active is not before.active
        assert state.since == at
        assert held.state(OFFICE, at - timedelta(microseconds=1)).until == at


@given(case=cases(), steps=st.lists(st.integers(-3000, 3000), max_size=12))
def test_an_answer_does_not_depend_on_what_was_asked_before(
    case: tuple[str, datetime, Schedule, list[SpecialDays]], steps: list[int]
) -> None:
    name, at, given_, groups = case
    other = Schedule(ScheduleId("other"), "Other", given_.week[::-1])
    held = Schedules(ZoneInfo(name), [given_, other], groups)
    for step in steps:
        asked = at + step * MINUTE
        fresh = Schedules(ZoneInfo(name), [given_, other], groups)
        assert held.next_change(asked) == fresh.next_change(asked)
        for each in (OFFICE, other.id):
            assert held.state(each, asked) == fresh.state(each, asked)


@given(
    special=st.frozensets(st.integers(0, 1500), max_size=3),
    asked=st.lists(st.integers(0, 1500 * 4), min_size=2, max_size=6),
    every=st.sampled_from(["", "00:00-24:00", "08:00-18:00"]),
    on_special=st.sampled_from(["", "00:00-24:00", "08:00-32:00"]),
)
@example(
    special=frozenset([500]), asked=[99 * 4, 100 * 4, 1900], every="", on_special="08:00-18:00"
)
@example(
    special=frozenset([500]),
    asked=[501 * 4, 901 * 4, 903 * 4],
    every="00:00-24:00",
    on_special="",
)
def test_what_changes_seldom_does_not_depend_on_what_was_asked_before_either(
    special: frozenset[int], asked: list[int], every: str, on_special: str
) -> None:
    given_ = schedule((HOLIDAYS, on_special), every=every)
    first = date(2026, 1, 1)
    groups = [SpecialDays(HOLIDAYS, frozenset(first + timedelta(days=n) for n in special))]
    held = Schedules(BERLIN, [given_], groups)
    for each in asked:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=6 * each)
        assert held.state(OFFICE, at) == Schedules(BERLIN, [given_], groups).state(OFFICE, at)


@given(
    years=st.integers(1970, 9989),
    days=st.frozensets(
        st.dates() | st.builds(YearlyDay, st.integers(1, 12), st.integers(1, 31))
    ),
)
def test_no_year_and_no_special_day_makes_it_fail(
    years: int, days: frozenset[date | YearlyDay]
) -> None:
    given_ = Schedule(OFFICE, "Office", NIGHT.week, (SpecialHours(HOLIDAYS),))
    held = Schedules(BERLIN, [given_], [SpecialDays(HOLIDAYS, days)])
    for month, day in ((1, 1), (12, 31)):
        held.state(OFFICE, datetime(years, month, day, 23, tzinfo=UTC))
