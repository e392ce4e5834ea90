"""The mailing log of long ago is removed, and every report stays as it was."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from campaigns import lifecycle, scheduler
from campaigns.lifecycle import pruning
from campaigns.models import Chunk, MailingAttempt, MailingLog
from campaigns.models.log import Status
from campaigns.reports import figures, rollups
from campaigns.reports.days import by_day
from campaigns.reports.failures import Failures
from campaigns.reports.period import Period
from campaigns.reports.scope import Scope
from campaigns.sending.ledger import pruning as ledger
from campaigns.tests import factories
from campaigns.tests.scene import logged_in
from campaigns.tests.test_statistics import delivered

pytestmark = pytest.mark.django_db

OUTCOMES = (Status.SENT, Status.ERROR, Status.UNCONFIRMED)
YEAR = timedelta(days=365)


@pytest.fixture
def owner() -> User:
    return factories.user()


def long_ago(owner: User, *outcomes: Status, **fields: Any) -> MailingAttempt:
    attempt = delivered(factories.mailing(owner, 7, **fields), *(outcomes or OUTCOMES))
    MailingAttempt.objects.filter(pk=attempt.pk).update(finished_at=timezone.now() - 2 * YEAR)
    return attempt


def prune() -> pruning.Pruned:
    return pruning.prune_logs(timezone.now() - YEAR)


def all_reports() -> Any:
    always = Scope(MailingAttempt.objects.real(), Period(None, timezone.localdate()))
    week = always.within(Period(timezone.localdate() - timedelta(days=7), timezone.localdate()))
    return (
        figures.by_mailing(always),
        figures.by_attempt(always),
        by_day(week),
        rollups.domains(always),
        rollups.replies(always),
    )


def test_old_rows_go_and_new_ones_stay(owner: User) -> None:
    old, new = long_ago(owner), delivered(factories.mailing(owner, 5), Status.SENT)
    assert prune() == (1, 7)
    assert set(MailingLog.objects.values_list("attempt", flat=True)) == {new.pk}
    assert not Chunk.objects.filter(attempt=old).exists()


@pytest.mark.parametrize("rolled_up", [False, True])
def test_the_reports_stay_as_they_were(owner: User, rolled_up: bool) -> None:
    long_ago(owner)
    long_ago(owner, Status.SENT)
    if rolled_up:
        rollups.write_missing()
    before = all_reports()
    prune()
    rollups.write_missing()
    assert not MailingLog.objects.exists()
    assert all_reports() == before


def test_a_change_after_the_roll_up_is_in_what_stays(owner: User) -> None:
    attempt = long_ago(owner)
    rollups.write_missing()
    lifecycle.confirm_unconfirmed(attempt.mailing, owner)
    before = all_reports()
    prune()
    assert all_reports() == before


def test_rows_are_removed_in_batches(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BATCH_ROWS", 3)
    long_ago(owner)
    assert prune().rows == 7


def test_an_interrupted_one_goes_on(owner: User) -> None:
    attempt = long_ago(owner)
    assert ledger.mark(attempt.pk)
    assert prune() == (0, 0)
    assert not MailingLog.objects.exists()


def test_twice_removes_once(owner: User) -> None:
    long_ago(owner)
    assert (prune().rows, prune().rows) == (7, 0)


def test_a_mailing_that_is_under_way_waits(owner: User) -> None:
    attempt = long_ago(owner)
    lifecycle.launch(attempt.mailing, owner, new_only=False)
    assert prune() == (0, 0)
    assert attempt.logs.count() == 7


@pytest.mark.parametrize("verb", ["retry_failed", "resend_unconfirmed", "confirm_unconfirmed"])
def test_nothing_is_decided_about_letters_that_are_not_known_any_more(owner: User, verb: str) -> None:
    attempt = long_ago(owner)
    prune()
    by = (owner,) if verb == "confirm_unconfirmed" else ()
    with pytest.raises(lifecycle.NotNow, match="log of the last attempt"):
        getattr(lifecycle, verb)(attempt.mailing, *by)
    attempt.refresh_from_db()
    assert (attempt.errors, attempt.unconfirmed) == (2, 2)


def test_nobody_is_new_when_it_is_not_known_who_got_it(owner: User) -> None:
    """Else they would get it twice."""
    attempt = long_ago(owner)
    prune()
    attempt.mailing.refresh_from_db()
    with pytest.raises(lifecycle.NotNow, match="has been removed"):
        lifecycle.launch(attempt.mailing, owner, new_only=True)
    assert attempt.mailing.attempts.count() == 1


def test_failures_are_those_that_are_still_known(owner: User) -> None:
    long_ago(owner)
    prune()
    known = delivered(factories.mailing(owner, 2), Status.ERROR)
    found = Failures(Scope(MailingAttempt.objects.real(), Period(None, timezone.localdate())))
    assert {one.attempt for one in found[0:9]} == {known.pk}
    assert (found.count(), found.pruned) == (2, 4)


@pytest.mark.parametrize("test", [False, True])
def test_the_page_of_an_attempt_says_that_its_log_is_gone(owner: User, test: bool) -> None:
    attempt = long_ago(owner)
    MailingAttempt.objects.filter(pk=attempt.pk).update(test=test)
    prune()
    client, address = logged_in(factories.user(is_superuser=True)), f"/admin/campaigns/mailingattempt/{attempt.pk}/"
    text = client.get(f"{address}change/").content.decode()
    assert "to save room; the figures stay." in text
    trouble = client.get(f"{address}trouble/").content.decode()
    assert "which letters failed is not known any more" in trouble
    assert "No letter has failed" not in trouble


# By command, and by the clock


def test_a_dry_run_only_tells(owner: User, capsys: pytest.CaptureFixture[str]) -> None:
    long_ago(owner)
    call_command("prune_logs", "--older-than", "365d", "--dry-run")
    assert "1 attempts: 7 rows" in capsys.readouterr().out
    assert MailingLog.objects.count() == 7


def test_the_command_tells_what_it_removed(owner: User, capsys: pytest.CaptureFixture[str]) -> None:
    long_ago(owner)
    call_command("prune_logs", "--older-than", "365")
    assert "Removed the log of 1 attempts: 7 rows" in capsys.readouterr().out
    assert not MailingLog.objects.exists()


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1y", "1e3", "999999"])
def test_days_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(CommandError, match="number of days"):
        call_command("prune_logs", f"--older-than={text}")


@pytest.mark.parametrize(("days", "left"), [(0, 7), (365, 0), (1000, 7)])
def test_the_clock_removes_what_the_settings_say(owner: User, settings: Settings, days: int, left: int) -> None:
    settings.LOG_RETENTION_DAYS = days
    long_ago(owner)
    pruning_job: Any = scheduler.prune_logs
    pruning_job.__wrapped__()
    assert MailingLog.objects.count() == left
