"""Dates and times of boards."""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.uhppote.values import (
    LOOSE_TIME,
    Date,
    Minute,
    Moment,
    Time,
    read_date,
    read_moment,
    read_short_date,
    write_date,
    write_moment,
    write_time,
)


@given(st.integers(-1, 10_001), st.integers(-1, 14), st.integers(-1, 33))
@example(1900, 2, 29)
@example(2000, 2, 29)
@example(2023, 2, 29)
@example(2024, 2, 29)
def test_there_are_the_dates_that_there_are(year: int, month: int, day: int) -> None:
    try:
        expected = dt.date(year, month, day)
    except ValueError:
        with pytest.raises(ValueError, match="no such date"):
            Date(year, month, day)
        return
    date = Date(year, month, day)
    assert write_date(date).hex() == f"{expected:%Y%m%d}".zfill(8)


@given(
    st.datetimes(
        min_value=dt.datetime(2, 1, 1)  # noqa: DTZ001 - boards know no zones
    )
)
def test_a_moment_is_written_in_decimals(moment: dt.datetime) -> None:
    raw = bytes.fromhex(f"{moment:%Y%m%d%H%M%S}".zfill(14))
    ours = Moment(
        Date(moment.year, moment.month, moment.day),
        Time(moment.hour, moment.minute, moment.second),
    )
    assert write_moment(ours) == raw
    assert read_moment(raw) == ours


@pytest.mark.parametrize(("hour", "minute"), [(24, 1), (23, 60), (-1, 0), (25, 0)])
def test_a_day_has_its_minutes_and_an_end(hour: int, minute: int) -> None:
    assert Minute(24, 0) > Minute(23, 59)
    with pytest.raises(ValueError, match="no such minute"):
        Minute(hour, minute)


def test_nothing_is_written_as_zeros() -> None:
    assert (write_date(None), write_moment(None), write_time(None)) == (
        bytes(4),
        bytes(7),
        bytes(3),
    )
    assert read_date(bytes(4)) is None
    assert read_date(bytes.fromhex("00010101")) is None
    assert read_short_date(bytes(3)) is None
    assert LOOSE_TIME.read(b"\x25\0\0") is None
