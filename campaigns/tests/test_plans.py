"""With a million rows in the ledger, whatever is asked of it is found by an index."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR, role
from campaigns.models import Chunk, Mailing, MailingAttempt, MailingLog
from campaigns.models.log import Status
from campaigns.reports import progress
from campaigns.sending import audience, jobs, ledger, resolution
from campaigns.sending.ledger import Entries, Lease, Settlement
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

# In one process of a parallel run, because each would build the million anew.
pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("a million rows")]

ROWS = 1_000_000
LEDGER = "campaigns_mailinglog"
BY_ID, BY_RECIPIENT, BY_ATTENTION = "campaigns_mailinglog_pkey", "log_one_row_per_recipient", "log_attention"


@dataclass(frozen=True)
class Million:
    owner: User
    others: User
    mailing: Mailing
    running: MailingAttempt
    ended: MailingAttempt
    chunk: Chunk


@pytest.fixture(scope="module")
def million(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Million]:
    """Fifty attempts of one mailing to 20,000 recipients, the last under way, among 20,000 that others have ended."""
    with django_db_blocker.unblock():
        owner, others = factories.user(), factories.user()
        mailing = factories.mailing(owner, 0)
        who = {"owner": owner.pk, "others": others.pk, "mailing": mailing.pk, "message": mailing.message_id}
        try:
            with connection.cursor() as cursor:
                for statement in FILL:
                    cursor.execute(statement, who)
            yield _made(owner, others, mailing)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE campaigns_message, campaigns_recipient CASCADE")
            User.objects.filter(pk__in=[owner.pk, others.pk]).delete()


FILL = [
    """INSERT INTO campaigns_recipient (owner_id, email, full_name, comment, attributes, created_at, updated_at)
       SELECT %(owner)s, 'user' || n || '@example.com', 'Person ' || n, '', '{}', now(), now()
       FROM generate_series(1, 20000) n""",
    """INSERT INTO campaigns_mailing_recipients (mailing_id, recipient_id)
       SELECT %(mailing)s, id FROM campaigns_recipient""",
    """INSERT INTO campaigns_mailing (owner_id, name, message_id, status, repetition, created_at, updated_at)
       SELECT %(others)s, 'Other ' || n, %(message)s, 'finished', 'once', now(), now()
       FROM generate_series(1, 20000) n""",
    """INSERT INTO campaigns_mailingattempt
           (mailing_id, key, dry_run, request_id, status, server_response, from_email, subject, body, body_html, total,
            sent, errors, skipped, unconfirmed, cancelled, dry_runs, expanded_at, created_at, finished_at)
       SELECT mailing, gen_random_uuid(), false, '-', CASE WHEN ended THEN 'partial' ELSE 'running' END, '',
              'news@example.com', 'News', 'Hello!', '', 20000, CASE WHEN ended THEN 19800 ELSE 0 END,
              CASE WHEN ended THEN 200 ELSE 0 END, 0, 0, 0, 0, now(), now(), CASE WHEN ended THEN now() END
       FROM (SELECT id AS mailing, true AS ended FROM campaigns_mailing WHERE id <> %(mailing)s
             UNION ALL SELECT %(mailing)s, n < 50 FROM generate_series(1, 50) n) launched""",
    """INSERT INTO campaigns_mailinglog (attempt_id, recipient_id, email, status, attention, detail, tries)
       SELECT a.id, r.id, r.email, s.status, CASE WHEN s.status IN (2, 4) THEN s.status END, '', 1
       FROM campaigns_mailingattempt a CROSS JOIN campaigns_recipient r
       CROSS JOIN LATERAL (SELECT CASE WHEN r.id %% 100 <> 0 THEN CASE WHEN a.status = 'running' THEN 0 ELSE 3 END
                                       WHEN a.status = 'running' THEN 2 ELSE 4 END AS status) s
       WHERE a.mailing_id = %(mailing)s ORDER BY a.id, r.id""",
    # Those of the one under way are small, so that many are open.
    """INSERT INTO campaigns_chunk (attempt_id, first_id, last_id, lease, closed_at)
       SELECT l.attempt_id, l.id, l.id + size - 1, 0, a.finished_at
       FROM (SELECT id, attempt_id, row_number() OVER (ORDER BY id) AS number FROM campaigns_mailinglog) l
       JOIN campaigns_mailingattempt a ON a.id = l.attempt_id
       CROSS JOIN LATERAL (SELECT CASE WHEN a.finished_at IS NULL THEN 10 ELSE 1000 END AS size) chunk
       WHERE l.number %% size = 1""",
    "VACUUM ANALYZE",
]


def _made(owner: User, others: User, mailing: Mailing) -> Million:
    assert MailingLog.objects.count() == ROWS
    running, ended = mailing.attempts.all()[:2]
    return Million(owner, others, mailing, running, ended, running.chunks.order_by("pk")[10])


@dataclass(frozen=True)
class Scan:
    """How a statement reads a table: all of it, or by an index, and with which condition on the index."""

    table: str
    node: str
    index: str = ""
    condition: str = ""


def scans_of(action: Callable[[], Any], table: str = LEDGER) -> list[Scan]:
    """How the statements that the action runs read the table."""
    plans: list[Any] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.strip("( \n").startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")):
            plans.append(_explained(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        action()
    return _scans(plans, table)


def scans_of_prepared(sql: str, params: dict[str, Any], table: str = LEDGER) -> list[Scan]:
    """How the statement reads the table once PostgreSQL plans it for any parameters, as for a prepared one it may."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", sql)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute("PREPARE plan AS " + numbered.replace("%%", "%"))
        plan = _explained(f"EXECUTE plan ({', '.join(['%s'] * len(names))})", [params[name] for name in names])
        cursor.execute("DEALLOCATE plan")
    return _scans([plan], table)


def _explained(sql: str, params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql, params)
        return cursor.fetchone()[0][0]["Plan"]


def _scans(plans: list[Any], table: str) -> list[Scan]:
    return [
        Scan(table, node["Node Type"], _index(node), node.get("Index Cond", node.get("Recheck Cond", "")))
        for plan in plans
        for node in _nodes(plan)
        if node.get("Relation Name") == table and "Scan" in node["Node Type"]
    ]


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _index(node: Any) -> str:
    if node["Node Type"] == "Bitmap Heap Scan":
        return " ".join(child["Index Name"] for child in _nodes(node) if "Index Name" in child)
    return str(node.get("Index Name", ""))


# What workers do


def test_the_rows_of_a_chunk_are_found_by_their_ids(million: Million) -> None:
    chunk = million.chunk
    which = {"attempt": chunk.attempt_id, "first": chunk.first_id, "last": chunk.last_id}
    assert_by_index(scans_of_prepared(ledger._READY, which), BY_ID)
    assert_by_index(scans_of_prepared(ledger._READY, which, "campaigns_recipient"), "campaigns_recipient_pkey")


def test_rows_are_marked_and_settled_by_their_ids(million: Million) -> None:
    lease = taken(million)
    sent = [Settlement(row, Status.SENT) for row in range(lease.first + 2, lease.last)]
    columns = ledger._columns({lease: Entries([lease.first], [lease.first + 1], sent)})
    assert_by_index(scans_of_prepared(ledger._WRITE, columns), BY_ID)
    assert_by_index(scans_of_prepared(ledger._WRITE, columns, "campaigns_chunk"), "campaigns_chunk_pkey")


def test_a_chunk_that_is_taken_over_finds_what_was_in_flight_by_the_ids(million: Million) -> None:
    lease = taken(million)
    ledger.write({lease: Entries(marks=[lease.first])})
    assert_by_index(scans_of(lambda: ledger.take(million.chunk.pk)), BY_ID)


def test_a_chunk_is_closed_by_the_ids_of_its_rows(million: Million) -> None:
    lease = taken(million)
    assert_by_index(scans_of(lambda: ledger.close(lease)), BY_ID)


def test_the_rest_of_a_cancelled_attempt_is_closed_by_the_ids_of_its_rows(million: Million) -> None:
    MailingAttempt.objects.filter(pk=million.running.pk).cancel()
    assert_by_index(scans_of(lambda: resolution._close_next(million.running.pk, 0)), BY_ID)


def test_open_chunks_without_a_job_are_found_by_their_attempt(million: Million) -> None:
    assert not scans_of(jobs._orphans)
    assert_by_index(scans_of(jobs._orphans, "campaigns_chunk"), "chunk_open")


def taken(million: Million) -> Lease:
    lease = ledger.take(million.chunk.pk)
    assert lease
    return lease


# Launching


@pytest.mark.parametrize("new_only", [False, True])
def test_a_slice_of_the_audience_is_found_by_its_bounds(million: Million, new_only: bool) -> None:
    expand = second_slice(million, new_only=new_only)
    by_place = "campaigns_mailing_recipi_mailing_id_recipient_id_015c1927_uniq"
    assert_by_index(scans_of(expand, "campaigns_mailing_recipients"), by_place)
    assert_by_index(scans_of(expand, "campaigns_recipient"), "campaigns_recipient_pkey", "recipient_once_per_owner")


def test_a_slice_of_new_recipients_looks_them_up_one_by_one(million: Million) -> None:
    assert_by_index(scans_of(second_slice(million, new_only=True)), BY_RECIPIENT)


def second_slice(million: Million, *, new_only: bool) -> Callable[[], Any]:
    attempt = MailingAttempt.objects.create(mailing=million.mailing, dry_run=True, new_only=new_only)
    among = [million.owner.pk, million.others.pk]
    audience.expand(attempt.pk, among, 5000, 1000)
    return lambda: audience.expand(attempt.pk, among, 5000, 1000)


def test_newcomers_are_looked_up_one_by_one(million: Million) -> None:
    assert_by_index(scans_of(lambda: audience.count_newcomers(million.mailing.pk)), BY_RECIPIENT)
    assert_by_index(scans_of(lambda: audience.has_newcomers(million.mailing.pk)), BY_RECIPIENT)


# The clock


def test_mailings_that_are_due_or_over_are_found_among_the_scheduled_ones(million: Million) -> None:
    now = timezone.now()
    assert indexes(scans_of(lambda: list(Mailing.objects.due(now)), "campaigns_mailing")) == {"mailing_due"}
    assert indexes(scans_of(lambda: list(Mailing.objects.overdue(now)), "campaigns_mailing")) == {"mailing_due"}


def test_attempts_that_are_over_are_found_among_the_unfinished_ones(million: Million) -> None:
    scans = scans_of(resolution.end_overdue, "campaigns_mailingattempt")
    assert indexes(scans) == {"attempt_one_at_a_time"}


# What people ask for


def test_progress_is_one_row_found_by_its_mailing(million: Million) -> None:
    def ask() -> None:
        progress.of_mailing(million.mailing)

    assert not scans_of(ask)
    assert_by_index(scans_of(ask, "campaigns_mailingattempt"), "attempt_one_at_a_time")


def test_what_failed_is_found_by_its_attention_and_opened_again(million: Million) -> None:
    MailingAttempt.objects.filter(pk=million.running.pk).update(finished_at=timezone.now())
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


def assert_by_index(scans: list[Scan], *indexes_: str) -> None:
    assert indexes(scans) == set(indexes_)
    assert all(scan.condition for scan in scans), scans


def indexes(scans: list[Scan]) -> set[str]:
    return {scan.index or scan.node for scan in scans}
