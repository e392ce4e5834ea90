"""With a million rows in the ledger, whatever is asked of it is found by an index."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import Chunk, Mailing, MailingAttempt, MailingLog
from campaigns.models.log import Status
from campaigns.reports import progress
from campaigns.sending import audience, jobs, ledger, resolution
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

# In one process of a parallel run, because each would build the million anew.
pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("a million rows")]

ATTEMPTS, ROWS = 20, 50_000
LEDGER = "campaigns_mailinglog"
BY_ID, BY_RECIPIENT, BY_ATTENTION = "campaigns_mailinglog_pkey", "log_one_row_per_recipient", "log_attention"
TABLES = ("campaigns_chunk", LEDGER, "campaigns_mailingattempt", "campaigns_mailing", "campaigns_message")


@dataclass(frozen=True)
class Million:
    owner: User
    mailing: Mailing
    running: MailingAttempt
    ended: MailingAttempt
    chunk: Chunk


@pytest.fixture(scope="module")
def million(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Million]:
    """Ten attempts of one mailing to 100,000 recipients, the last under way, among 20,000 others that have ended."""
    with django_db_blocker.unblock():
        owner = factories.user(OPERATOR, email="owner@million.example")
        mailing = factories.mailing(owner, 0, name="To a hundred thousand")
        try:
            with connection.cursor() as cursor:
                import time
                for statement in FILL:
                    t = time.time()
                    cursor.execute(statement, {"owner": owner.pk, "mailing": mailing.pk, "message": mailing.message_id}); print(statement[:40], time.time()-t)
            yield _made(owner, mailing)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {', '.join((*TABLES, 'campaigns_recipient'))} CASCADE")
            owner.delete()


FILL = [
    """INSERT INTO campaigns_recipient (owner_id, email, full_name, comment, attributes, created_at, updated_at)
       SELECT %(owner)s, 'user' || n || '@example.com', 'Person ' || n, '', '{}', now(), now()
       FROM generate_series(1, 50000) n""",
    """INSERT INTO campaigns_mailing_recipients (mailing_id, recipient_id)
       SELECT %(mailing)s, id FROM campaigns_recipient""",
    """INSERT INTO campaigns_mailing (owner_id, name, message_id, status, repetition, created_at, updated_at)
       SELECT %(owner)s, 'Other ' || n, %(message)s, 'finished', 'once', now(), now() FROM generate_series(1, 20000) n""",
    """INSERT INTO campaigns_mailingattempt
           (mailing_id, key, dry_run, request_id, status, server_response, from_email, subject, body, body_html, total,
            sent, errors, skipped, unconfirmed, cancelled, dry_runs, expanded_at, created_at, finished_at)
       SELECT id, gen_random_uuid(), false, '-', 'success', '', 'news@example.com', 'News', 'Hello!', '', 0,
              0, 0, 0, 0, 0, 0, now(), now(), now()
       FROM campaigns_mailing WHERE id <> %(mailing)s""",
    """INSERT INTO campaigns_mailingattempt
           (mailing_id, key, dry_run, request_id, status, server_response, from_email, subject, body, body_html, total,
            sent, errors, skipped, unconfirmed, cancelled, dry_runs, expanded_at, created_at, finished_at)
       SELECT %(mailing)s, gen_random_uuid(), false, '-', CASE WHEN n < 20 THEN 'partial' ELSE 'running' END, '',
              'news@example.com', 'News', 'Hello!', '', 50000, CASE WHEN n < 20 THEN 49500 ELSE 0 END,
              CASE WHEN n < 20 THEN 500 ELSE 0 END, 0, 0, 0, 0, now(), now(), CASE WHEN n < 20 THEN now() END
       FROM generate_series(1, 20) n""",
    """INSERT INTO campaigns_mailinglog (attempt_id, recipient_id, email, status, attention, detail, tries)
       SELECT a.id, r.id, r.email, s.status, CASE WHEN s.status IN (2, 4) THEN s.status END, '', 1
       FROM campaigns_mailingattempt a CROSS JOIN campaigns_recipient r
       CROSS JOIN LATERAL (SELECT CASE WHEN r.id %% 100 <> 0 THEN CASE WHEN a.status = 'running' THEN 0 ELSE 3 END
                                       WHEN a.status = 'running' THEN 2 ELSE 4 END AS status) s
       WHERE a.mailing_id = %(mailing)s ORDER BY a.id, r.id""",
    """INSERT INTO campaigns_chunk (attempt_id, first_id, last_id, lease, closed_at)
       SELECT l.attempt_id, l.id, l.id + 999, 0, a.finished_at
       FROM (SELECT id, attempt_id, row_number() OVER (ORDER BY id) AS number FROM campaigns_mailinglog) l
       JOIN campaigns_mailingattempt a ON a.id = l.attempt_id WHERE l.number %% 1000 = 1""",
    "VACUUM ANALYZE",
]


def _made(owner: User, mailing: Mailing) -> Million:
    ended, running = mailing.attempts.filter(finished_at__isnull=False).first(), mailing.attempts.get(finished_at=None)
    chunk = running.chunks.order_by("pk")[50]
    assert MailingLog.objects.count() == ATTEMPTS * ROWS
    return Million(owner, mailing, running, ended, chunk)


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


def scans_of_prepared(sql: str, table: str = LEDGER, **params: Any) -> list[Scan]:
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


def test_probe(million: Million) -> None:
    import time
    m = million
    def show(name, f, table=LEDGER):
        t = time.time()
        try:
            r = f()
        except Exception as e:
            r = repr(e)[:300]
        print(f"--- {name} {time.time()-t:.2f}s"); [print("     ", x) for x in (r if isinstance(r, list) else [r])]
    from django.db import transaction
    def undone(f):
        def g():
            with transaction.atomic():
                f(); transaction.set_rollback(True)
        return g
    lease = ledger.take(m.chunk.pk)
    show("take", lambda: scans_of(undone(lambda: ledger.take(m.chunk.pk))))
    which = {"attempt": lease.attempt, "first": lease.first, "last": lease.last}
    show("ready", lambda: scans_of_prepared(ledger._READY, **which))
    show("ready rec", lambda: scans_of_prepared(ledger._READY, "campaigns_recipient", **which))
    entries = {lease: ledger.Entries([lease.first], [lease.first+1], [ledger.Settlement(r, Status.SENT) for r in range(lease.first+2, lease.last)])}
    show("write", lambda: scans_of_prepared(ledger._WRITE, **ledger._columns(entries)))
    show("close", lambda: scans_of(undone(lambda: ledger.close(lease))))
    MailingAttempt.objects.filter(pk=m.running.pk).update(status="cancelled")
    show("close cancelled", lambda: scans_of(undone(lambda: ledger.close(lease))))
    show("close_cancelled", lambda: scans_of(undone(lambda: resolution._close_next(m.running.pk, 0)))[:8])
    MailingAttempt.objects.filter(pk=m.running.pk).update(status="running")
    show("progress", lambda: scans_of(lambda: progress.of_mailing(m.mailing), "campaigns_mailingattempt"))
    MailingAttempt.objects.filter(pk=m.running.pk).update(finished_at=timezone.now())
    show("reopen chunk", lambda: scans_of(undone(lambda: resolution.reopen(m.ended.pk, Status.ERROR)), "campaigns_chunk"))
    show("reopen", lambda: scans_of(undone(lambda: resolution.reopen(m.ended.pk, Status.ERROR))))
    show("confirm", lambda: scans_of(undone(lambda: resolution.confirm(m.ended.pk, "x"))))
    show("count attention", lambda: scans_of(lambda: m.ended.logs.filter(attention=Status.ERROR).count()))
    show("orphans", lambda: scans_of(jobs._orphans))
    show("orphans chunk", lambda: scans_of(jobs._orphans, "campaigns_chunk"))
    show("overdue", lambda: scans_of(lambda: list(MailingAttempt.objects.overdue()), "campaigns_mailingattempt"))
    show("unfinished", lambda: scans_of(lambda: list(MailingAttempt.objects.unfinished()), "campaigns_mailingattempt"))
    show("due", lambda: scans_of(lambda: list(Mailing.objects.due(timezone.now())), "campaigns_mailing"))
    show("overdue mailing", lambda: scans_of(lambda: list(Mailing.objects.overdue(timezone.now())), "campaigns_mailing"))
    show("count new", lambda: scans_of(lambda: audience.count_newcomers(m.mailing.pk)))
    show("has new", lambda: scans_of(lambda: audience.has_newcomers(m.mailing.pk)))
    new = MailingAttempt.objects.create(mailing=m.mailing, new_only=True, dry_run=True, from_email="a@b.c")
    show("expand new", lambda: scans_of(lambda: audience.expand(new.pk, [1,2], 20000, 1000)))
    show("expand new m2m", lambda: scans_of(lambda: audience.expand(new.pk, [1,2], 20000, 1000), "campaigns_mailing_recipients"))
    for who, u in (("manager", factories.user(MANAGER)), ("owner", m.owner)):
        c = logged_in(u)
        for q in ("", f"attempt__id__exact={m.ended.pk}", f"attempt__id__exact={m.ended.pk}&status__exact=4", f"attempt__id__exact={m.ended.pk}&status__exact=3", "status__exact=4", "attempt__mailing__id__exact=%s" % m.mailing.pk, "q=user77@"):
            show(f"{who} logs {q}", lambda: scans_of(lambda: c.get("/admin/campaigns/mailinglog/?" + q)))
        show(f"{who} attempts", lambda: scans_of(lambda: c.get("/admin/campaigns/mailingattempt/"), "campaigns_mailingattempt"))
        show(f"{who} mailing", lambda: scans_of(lambda: c.get(f"/admin/campaigns/mailing/{m.mailing.pk}/change/")))
        show(f"{who} mailings", lambda: scans_of(lambda: c.get("/admin/campaigns/mailing/")))
        show(f"{who} dashboard", lambda: scans_of(lambda: c.get("/admin/")))
