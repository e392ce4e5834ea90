"""The rate and the end that a run shows, and when it shows none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, MailingLog, Tally
from campaigns.reports import pace, progress, sparkline
from campaigns.reports.pace import Pace, rate
from campaigns.tests import factories

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(minute: int, second: int = 0) -> datetime:
    return NOON + timedelta(minutes=minute, seconds=second)


def test_a_short_run_has_what_is_done_by_the_time_that_has_passed() -> None:
    assert rate({at(0): 100}, started=at(0, 10), now=at(0, 30)) == 5


def test_a_run_that_began_just_before_the_turn_of_the_minute_has_a_rate_at_once() -> None:
    assert rate({at(1): 100}, started=at(0, 58), now=at(1, 8)) == 10


def test_the_first_seconds_are_no_rate() -> None:
    assert rate({at(0): 100}, started=at(0, 10), now=at(0, 14)) is None


def test_the_last_minutes_count_and_not_the_whole_run() -> None:
    assert rate({at(0): 6000, at(1): 6000, at(2): 60, at(3): 30}, started=at(0), now=at(3, 30)) == 1


def test_a_slow_run_is_measured_over_more_minutes() -> None:
    minutes = {at(minute): 3 for minute in range(30)}
    assert rate(minutes, started=at(0), now=at(30)) == pytest.approx(3 / 60, rel=0.2)


def test_a_very_slow_run_has_a_rate() -> None:
    minutes = {at(minute): 1 for minute in range(0, 60, 10)}
    assert rate(minutes, started=at(-60), now=at(59, 30)) == pytest.approx(6 / 3600, rel=0.2)


def test_the_minute_in_which_it_was_resumed_is_left_out() -> None:
    assert rate({at(20): 50, at(21): 300}, started=at(0), now=at(21, 30)) == 10


def test_nothing_is_told_before_the_minute_of_the_resumption_is_over() -> None:
    assert rate({at(0): 900, at(20): 50}, started=at(0), now=at(20, 50)) is None


@pytest.mark.parametrize("minutes", [{}, {at(0): 0}, {at(0): -5}])
def test_where_nothing_happens_there_is_no_rate(minutes: dict[datetime, int]) -> None:
    assert rate(minutes, started=at(0), now=at(0, 40)) is None


@pytest.mark.parametrize(
    ("per_second", "figure"), [(None, None), (12.5, (12.5, "second")), (0.5, (30, "minute")), (0.01, (36, "hour"))]
)
def test_a_rate_is_told_in_a_unit_of_which_there_is_one(per_second: float | None, figure: Any) -> None:
    assert Pace(per_second).figure == figure


# With a ledger


def running(**fields: Any) -> MailingAttempt:
    """An attempt to 400 that has run for 40 seconds and sent 200."""
    attempt = lifecycle.launch(factories.mailing(), None)
    begun = {"status": "running", "started_at": Now() - timedelta(seconds=40), "total": 400, "sent": 200}
    MailingAttempt.objects.filter(pk=attempt.pk).update(**{**begun, **fields})
    Tally.objects.create(attempt=attempt, minute=timezone.now().replace(second=0, microsecond=0), sent=200)
    attempt.refresh_from_db()
    return attempt


def paced(attempt: MailingAttempt) -> Pace:
    return pace.of_attempt(progress.of_attempt(attempt).attempt)


@pytest.mark.django_db
def test_a_running_attempt_ends_when_the_open_letters_are_sent_at_its_rate() -> None:
    attempt = progress.of_attempt(running()).attempt
    found = pace.of_attempt(attempt)
    # Half is done, so the rest takes as long again.
    so_far = attempt.now - attempt.started_at
    assert found.per_second == pytest.approx(200 / so_far.total_seconds())
    assert found.ends_at
    assert found.ends_at - attempt.now == pytest.approx(so_far, abs=timedelta(milliseconds=1))
    assert found.soon
    assert not found.too_late


@pytest.mark.django_db
@pytest.mark.parametrize("status", [status for status in MailingAttempt.Status if status != "running"])
def test_only_a_running_attempt_has_a_rate(status: str) -> None:
    assert paced(running(status=status)) == Pace()


@pytest.mark.django_db
def test_what_was_skipped_in_masses_is_no_rate() -> None:
    attempt = running()
    Tally.objects.update(sent=0, skipped=200)
    assert paced(attempt) == Pace()


@pytest.mark.django_db
def test_no_end_is_told_before_the_audience_is_complete() -> None:
    found = paced(running(expanded_at=None))
    assert found.per_second
    assert found.ends_at is None


@pytest.mark.django_db
def test_a_mailing_whose_end_comes_first_says_so() -> None:
    attempt = running(total=40_000)
    Mailing.objects.update(end_at=Now() + timedelta(minutes=10))
    assert paced(MailingAttempt.objects.get(pk=attempt.pk)).too_late


def with_deferred(attempt: MailingAttempt, number: int, **ahead: Any) -> list[datetime]:
    """Letters of the attempt that are tried again so far ahead, and then a minute later each; these times."""
    times = [timezone.now() + timedelta(**ahead) + n * MINUTE for n in range(number)]
    deferred = MailingLog.Status.DEFERRED
    rows = (
        MailingLog(attempt=attempt, email=f"later{n}@example.com", status=deferred, attention=deferred, retry_at=at)
        for n, at in enumerate(times)
    )
    MailingLog.objects.bulk_create(rows)
    return times


@pytest.mark.django_db
def test_where_all_that_are_left_wait_for_another_try_there_is_no_end_but_a_next_try() -> None:
    attempt = running(total=203, sent=200)
    times = with_deferred(attempt, 3, minutes=5)
    found = paced(attempt)
    assert found.per_second
    assert found.ends_at is None
    assert found.next_try_at == times[0]


@pytest.mark.django_db
def test_what_is_tried_again_now_does_not_wait() -> None:
    attempt = running(total=203, sent=200)
    with_deferred(attempt, 3, minutes=-5)
    found = paced(attempt)
    assert found.ends_at
    assert found.next_try_at is None


@pytest.mark.django_db
def test_a_run_does_not_end_before_its_last_try() -> None:
    attempt = running()
    times = with_deferred(attempt, 3, hours=2)
    assert paced(attempt).ends_at == times[-1]


# The picture


def drawn(attempt: MailingAttempt) -> sparkline.Sparkline | None:
    return sparkline.of_attempt(progress.of_attempt(attempt).attempt)


def ran(*minutes: int, **fields: int) -> MailingAttempt:
    """An ended attempt that settled letters in those minutes."""
    attempt = lifecycle.launch(factories.mailing(), None)
    tallies = [Tally(attempt=attempt, minute=NOON + minute * MINUTE, **(fields or {"sent": 10})) for minute in minutes]
    Tally.objects.bulk_create(tallies)
    MailingAttempt.objects.filter(pk=attempt.pk).update(status="success", finished_at=Now())
    return attempt


@pytest.mark.django_db
def test_a_run_of_one_minute_has_no_picture() -> None:
    assert drawn(ran(0)) is None
    assert drawn(ran()) is None


@pytest.mark.django_db
def test_minutes_without_letters_leave_a_gap() -> None:
    picture = drawn(ran(0, 1, 5))
    assert picture
    assert [bar.x // sparkline.STEP for bar in picture.bars] == [0, 1, 5]
    assert picture.minutes == 1


@pytest.mark.django_db
def test_a_long_run_is_drawn_in_few_bars_that_hold_all_its_letters() -> None:
    picture = drawn(ran(*range(200)))
    assert picture
    assert picture.minutes == 4
    assert len(picture.bars) == 50
    assert sum(bar.sent for bar in picture.bars) == 2000


@pytest.mark.django_db
def test_few_failures_among_many_letters_are_seen() -> None:
    attempt = ran(0, 1, sent=5000, errors=1, unconfirmed=1)
    Tally.objects.filter(attempt=attempt, minute=NOON).update(errors=F("errors") - 2)
    picture = drawn(attempt)
    assert picture
    assert [(bar.failed, bar.failed_height > 0) for bar in picture.bars] == [(0, False), (2, True)]
