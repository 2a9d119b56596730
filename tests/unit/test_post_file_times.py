"""Written times, durations, and both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.post_file.times import Calendar, WrongTime, day_of, duration, zone_of

PARIS = ZoneInfo("Europe/Paris")
STRIKE = Calendar(PARIS, date(2020, 1, 24))


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("D 09:00", "2020-01-24T08:00:00+00:00"),
        ("d 9:00", "2020-01-24T08:00:00+00:00"),
        ("J-2 09:00", "2020-01-22T08:00:00+00:00"),
        ("D+1 00:30:15", "2020-01-24T23:30:15+00:00"),
        ("D 24:00", "2020-01-24T23:00:00+00:00"),
        ("D 09:00 Z", "2020-01-24T09:00:00+00:00"),
        ("2020-01-22T09:00", "2020-01-22T08:00:00+00:00"),
        ("2020-07-22 09:00:30", "2020-07-22T07:00:30+00:00"),
        ("2020-01-22T24:00", "2020-01-22T23:00:00+00:00"),
        ("2020-01-22T09:00+05:30", "2020-01-22T03:30:00+00:00"),
        ("2020-01-22T09:00-0300", "2020-01-22T12:00:00+00:00"),
        ("2020-01-22T09:00Z", "2020-01-22T09:00:00+00:00"),
        ("2020-10-25T02:30+01:00", "2020-10-25T01:30:00+00:00"),
    ],
)
def test_a_written_time_is_one_moment(written: str, moment: str) -> None:
    assert STRIKE.resolve(written) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "written",
    [
        *("", "D", "D-1", "09:00", "2020-01-22", "D 9", "D 24:01", "D 09:60", "2020-13-01 09:00"),
        *("1999-01-01 09:00", "2020-01-22T09:00+25:00", "D-2 09:00 x", "D٣ 09:00", "demain"),
    ],
)
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(WrongTime):
        STRIKE.resolve(written)


def test_a_time_that_exists_twice_proposes_both() -> None:
    with pytest.raises(WrongTime) as refused:
        STRIKE.resolve("2020-10-25 02:30")
    assert "exists twice" in str(refused.value)
    assert "2020-10-25T02:30:00+02:00 or 2020-10-25T02:30:00+01:00" in str(refused.value)


def test_a_time_that_does_not_exist_proposes_its_neighbours() -> None:
    with pytest.raises(WrongTime) as refused:
        Calendar(PARIS, date(2020, 3, 29)).resolve("D 02:30")
    assert "does not exist" in str(refused.value)
    assert "2020-03-29T01:30:00+01:00 or 2020-03-29T03:30:00+02:00" in str(refused.value)


@given(
    st.sampled_from([date(2020, 3, 29), date(2020, 10, 25)]),
    st.integers(-36, 36),
    st.integers(0, 59),
    st.sampled_from(["Europe/Paris", "America/Toronto", "Australia/Lord_Howe", "UTC"]),
)
def test_a_local_time_comes_back_or_is_refused_for_a_reason(
    day: date, hour: int, minute: int, zone: str
) -> None:
    calendar = Calendar(ZoneInfo(zone), day)
    local = datetime.combine(day, datetime.min.time()) + timedelta(hours=hour, minutes=minute)
    try:
        moment = calendar.resolve(local.isoformat())
    except WrongTime:
        offsets = {local.replace(tzinfo=calendar.zone, fold=fold).utcoffset() for fold in (0, 1)}
        assert len(offsets) == 2
    else:
        assert moment.tzinfo is UTC
        assert calendar.to_local(moment) == local.isoformat()


@given(st.integers(0, 214 * 86400))
def test_a_moment_with_its_offset_comes_back_exactly(seconds: int) -> None:
    moment = datetime(2020, 3, 28, tzinfo=UTC) + timedelta(seconds=seconds)  # over both changes
    assert STRIKE.resolve(moment.astimezone(PARIS).isoformat()) == moment


@pytest.mark.parametrize(
    ("written", "minutes"),
    [("30m", 30), ("2h", 120), ("1h30", 90), ("1h30m", 90), ("1 h 30 min", 90), ("90 min", 90)],
)
def test_a_duration_reads(written: str, minutes: int) -> None:
    assert duration(written) == timedelta(minutes=minutes)


@pytest.mark.parametrize("written", ["", "0m", "2", "yes", "-1h", "1.5h", "9999h", "h", "99999m"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(WrongTime):
        duration(written)


@pytest.mark.parametrize("name", ["Europe/Pari", "../etc/passwd", "", "\0", "Europe", "x" * 500])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(WrongTime):
        zone_of(name)


def test_the_nearest_zone_is_proposed() -> None:
    with pytest.raises(WrongTime, match="did you mean Europe/Paris"):
        zone_of("Europe/Pari")


def test_a_day_is_written_year_first() -> None:
    assert day_of("2020-01-24") == date(2020, 1, 24)
    with pytest.raises(WrongTime, match="write it as 2020-01-24"):
        day_of("24/01/2020")
