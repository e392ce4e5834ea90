"""With a million rows in the ledger, whatever is asked of it is found by an index."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR, role
from campaigns.audience import Audience
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.reports import domains, metrics, pace, period, progress, replies, sparkline, timeline
from campaigns.reports.failures import Failures
from campaigns.reports.scope import Scope
from campaigns.sending.ledger import audience, chunks, entries, resolution
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.queue import sweep
from campaigns.tests import factories
from campaigns.tests.million import Million, million_rows
from campaigns.tests.plans import assert_by_index, indexes, scans_of, scans_of_prepared
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

BY_ID, BY_RECIPIENT, BY_ATTENTION = "campaigns_mailinglog_pkey", "log_one_row_per_recipient", "log_attention"


@pytest.fixture(scope="module")
def million(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Million]:
    with django_db_blocker.unblock(), million_rows() as million:
        yield million


# What workers do


def test_the_rows_of_a_chunk_are_found_by_their_ids(million: Million) -> None:
    chunk = million.chunk
    which = {"attempt": chunk.attempt_id, "first": chunk.first_id, "last": chunk.last_id}
    assert_by_index(scans_of_prepared(chunks._READY, which), BY_ID)
    assert_by_index(scans_of_prepared(chunks._READY, which, "campaigns_recipient"), "campaigns_recipient_pkey")


def test_rows_are_marked_and_settled_by_their_ids(million: Million) -> None:
    lease = taken(million)
    sent = [Settlement(row, Status.SENT) for row in range(lease.first + 2, lease.last)]
    columns = entries._columns({lease: Entries([lease.first], [lease.first + 1], sent)})
    assert_by_index(scans_of_prepared(entries._WRITE, columns), BY_ID)


def test_a_chunk_that_is_taken_over_finds_what_was_in_flight_by_the_ids(million: Million) -> None:
    lease = taken(million)
    entries.write({lease: Entries(marks=[lease.first])})
    assert_by_index(scans_of(lambda: chunks.take(million.chunk.pk)), BY_ID)


def test_a_chunk_is_closed_by_the_ids_of_its_rows(million: Million) -> None:
    lease = taken(million)
    assert_by_index(scans_of(lambda: chunks.close(lease)), BY_ID)


def test_the_rest_of_a_cancelled_attempt_is_closed_by_the_ids_of_its_rows(million: Million) -> None:
    MailingAttempt.objects.filter(pk=million.running.pk).cancel()
    assert_by_index(scans_of(lambda: resolution._close_next(million.running.pk, 0)), BY_ID)


def test_open_chunks_without_a_job_are_found_by_their_attempt(million: Million) -> None:
    assert not scans_of(sweep._orphans)
    assert indexes(scans_of(sweep._orphans, "campaigns_chunk")) == {"chunk_open"}


def taken(million: Million) -> Lease:
    lease = chunks.take(million.chunk.pk)
    assert lease
    return lease


# Launching


@pytest.mark.parametrize("new_only", [False, True])
def test_a_slice_of_the_audience_is_found_by_its_bounds(million: Million, new_only: bool) -> None:
    expand = second_slice(million, new_only=new_only)
    # Either way only those of the slice are read.
    by_place = "campaigns_mailing_recipi_mailing_id_recipient_id_015c1927_uniq"
    by_recipient = "campaigns_mailing_recipients_recipient_id_f414612a"
    scans = scans_of(expand, "campaigns_mailing_recipients")
    assert indexes(scans) <= {by_place, by_recipient}
    assert all("recipient_id" in scan.condition for scan in scans)
    scans = scans_of(expand, "campaigns_recipient")
    assert indexes(scans) <= {"campaigns_recipient_pkey", "recipient_once_per_owner", "recipient_by_email"}
    assert all(scan.condition for scan in scans)


def test_a_slice_of_new_recipients_looks_them_up_one_by_one(million: Million) -> None:
    assert_by_index(scans_of(second_slice(million, new_only=True)), BY_RECIPIENT)


def second_slice(million: Million, *, new_only: bool) -> Callable[[], Any]:
    attempt = MailingAttempt.objects.create(mailing=million.mailing, dry_run=True, new_only=new_only)
    among = [million.owner.pk, million.others.pk]
    audience.expand(attempt.pk, among, 5000, 1000)
    return lambda: audience.expand(attempt.pk, among, 5000, 1000)


def test_a_slice_of_lists_and_a_filter_is_found_by_its_bounds(million: Million) -> None:
    """Each part by the index that knows its order, and those who are excluded or suppressed one by one."""
    attempt = MailingAttempt.objects.create(mailing=of_lists(million), dry_run=True)
    MailingAttempt.objects.filter(pk=attempt.pk).update(audience=Audience.of(attempt.mailing).frozen())
    among = [million.owner.pk, million.others.pk]
    audience.expand(attempt.pk, among, 5000, 1000)

    def expand() -> None:
        audience.expand(attempt.pk, among, 5000, 1000)

    members = scans_of(expand, "campaigns_membership")
    assert indexes(members) <= {"membership_once", BY_MEMBER}
    assert all("recipient_id" in scan.condition for scan in members), members
    people = scans_of(expand, "campaigns_recipient")
    bounded = {"campaigns_recipient_pkey", "recipient_list", "recipient_once_per_owner", "recipient_by_email"}
    assert indexes(people) <= bounded
    assert all(scan.condition for scan in people), people
    assert indexes(scans_of(expand, "campaigns_suppression")) == {"suppression_once"}


def test_the_members_of_a_list_are_found_by_the_list(million: Million) -> None:
    said = replace(Audience.of(of_lists(million)), excluded_lists=(), conditions=())
    for ask in (lambda: said.first(10), lambda: said.last(10), lambda: said.end_of_slice(5000, 10)):
        assert indexes(scans_of(ask, "campaigns_membership")) == {"membership_once"}


BY_MEMBER = "campaigns_membership_recipient_id_746f761b"


def of_lists(million: Million) -> Mailing:
    """A mailing to two of 20 lists and a filter, without two others, with 100,000 suppressed addresses."""
    lists = [factories.recipient_list(million.owner, 0) for _ in range(20)]
    conditions = [
        {"field": "email", "operator": "ends", "value": "7@example.com"},
        {"field": "list", "operator": "not_in", "value": lists[4].pk},
    ]
    mailing = factories.mailing(million.owner, 0, conditions=conditions)
    mailing.lists.set(lists[:2])
    mailing.excluded_lists.set(lists[2:4])
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, {"lists": [one.pk for one in lists], "owner": million.owner.pk})
    return mailing


MEMBERS = """
    INSERT INTO campaigns_membership (list_id, recipient_id)
    SELECT l, r.id FROM unnest(%(lists)s::bigint[]) WITH ORDINALITY AS of(l, place)
    JOIN campaigns_recipient r ON (r.id + place) %% 2 = 0 ORDER BY 1, 2;
    INSERT INTO campaigns_suppression (email, reason, source, owner_id, created_at)
    SELECT 'gone' || n || '@example.com', 'other', '', %(owner)s, now() FROM generate_series(1, 100000) n;
    ANALYZE campaigns_membership, campaigns_suppression"""


def test_newcomers_are_looked_up_one_by_one(million: Million) -> None:
    assert_by_index(scans_of(lambda: audience.count_letters(million.mailing.pk, new_only=True)), BY_RECIPIENT)
    assert_by_index(scans_of(lambda: audience.has_newcomers(million.mailing.pk)), BY_RECIPIENT)


# The clock


def test_mailings_that_are_due_or_over_are_found_among_the_scheduled_ones(million: Million) -> None:
    now = timezone.now()
    assert indexes(scans_of(lambda: list(Mailing.objects.due(now)), "campaigns_mailing")) == {"mailing_due"}
    assert indexes(scans_of(lambda: list(Mailing.objects.overdue(now)), "campaigns_mailing")) == {"mailing_due"}


def test_attempts_that_are_over_are_found_among_the_unfinished_ones(million: Million) -> None:
    scans = scans_of(resolution.end_overdue, "campaigns_mailingattempt")
    assert indexes(scans) == {"attempt_unfinished"}


# What people ask for


def test_progress_is_one_row_found_by_its_mailing(million: Million) -> None:
    def ask() -> None:
        progress.of_mailing(million.running.mailing)

    assert not scans_of(ask)
    assert_by_index(scans_of(ask, "campaigns_mailingattempt"), "attempt_one_at_a_time")


def test_the_failures_of_a_report_are_found_among_what_wants_a_person(million: Million) -> None:
    """And not from the first row of the ledger on, until there are 50."""
    found = Failures(Scope(million.mailing.attempts.all(), period.always()))
    assert found.count() == 25 * 200
    assert_by_index(scans_of(lambda: found[0:50]), BY_ATTENTION)


def test_the_course_of_a_run_is_found_by_its_attempt(million: Million) -> None:
    running = progress.of_attempt(million.running).attempt
    running.started_at = running.created_at
    with connection.cursor() as cursor:
        cursor.execute(TALLIES, {"running": running.pk, "ended": million.ended.pk})

    def ask() -> None:
        pace.of_attempt(running)
        sparkline.of_attempt(running)

    assert not scans_of(ask)
    scans = scans_of(ask, "campaigns_tally")
    assert scans
    assert all("attempt_id" in scan.condition for scan in scans), scans


TALLIES = """
    INSERT INTO campaigns_tally (attempt_id, minute)
    SELECT CASE WHEN n %% 50 = 0 THEN %(running)s ELSE %(ended)s END, now() - n * interval '1 minute'
    FROM generate_series(1, 100000) n;
    ANALYZE campaigns_tally"""


def test_figures_for_prometheus_count_rows_of_the_ledger_by_their_attention_alone(million: Million) -> None:
    scans = scans_of(lambda: list(metrics.Campaigns(2).collect()))
    assert_by_index(scans, BY_ATTENTION)


def test_errors_are_grouped_by_what_their_index_finds(million: Million) -> None:
    assert_by_index(scans_of(lambda: replies._grouped(million.ended)), BY_ATTENTION, BY_ID)


def test_the_domains_of_an_attempt_are_counted_by_its_rows_alone(million: Million) -> None:
    assert_by_index(scans_of(lambda: domains._counted(million.ended.pk)), BY_RECIPIENT)


def test_the_rows_with_a_reply_are_found_by_their_attention(million: Million) -> None:
    client = logged_in(with_role(million.owner, OPERATOR))
    asked = f"attempt__id__exact={million.ended.pk}&status__exact=4&reply=550+no"
    assert_by_index(scans_of(lambda: client.get(f"/admin/campaigns/mailinglog/?{asked}")), BY_ATTENTION)


def test_the_past_of_a_mailing_is_found_by_its_attempts(million: Million) -> None:
    scans = scans_of(lambda: list(timeline.of_mailing(million.mailing)[:10]), "campaigns_mailingattempt")
    assert_by_index(scans, "campaigns_mailingattempt_mailing_id_24a498a6", "campaigns_mailingattempt_pkey")


def test_what_failed_is_found_by_its_attention_and_opened_again(million: Million) -> None:
    assert_by_index(scans_of(lambda: resolution.reopen(million.ended.pk, Status.ERROR)), BY_ATTENTION)


def test_what_is_in_doubt_is_found_by_its_attention_and_confirmed(million: Million) -> None:
    assert_by_index(scans_of(lambda: resolution.confirm(million.ended.pk, "Taken.")), BY_ATTENTION)


@pytest.mark.parametrize("role_name", [OPERATOR, MANAGER])
@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ("attempt__id__exact={attempt}", BY_RECIPIENT),
        ("attempt__id__exact={attempt}&status__exact=3", BY_RECIPIENT),
        ("attempt__id__exact={attempt}&status__exact=4", BY_ATTENTION),
        ("attempt__id__exact={attempt}&status__exact=6", BY_ATTENTION),
        ("status__exact=4", BY_ATTENTION),
    ],
)
def test_the_list_of_the_ledger_is_filtered_by_an_index(
    million: Million, role_name: str, asked: str, index: str
) -> None:
    client = logged_in(with_role(million.owner, role_name))
    url = f"/admin/campaigns/mailinglog/?{asked.format(attempt=million.ended.pk)}"
    assert_by_index(scans_of(lambda: client.get(url)), index)


@pytest.mark.parametrize(
    ("role_name", "index"),
    [(OPERATOR, "campaigns_mailingattempt_mailing_id_24a498a6"), (MANAGER, "campaigns_mailingattempt_pkey")],
)
def test_the_list_of_the_attempts_is_read_by_an_index(million: Million, role_name: str, index: str) -> None:
    client = logged_in(with_role(million.owner, role_name))
    assert index in indexes(
        scans_of(lambda: client.get("/admin/campaigns/mailingattempt/"), "campaigns_mailingattempt")
    )


@pytest.mark.parametrize("page", ["/admin/", "/admin/campaigns/mailing/", "/admin/campaigns/mailing/{mailing}/change/"])
def test_pages_that_show_only_counters_do_not_read_the_ledger(million: Million, page: str) -> None:
    client = logged_in(with_role(million.owner, OPERATOR))
    assert not scans_of(lambda: client.get(page.format(mailing=million.mailing.pk)))


def with_role(user: User, name: str) -> User:
    user.groups.add(role(name))
    return user
