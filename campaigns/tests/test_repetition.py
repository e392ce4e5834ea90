"""When a repeated mailing runs next, in any time zone, across changes of clocks and the ends of months."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from typing import Any, SupportsFloat
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from campaigns.models import Mailing
from campaigns.models.mailing import STEPS, Repetition

checked = settings(deadline=None, derandomize=True, max_examples=300)

# Half and three quarter hours, clocks that move by half an hour or two, a year with Ramadan in it, a skipped day.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Asia/Kolkata"),
    *("Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca", "Pacific/Apia", "Pacific/Chatham"),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
starts = st.timedeltas(timedelta(0), timedelta(days=8400)).map(lambda passed: datetime(2008, 1, 1, tzinfo=UTC) + passed)
repetitions = st.sampled_from([Repetition.DAILY, Repetition.WEEKLY, Repetition.MONTHLY])
waits = st.timedeltas(timedelta(0), timedelta(days=800))


def mailing(zone: ZoneInfo, start: datetime, repetition: Repetition, **fields: Any) -> Mailing:
    return Mailing(owner=User(time_zone=zone.key), start_at=start, repetition=repetition, **fields)


def plan(zone: ZoneInfo, start: datetime, repetition: Repetition) -> Iterator[datetime]:
    """Every run, counted from the first on a calendar; the first of two hours that have the same name."""
    local = start.astimezone(zone).replace(tzinfo=None, fold=0)
    yield start
    for number in count(1):
        day = local.date() + timedelta(days=number * {"daily": 1, "weekly": 7}.get(repetition, 0))
        if repetition == Repetition.MONTHLY:
            day = _months_later(day, number)
        yield datetime.combine(day, local.time(), zone).astimezone(UTC)


def _months_later(day: date, number: int) -> date:
    years, month = divmod(day.month - 1 + number, 12)
    last = monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


@checked
@given(zones, starts, repetitions, waits)
def test_it_is_the_first_of_the_plan_that_is_still_to_come(
    zone: ZoneInfo, start: datetime, repetition: Repetition, wait: timedelta
) -> None:
    moment = start + wait
    expected = next(run for run in plan(zone, start, repetition) if run > moment)
    assert mailing(zone, start, repetition).next_run_after(moment) == expected


@checked
@given(zones, starts, waits)
def test_it_keeps_the_time_of_day_unless_there_is_no_such_time_that_day(
    zone: ZoneInfo, start: datetime, wait: timedelta
) -> None:
    run = mailing(zone, start, Repetition.DAILY).next_run_after(start + wait)
    assert run
    wanted, got = start.astimezone(zone).replace(tzinfo=None), run.astimezone(zone).replace(tzinfo=None)
    if got.time() != wanted.time():
        assert not _exists(datetime.combine(got.date(), wanted.time()), zone)


def _exists(local: datetime, zone: ZoneInfo) -> bool:
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == local


@checked
@given(zones, starts, repetitions)
def test_one_run_follows_the_other_and_no_day_has_two(zone: ZoneInfo, start: datetime, repetition: Repetition) -> None:
    one = mailing(zone, start, repetition)
    runs = [start]
    for _ in range(40):
        run = one.next_run_after(runs[-1])
        assert run
        runs.append(run)
    days = [run.astimezone(zone).date() for run in runs]
    assert all(earlier < later for earlier, later in pairwise(runs))
    assert all(earlier < later for earlier, later in pairwise(days))


@checked
@given(zones, starts, repetitions, waits, st.sampled_from(ZONES).map(ZoneInfo))
def test_it_does_not_matter_on_whose_clock_the_moment_was_read(
    zone: ZoneInfo, start: datetime, repetition: Repetition, wait: timedelta, clock: ZoneInfo
) -> None:
    one, moment = mailing(zone, start, repetition), start + wait
    same = mailing(zone, start.astimezone(clock), repetition)
    assert same.next_run_after(moment.astimezone(clock)) == one.next_run_after(moment)


@checked
@given(zones, starts, repetitions, waits, st.integers(-1, 1))
def test_a_run_is_before_the_end_to_the_microsecond(
    zone: ZoneInfo, start: datetime, repetition: Repetition, wait: timedelta, after: int
) -> None:
    run = next(run for run in plan(zone, start, repetition) if run > start + wait)
    limited = mailing(zone, start, repetition, end_at=run + timedelta(microseconds=after))
    assert limited.next_run_after(start + wait) == (run if after == 1 else None)


@pytest.mark.parametrize("repetition", STEPS)
def test_a_start_long_past_is_not_counted_step_by_step(repetition: Repetition, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    class Counted(relativedelta):
        def __mul__(self, number: SupportsFloat) -> "Counted":
            steps.append(number)
            return super().__mul__(number)

    step = STEPS[repetition]
    monkeypatch.setitem(STEPS, repetition, Counted(days=step.days, months=step.months))
    run = mailing(ZoneInfo("Europe/Berlin"), datetime(1970, 1, 1, tzinfo=UTC), repetition).next_run_after(
        datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert run
    assert len(steps) <= 3


# By name


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "repetition", "start", "after", "expected"),
    [
        # 02:15 in Lord Howe is 02:45 in the night that the clocks go forward by half an hour.
        ("Australia/Lord_Howe", "daily", "2026-10-02 15:45", "2026-10-02 15:45", "2026-10-03 15:45"),
        ("Australia/Lord_Howe", "daily", "2026-10-02 15:45", "2026-10-03 15:45", "2026-10-04 15:15"),
        # The clocks there go back by half an hour: 01:45 comes twice, and the first one counts.
        ("Australia/Lord_Howe", "daily", "2026-04-03 14:45", "2026-04-03 14:45", "2026-04-04 14:45"),
        ("Australia/Lord_Howe", "daily", "2026-04-03 14:45", "2026-04-04 14:45", "2026-04-05 15:15"),
        # Samoa had no 30 December 2011: the runs of that day and of the next are one.
        ("Pacific/Apia", "daily", "2011-12-28 19:00", "2011-12-29 19:00", "2011-12-30 19:00"),
        ("Pacific/Apia", "daily", "2011-12-28 19:00", "2011-12-30 19:00", "2011-12-31 19:00"),
        ("Asia/Kathmandu", "daily", "2026-12-31 18:20", "2026-12-31 18:20", "2027-01-01 18:20"),
        # 29 February is the last day of February in other years.
        ("UTC", "monthly", "2027-10-29 08:00", "2028-01-29 08:00", "2028-02-29 08:00"),
        ("UTC", "monthly", "2028-02-29 08:00", "2029-01-29 08:00", "2029-02-28 08:00"),
        ("UTC", "monthly", "2026-12-31 08:00", "2027-01-31 08:00", "2027-02-28 08:00"),
        ("UTC", "weekly", "2026-12-28 08:00", "2026-12-28 08:00", "2027-01-04 08:00"),
    ],
)
def test_the_days_that_are_like_no_other(zone: str, repetition: str, start: str, after: str, expected: str) -> None:
    one = mailing(ZoneInfo(zone), utc(start), Repetition(repetition))
    assert one.next_run_after(utc(after)) == utc(expected)
