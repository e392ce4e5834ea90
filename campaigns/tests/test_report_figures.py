"""Every figure of a report against a recount of the raw rows."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.models import User
from campaigns import lifecycle
from campaigns.lifecycle import pruning
from campaigns.models import Mailing, MailingAttempt, MailingLog, Rollup, Tally
from campaigns.models.log import Status
from campaigns.reports import figures, rollups
from campaigns.reports.days import by_day
from campaigns.reports.failures import Failures
from campaigns.reports.period import Period, last_days
from campaigns.reports.scope import Scope
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.tests import factories
from campaigns.tests.test_statistics import delivered

pytestmark = pytest.mark.django_db

# Berlin's clocks went back on 25 October 2026, New York's on 1 November; Kolkata is half an hour off the full ones.
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Pacific/Kiritimati")
MOMENTS = (
    datetime(2026, 10, 24, 21, 59, 59, tzinfo=UTC),
    datetime(2026, 10, 24, 22, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 22, 59, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 23, 0, tzinfo=UTC),
    datetime(2026, 11, 1, 4, 30, tzinfo=UTC),
    datetime(2026, 11, 2, 4, 59, tzinfo=UTC),
    datetime(2026, 11, 2, 18, 30, tzinfo=UTC),
)
PERIODS = (
    Period(None, date(2026, 11, 20)),
    Period(date(2026, 10, 25), date(2026, 10, 25)),
    Period(date(2026, 10, 25), date(2026, 11, 1)),
    Period(date(2026, 11, 2), date(2026, 11, 3)),
)
EVER = Period(None, date(2100, 1, 1))
OUTCOMES = (Status.SENT, Status.SENT, Status.ERROR, Status.SKIPPED, Status.UNCONFIRMED)
COLUMNS = {
    "sent": Status.SENT,
    "errors": Status.ERROR,
    "skipped": Status.SKIPPED,
    "unconfirmed": Status.UNCONFIRMED,
    "cancelled": Status.CANCELLED,
}


@pytest.fixture
def owner() -> User:
    return factories.user()


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> Iterator[ZoneInfo]:
    with timezone.override(request.param):
        yield ZoneInfo(request.param)


def at(attempt: MailingAttempt, moment: datetime) -> MailingAttempt:
    """All of the attempt happened then."""
    attempt.logs.exclude(settled_at=None).update(settled_at=moment)
    attempt.tallies.update(minute=moment.replace(second=0, microsecond=0))
    MailingAttempt.objects.filter(pk=attempt.pk).update(created_at=moment - timedelta(minutes=10))
    return attempt


def a_varied_past(owner: User) -> None:
    """Attempts at all MOMENTS, some retried, confirmed or cancelled; and dry runs and a test, which count nowhere."""
    for number, moment in enumerate(MOMENTS):
        mailing = factories.mailing(owner, 7 + number)
        attempt = at(delivered(mailing, *OUTCOMES), moment)
        if number % 4 == 1:
            again(attempt)
        elif number % 4 == 2:
            lifecycle.confirm_unconfirmed(mailing, owner)
        elif number % 4 == 3:
            cancelled(mailing, moment)
        at(delivered(factories.mailing(owner, 3), Status.DRY_RUN, Status.ERROR, dry_run=True), moment)
    tried = delivered(factories.mailing(owner, 2), Status.ERROR)
    MailingAttempt.objects.filter(pk=tried.pk).update(test=True)


def again(attempt: MailingAttempt) -> None:
    """The failed letters were sent once more, now: one of them well."""
    lifecycle.retry_failed(attempt.mailing)
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    rows = [ready.to.row for ready in chunks.ready(lease)]
    settled = [Settlement(row, Status.ERROR if n else Status.SENT, "550 no") for n, row in enumerate(rows)]
    entries.write({lease: Entries(settlements=settled)})
    chunks.close(lease)


def cancelled(mailing: Any, moment: datetime) -> None:
    attempt = lifecycle.launch(mailing, None)
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    entries.write({lease: Entries(settlements=[Settlement(lease.first, Status.SENT)])})
    lifecycle.cancel(mailing)
    at(attempt, moment)


def rows(period: Period, zone: ZoneInfo) -> list[MailingLog]:
    """The raw rows of real attempts that came to an end on these days."""
    real = MailingLog.objects.filter(attempt__dry_run=False, attempt__test=False).exclude(settled_at=None)
    return [row for row in real.select_related("attempt") if covers(period, day_of(row, zone))]


def day_of(row: MailingLog, zone: ZoneInfo) -> date:
    assert row.settled_at
    return row.settled_at.astimezone(zone).date()


def covers(period: Period, day: date) -> bool:
    return (period.first is None or period.first <= day) and day <= period.last


def scope(period: Period) -> Scope:
    return Scope(MailingAttempt.objects.real(), period)


def counted(found: list[MailingLog]) -> dict[str, int]:
    by_status = Counter(row.status for row in found)
    return {name: by_status[status] for name, status in COLUMNS.items()}


@pytest.mark.parametrize("period", [*PERIODS, EVER], ids=str)
def test_the_figures_of_each_mailing_equal_a_recount(owner: User, zone: ZoneInfo, period: Period) -> None:
    a_varied_past(owner)
    found = figures.by_mailing(scope(period))
    ended = rows(period, zone)
    for mailing in {row.attempt.mailing_id for row in ended} | set(found):
        expected = counted([row for row in ended if row.attempt.mailing_id == mailing])
        assert {name: getattr(found[mailing], name) for name in COLUMNS} == expected
    total = figures.total(found.values())
    assert {name: getattr(total, name) for name in COLUMNS} == counted(ended)
    assert sum(figure.done for figure in found.values()) == len(ended)


@pytest.mark.parametrize("period", PERIODS[1:], ids=str)
def test_the_days_equal_a_recount_and_add_up_to_the_total(owner: User, zone: ZoneInfo, period: Period) -> None:
    a_varied_past(owner)
    days = by_day(scope(period))
    assert [day.date for day in days] == list(period.dates())
    ended = rows(period, zone)
    for day in days:
        of_day = counted([row for row in ended if day_of(row, zone) == day.date])
        assert (day.sent, day.errors, day.unconfirmed) == (of_day["sent"], of_day["errors"], of_day["unconfirmed"])
    assert sum(day.sent for day in days) == figures.total(figures.by_mailing(scope(period)).values()).sent


@pytest.mark.parametrize("period", [*PERIODS, EVER], ids=str)
def test_attempts_and_recipients_are_those_launched_in_the_period(owner: User, zone: ZoneInfo, period: Period) -> None:
    a_varied_past(owner)
    real = MailingAttempt.objects.filter(dry_run=False, test=False)
    launched = [one for one in real if covers(period, one.created_at.astimezone(zone).date())]
    total = figures.total(figures.by_mailing(scope(period)).values())
    assert total.attempts == len(launched)
    assert total.recipients == sum(one.logs.count() for one in launched)
    assert total.last_run == max((one.created_at for one in launched), default=None)


@pytest.mark.parametrize("rolled_up", [False, True, "half"])
@pytest.mark.parametrize("period", PERIODS[::2], ids=str)
def test_domains_and_replies_equal_a_recount(owner: User, period: Period, rolled_up: Any) -> None:
    a_varied_past(owner)
    MailingLog.objects.filter(pk__in=list(MailingLog.objects.values_list("pk", flat=True))[::3]).update(
        email="somebody@Other.Example"
    )
    if rolled_up:
        rollups.write_missing()
    if rolled_up == "half":
        Rollup.objects.filter(pk__in=list(Rollup.objects.values_list("pk", flat=True))[::2]).delete()
    launched = scope(period).launched().filter(finished_at__isnull=False)
    raw = MailingLog.objects.filter(attempt__in=launched)
    by_domain = Counter((row.email.lower().partition("@")[2], row.status) for row in raw)
    for domain in rollups.domains(scope(period)):
        expected = [by_domain[domain.name, status] for status in (Status.SENT, Status.ERROR, Status.UNCONFIRMED)]
        assert [domain.sent, domain.errors, domain.unconfirmed] == expected
    assert sum(domain.total for domain in rollups.domains(scope(period))) == raw.count()
    said = Counter((row.status, row.detail) for row in raw if row.status in (Status.ERROR, Status.UNCONFIRMED))
    assert Counter({(one.status, one.text): one.letters for one in rollups.replies(scope(period))}) == said


def test_a_roll_up_is_made_anew_when_letters_are_retried_or_confirmed(owner: User) -> None:
    first, second = (delivered(factories.mailing(owner, 7), *OUTCOMES) for _ in range(2))
    assert (rollups.write_missing(), rollups.write_missing()) == (2, 0)
    again(first)
    lifecycle.confirm_unconfirmed(second.mailing, owner)
    missing = rollups.missing(MailingAttempt.objects.real())
    assert set(missing.values_list("pk", flat=True)) == {first.pk, second.pk}


def test_what_is_under_way_is_not_rolled_up(owner: User) -> None:
    attempt = lifecycle.launch(factories.mailing(owner), None)
    assert not rollups.write(attempt.pk)


def test_many_domains_end_in_one_line(owner: User) -> None:
    audience = [factories.recipient(owner, f"a@domain{n}.example") for n in range(5)]
    delivered(factories.mailing(owner, audience), Status.SENT)
    *shown, others = rollups.domains(scope(Period(None, timezone.localdate())), most=3)
    assert [one.total for one in shown] == [1, 1, 1]
    assert (others.name, others.domains, others.total) == ("", 2, 2)


def test_failures_are_those_of_the_latest_attempts_first(owner: User) -> None:
    attempts = [delivered(factories.mailing(owner, 7), Status.SENT, Status.ERROR) for _ in range(3)]
    found = Failures(scope(EVER))
    assert found.count() == 9
    assert [one.attempt for one in found[0:9]] == [attempt.pk for attempt in reversed(attempts) for _ in range(3)]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 9])
def test_failures_are_read_page_by_page_and_each_is_on_one(owner: User, size: int) -> None:
    for errors in (3, 1, 5):
        delivered(factories.mailing(owner, errors), Status.ERROR)
    found = Failures(scope(EVER))
    parts = [found[start : min(start + size, 9)] for start in range(0, 9, size)]
    assert [one.row for part in parts for one in part] == [one.row for one in found[0:9]]
    assert {one.row for one in found[0:9]} == set(MailingLog.objects.values_list("pk", flat=True))


def test_the_figures_of_each_attempt_are_its_counters(owner: User) -> None:
    a_varied_past(owner)
    for key, found in figures.by_attempt(scope(Period(None, timezone.localdate()))).items():
        attempt = MailingAttempt.objects.get(pk=key)
        assert {name: getattr(found, name) for name in COLUMNS} == {name: getattr(attempt, name) for name in COLUMNS}


def test_a_day_without_a_midnight_begins_when_its_clocks_are_put_forward() -> None:
    """In Santiago, 5 September 2026 ended at 24:00, and 6 September began at 01:00."""
    with timezone.override("America/Santiago"):
        period = Period(date(2026, 9, 6), date(2026, 9, 6))
        assert period.since
        assert period.since.astimezone(UTC) == datetime(2026, 9, 6, 4, tzinfo=UTC)
        assert period.until.astimezone(UTC) == datetime(2026, 9, 7, 3, tzinfo=UTC)


def test_today_is_the_persons_own() -> None:
    """On Kiritimati, it is 14 hours ahead of UTC."""
    with timezone.override("Pacific/Kiritimati"):
        today = timezone.now().astimezone(ZoneInfo("Pacific/Kiritimati")).date()
        assert last_days(1) == Period(today, today)


def test_what_is_confirmed_days_later_counts_as_sent_on_the_day_it_came_into_doubt(owner: User, zone: ZoneInfo) -> None:
    attempt = at(delivered(factories.mailing(owner, 2), Status.UNCONFIRMED), MOMENTS[1])
    lifecycle.confirm_unconfirmed(attempt.mailing, owner)
    day = MOMENTS[1].astimezone(zone).date()
    assert [(day.sent, day.unconfirmed) for day in by_day(scope(Period(day, day)))] == [(2, 0)]


# Its version


def change(owner: User, attempt: MailingAttempt) -> Iterator[Any]:
    mailing = attempt.mailing
    yield "retried", lambda: again(attempt)
    yield "confirmed", lambda: lifecycle.confirm_unconfirmed(mailing, owner)
    yield "launched", lambda: lifecycle.launch(factories.mailing(owner), owner)
    yield "renamed", lambda: Mailing.objects.filter(pk=mailing.pk).update(name="Renamed", updated_at=timezone.now())
    yield "disabled", lambda: lifecycle.disable(mailing)
    yield "owner renamed", lambda: User.objects.filter(pk=owner.pk).update(full_name="Another Name")
    yield "log removed", lambda: pruning.prune_logs(timezone.now() + timedelta(days=1))


@pytest.mark.parametrize(
    "deed", ["retried", "confirmed", "launched", "renamed", "disabled", "owner renamed", "log removed"]
)
def test_whatever_changes_a_report_changes_its_version(owner: User, deed: str) -> None:
    attempt = delivered(factories.mailing(owner, 7), *OUTCOMES)
    always = scope(Period(None, timezone.localdate()))
    before = always.version()
    assert always.version() == before
    dict(change(owner, attempt))[deed]()
    assert always.version() != before


def test_no_tally_is_without_its_ledger(owner: User) -> None:
    """So that the recounts above have something to count."""
    a_varied_past(owner)
    assert Tally.objects.filter(attempt__dry_run=False).count() > len(MOMENTS)
