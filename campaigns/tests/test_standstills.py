"""Attempts that make no progress are told about by mail, once; what rightly waits is not."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.lifecycle import standstills
from campaigns.models import AttemptWatch, DomainSlowdown, MailingAttempt, SendingLimit
from campaigns.sending.ledger import moves
from campaigns.tests import factories
from campaigns.tests.plans import indexes, scans_of

pytestmark = pytest.mark.django_db

OWNER, ADMIN = "owner@office.example", "admin@office.example"


@pytest.fixture(autouse=True)
def _admins(settings: Settings) -> None:
    settings.ADMINS = [ADMIN]


def launched(audience: int = 2, **fields: Any) -> MailingAttempt:
    owner = factories.user(email=f"{fields.pop('owner', 'owner')}@office.example")
    attempt = lifecycle.launch(factories.mailing(owner, audience, name="Spring\nsale"), owner, **fields)
    MailingAttempt.objects.filter(pk=attempt.pk).update(status="running", started_at=timezone.now())
    return attempt


def look(minutes: int = 0) -> int:
    """A look by the clock, so many minutes after the one before."""
    AttemptWatch.objects.update(since=timezone.now() - timedelta(minutes=minutes))
    return standstills.tell()


def do(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def a_worker_lives() -> None:
    do("INSERT INTO procrastinate_workers DEFAULT VALUES")


def plan_for_later(jobs: int = 1000) -> None:
    do(f"""UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 h'
           WHERE id IN (SELECT id FROM procrastinate_jobs ORDER BY id LIMIT {jobs})""")  # noqa: S608


def test_owner_and_administrators_are_told_where_it_stands() -> None:
    attempt = launched()
    look()
    assert (look(minutes=14), len(mail.outbox)) == (0, 0)
    assert look(minutes=15) == 1
    (told,) = mail.outbox
    assert told.to == [OWNER, ADMIN]
    assert told.subject == "“Spring sale” makes no progress"
    assert f"Attempt {attempt.pk} of" in told.body
    assert "no progress for 15 minutes: 0 of 2 are done." in told.body
    assert "No worker is alive" in told.body


def test_a_standstill_is_told_once() -> None:
    launched()
    look()
    assert [look(minutes=15), look(minutes=60)] == [1, 0]


def test_after_progress_a_new_standstill_is_told() -> None:
    attempt = launched()
    look()
    look(minutes=15)
    MailingAttempt.objects.filter(pk=attempt.pk).update(sent=1)
    assert [look(minutes=15), look(minutes=15)] == [0, 1]
    assert "1 of 2 are done" in mail.outbox[-1].body


def test_what_moves_is_not_told() -> None:
    attempt = launched()
    look()
    MailingAttempt.objects.filter(pk=attempt.pk).update(sent=1)
    assert look(minutes=15) == 0


def test_what_is_paused_is_not_told_and_has_its_time_anew_when_it_goes_on() -> None:
    attempt = launched()
    look()
    moves.pause(attempt.pk, "Paused by hand.")
    assert look(minutes=60) == 0
    lifecycle.resume(attempt.mailing)
    assert [look(), look(minutes=15)] == [0, 1]


def test_letters_that_are_tried_again_later_are_no_standstill() -> None:
    launched()
    look()
    plan_for_later()
    assert look(minutes=60) == 0


def test_a_chunk_without_its_worker_is_one_also_beside_letters_that_are_tried_again_later(settings: Settings) -> None:
    settings.SENDING_CHUNK_ROWS = 1
    launched()
    plan_for_later(jobs=1)
    look()
    assert look(minutes=15) == 1


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("what", ["limit", "slow-down"])
def test_what_limits_hold_back_is_none_while_a_worker_lives(settings: Settings, what: str, alive: bool) -> None:
    settings.SENDING_CHUNK_ROWS = 1
    launched()
    plan_for_later(jobs=1)
    if what == "limit":
        SendingLimit.objects.create(maximum=1, unit=SendingLimit.Unit.HOUR)
    else:
        now = timezone.now()
        DomainSlowdown.objects.create(domain="example.com", until=now + timedelta(hours=1), step=1, updated_at=now)
    if alive:
        a_worker_lives()
    look()
    assert look(minutes=15) == (0 if alive else 1)


def test_a_launch_that_can_still_be_undone_is_none() -> None:
    lifecycle.launch(factories.mailing(), None, undo_seconds=3600)
    look()
    assert look(minutes=60) == 0


def test_it_is_told_that_workers_are_alive() -> None:
    launched()
    a_worker_lives()
    look()
    look(minutes=15)
    assert "Workers are alive" in mail.outbox[0].body


def test_an_owner_who_has_left_is_not_written_to() -> None:
    launched().mailing.owner.__class__.objects.filter(email=OWNER).update(is_active=False)
    look()
    look(minutes=15)
    assert mail.outbox[0].to == [ADMIN]


def test_a_mail_that_can_not_be_sent_is_logged_and_holds_up_no_other(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.MAILERS = {
        "default": {"BACKEND": settings.SMTP_BACKEND, "OPTIONS": {"host": "127.0.0.1", "port": 1, "timeout": 2}}
    }
    launched(owner="ann")
    launched(owner="bob")
    look()
    assert look(minutes=15) == 2
    assert caplog.text.count("Nobody could be told") == 2


@pytest.mark.parametrize(("name", "value"), [("STUCK_ATTEMPT_MINUTES", 0), ("SENDING_ENABLED", False)])
def test_it_can_be_switched_off_and_a_silent_copy_tells_nothing(settings: Settings, name: str, value: Any) -> None:
    launched()
    look()
    setattr(settings, name, value)
    assert look(minutes=60) == 0


def test_attempts_under_way_are_found_by_their_index() -> None:
    do("SET LOCAL enable_seqscan = off")
    assert indexes(scans_of(standstills._look, "campaigns_mailingattempt")) == {"attempt_unfinished"}
