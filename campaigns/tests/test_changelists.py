"""The lists: what a row tells, how they are searched and filtered, and what stands in one that is empty."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, MailingLog, Message
from campaigns.models.attempt import Status
from campaigns.models.log import Status as LogStatus
from campaigns.reports import counts
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

LIBRARIES = ("procrastinate", "apscheduler", "authentication", "djangojob")


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def url(noun: str, **query: Any) -> str:
    return reverse(f"admin:campaigns_{noun}_changelist", query=query)


def page(client: Client, noun: str, **query: Any) -> str:
    return str(client.get(url(noun, **query), follow=True).content.decode())


def listed(client: Client, noun: str, **query: Any) -> list[Any]:
    return list(client.get(url(noun, **query)).context["cl"].result_list)


def attempt(mailing: Mailing, status: Status = Status.SUCCESS, **fields: Any) -> MailingAttempt:
    made: MailingAttempt = MailingAttempt.objects.create(
        mailing=mailing,
        status=status,
        finished_at=timezone.now(),
        **{"total": 20, "sent": 20, "subject": "News", "from_email": "a@b.c", **fields},
    )
    return made


def row(attempt: MailingAttempt, email: str, status: LogStatus = LogStatus.SENT) -> MailingLog:
    recipient = attempt.mailing.owner.recipients.filter(email=email).first()
    found = recipient or factories.recipient(attempt.mailing.owner, email)
    attention = status if status in MailingLog.ATTENTION else None
    made: MailingLog = MailingLog.objects.create(
        attempt=attempt, recipient=found, email=email, status=status, attention=attention
    )
    return made


# Rows


@pytest.mark.parametrize("noun", ["mailing", "mailingattempt", "mailinglog", "message", "recipient"])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(noun: str, operator: User, client: Client) -> None:
    def asked(rows: int) -> int:
        for _ in range(rows):
            made = attempt(factories.mailing(operator))
            row(made, f"r{made.pk}@example.com")
        with CaptureQueriesContext(connection) as queries:
            client.get(url(noun))
        return len(queries)

    few = asked(2)
    assert asked(6) == few


def test_a_mailing_shows_how_its_last_attempt_went(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    attempt(mailing, sent=1)
    attempt(mailing, Status.PARTIAL, total=2000, sent=1980, errors=20)
    assert "1,980 of 2,000 sent, 20 errors" in page(client, "mailing")


def test_a_mailing_shows_neither_dry_runs_nor_tests(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    attempt(mailing, total=7, sent=7)
    attempt(mailing, dry_run=True, total=8, sent=0, dry_runs=8)
    attempt(mailing, test=True, total=1, sent=1)
    shown = page(client, "mailing")
    assert "7 of 7 sent" in shown
    assert "composed" not in shown and "1 of 1 sent" not in shown


def test_an_attempt_shows_what_came_to_which_end(operator: User, client: Client) -> None:
    attempt(factories.mailing(operator), Status.PARTIAL, total=10, sent=6, errors=3, unconfirmed=1)
    shown = page(client, "mailingattempt")
    assert "6 of 10 sent, 3 errors, 1 unconfirmed" in shown
    assert '<rect class="autosend-danger" x="6" width="3" height="1">' in shown


def test_texts_are_not_read_for_a_list(operator: User, client: Client) -> None:
    attempt(factories.mailing(operator))
    with CaptureQueriesContext(connection) as queries:
        for noun in ("mailing", "mailingattempt", "mailinglog"):
            client.get(url(noun))
    assert not [query["sql"] for query in queries if 'body_html"' in query["sql"]]


# Counting


def test_no_more_is_counted_than_is_shown(operator: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST", 3)
    factories.recipients(operator, 5)
    with CaptureQueriesContext(connection) as queries:
        shown = page(client, "recipient")
    assert "More than 3 recipients" in shown
    counted = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counted and all("LIMIT 4" in sql for sql in counted)


def test_what_is_counted_in_full_is_told_in_full(operator: User, client: Client) -> None:
    factories.recipients(operator, 5)
    assert "5 recipients" in page(client, "recipient")


def test_who_selects_all_is_told_that_it_is_more_than_is_counted(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MOST", 51)
    factories.recipients(operator, 60)
    assert "Select all recipients, more than 51" in page(client, "recipient")


def test_a_page_behind_what_is_counted_leads_to_the_first(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MOST", 51)
    Message.objects.bulk_create(Message(owner=operator, subject="News", body="Hello!") for _ in range(160))
    assert "The first 51 messages. There are more" in page(client, "message")
    assert client.get(url("message", p=2)).status_code == 200
    assert client.get(url("message", p=3)).status_code == 302


# Filters


def test_only_who_sees_all_filters_by_owner(operator: User, client: Client) -> None:
    factories.mailing(operator)
    assert "owner__id__exact" not in page(client, "mailing")
    assert "owner__id__exact" in page(logged_in(factories.user(MANAGER)), "mailing")


def test_a_period_begins_with_a_day_of_the_persons_time_zone(operator: User) -> None:
    User.objects.filter(pk=operator.pk).update(time_zone="Pacific/Auckland")
    midnight = datetime.now(ZoneInfo("Pacific/Auckland")).replace(hour=0, minute=0, second=0, microsecond=0)
    for name, moment in (("before", midnight - timedelta(seconds=1)), ("today", midnight)):
        Mailing.objects.filter(pk=factories.mailing(operator, name=name).pk).update(created_at=moment)
    client = logged_in(User.objects.get(pk=operator.pk))
    assert [mailing.name for mailing in listed(client, "mailing", created_at_days=1)] == ["today"]
    assert len(listed(client, "mailing", created_at_days=7)) == 2


def test_an_unknown_period_filters_nothing(operator: User, client: Client) -> None:
    factories.mailing(operator)
    assert len(listed(client, "mailing", created_at_days="x")) == 1


@pytest.mark.parametrize(("kind", "shown"), [("real", 0), ("dry_run", 1), ("test", 2)])
def test_attempts_are_filtered_by_kind(kind: str, shown: int, operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    made = [attempt(mailing), attempt(mailing, dry_run=True), attempt(mailing, test=True)]
    assert listed(client, "mailingattempt", kind=kind) == [made[shown]]


# The ledger


def test_the_ledger_finds_a_whole_address(operator: User, client: Client) -> None:
    made = attempt(factories.mailing(operator))
    wanted = row(made, "Anna@example.com")
    row(made, "joanna@example.com")
    assert listed(client, "mailinglog", q="anna@EXAMPLE.com") == [wanted]


def test_the_ledger_finds_who_was_taken_out_of_the_audience(operator: User, client: Client) -> None:
    anna = factories.recipient(operator, "anna@example.com")
    mailing = factories.mailing(operator, [anna])
    wanted = row(attempt(mailing), anna.email)
    mailing.recipients.clear()
    assert listed(client, "mailinglog", q=anna.email) == [wanted]


def test_the_ledger_finds_part_of_an_address_within_an_attempt_only(operator: User, client: Client) -> None:
    made = attempt(factories.mailing(operator))
    wanted = row(made, "anna@example.com")
    assert listed(client, "mailinglog", q="ann") == []
    assert listed(client, "mailinglog", q="ann", attempt__id__exact=made.pk) == [wanted]


def test_the_ledger_finds_who_was_deleted_within_an_attempt(operator: User, client: Client) -> None:
    made = attempt(factories.mailing(operator))
    wanted = row(made, "anna@example.com")
    operator.recipients.filter(email="anna@example.com").delete()
    assert listed(client, "mailinglog", q="anna@example.com", attempt__id__exact=made.pk) == [wanted]


def test_the_ledger_does_not_tell_who_got_others_mail(client: Client) -> None:
    row(attempt(factories.mailing(factories.user(OPERATOR))), "anna@example.com")
    assert listed(client, "mailinglog", q="anna@example.com") == []


def test_a_manager_finds_an_address_in_everybodys_ledger(operator: User) -> None:
    rows = [row(attempt(factories.mailing(who)), "anna@example.com") for who in (operator, factories.user(OPERATOR))]
    assert listed(logged_in(factories.user(MANAGER)), "mailinglog", q="anna@example.com") == rows[::-1]


@pytest.mark.parametrize("status", [LogStatus.SENT, LogStatus.ERROR, LogStatus.CANCELLED])
def test_the_ledger_is_filtered_by_status(status: LogStatus, operator: User, client: Client) -> None:
    made = attempt(factories.mailing(operator), total=3, sent=1, errors=1, cancelled=1)
    rows = {of: row(made, f"{of}@example.com", of) for of in (LogStatus.SENT, LogStatus.ERROR, LogStatus.CANCELLED)}
    assert listed(client, "mailinglog", status__exact=int(status)) == [rows[status]]


def test_open_letters_are_found_in_what_is_under_way(operator: User, client: Client) -> None:
    lifecycle.launch(factories.mailing(operator, 3), operator)
    assert len(listed(client, "mailinglog", status__exact=0)) == 3


def test_a_test_letter_that_waits_is_found_among_the_deferred(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    made = lifecycle.send_test(mailing, operator, "me@example.com", mailing.recipients.get())
    made.logs.update(status=LogStatus.DEFERRED, attention=LogStatus.DEFERRED)
    assert listed(client, "mailinglog", status__exact=int(LogStatus.DEFERRED)) == list(made.logs.all())


def test_without_a_filter_the_ledger_shows_the_latest_attempts_that_fill_it(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.reports.counts.MOST", 30)
    monkeypatch.setattr("campaigns.admin.runs.log_list.BATCH", 1)
    rows = [row(attempt(factories.mailing(operator)), f"r{n}@example.com") for n in range(3)]
    assert listed(client, "mailinglog") == rows[:0:-1]


def test_the_ledger_of_a_mailing_is_that_of_its_attempts(operator: User, client: Client) -> None:
    rows = [row(attempt(factories.mailing(operator)), f"r{n}@example.com") for n in range(2)]
    mailing = rows[0].attempt.mailing_id
    assert listed(client, "mailinglog", attempt__mailing__id__exact=mailing) == rows[:1]


# Empty lists


@pytest.mark.parametrize(
    ("noun", "link"),
    [
        ("mailing", "/admin/campaigns/mailing/add/"),
        ("message", "/admin/campaigns/message/add/"),
        ("recipient", "/admin/campaigns/recipient/import/"),
        ("mailingattempt", "/admin/campaigns/mailing/"),
    ],
)
def test_an_empty_list_says_what_to_do_first(noun: str, link: str, client: Client) -> None:
    shown = page(client, noun)
    assert "Nothing here yet" in shown
    assert f'<a href="{link}"><span' in shown


def test_an_empty_list_offers_only_what_the_person_may_do() -> None:
    looker = factories.user()
    looker.user_permissions.add(*Permission.objects.filter(codename="view_mailing"))
    shown = page(logged_in(looker), "mailing")
    assert "Nothing here yet" in shown
    assert "/admin/campaigns/mailing/add/" not in shown


@pytest.mark.parametrize("query", [{"q": "nobody"}, {"status__exact": "paused"}, {"created_at_days": "1", "q": "x"}])
def test_a_list_in_which_nothing_matches_says_so(query: dict[str, str], operator: User, client: Client) -> None:
    factories.mailing(operator, name="Spring")
    shown = page(client, "mailing", **query)
    assert "Nothing found" in shown and "Nothing here yet" not in shown
    assert '<a href="?">' in shown


# Words


@pytest.mark.parametrize(
    "noun",
    [
        "auth_group",
        "django_apscheduler_djangojob",
        "django_apscheduler_djangojobexecution",
        "procrastinate_procrastinatejob",
        "procrastinate_procrastinateworker",
    ],
)
def test_no_heading_names_a_library(noun: str) -> None:
    shown = logged_in(factories.user(is_superuser=True)).get(reverse(f"admin:{noun}_changelist")).content.decode()
    words = [line for line in shown.lower().splitlines() if "href" not in line and "class=" not in line]
    assert not [line for line in words for library in LIBRARIES if library in line]


def test_the_mailing_log_is_called_so_as_in_the_sidebar(client: Client) -> None:
    shown = client.get(url("mailinglog"))
    assert shown.context["title"] == shown.context["list_name"] == "Mailing log"


def test_an_import_tells_in_words_what_became_of_its_rows(client: Client, operator: User) -> None:
    job = factories.import_job(operator)
    type(job).objects.filter(pk=job.pk).update(state="previewed", total=1200, added=1199, refused=1)
    assert "1,200 rows, 1,199 new, 1 refused" in page(client, "importjob")
