"""A ledger of a million rows, made in a few seconds by the database itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from accounts.models import User
from campaigns.models import Chunk, Mailing, MailingAttempt, MailingLog
from campaigns.tests import factories


@dataclass(frozen=True)
class Million:
    """`mailing` has ended attempts, and `running` is one of another mailing; `chunk` is in the middle of it."""

    owner: User
    others: User
    mailing: Mailing
    ended: MailingAttempt
    running: MailingAttempt
    chunk: Chunk


@contextmanager
def million_rows(*, analyzed: bool = False) -> Iterator[Million]:
    """25 attempts of one mailing to 20,000 recipients, and one of another mailing to 500,000, among 20,000 others.

    The large one is under way, and so new that the planner's statistics do not know of its rows, unless `analyzed`.
    """
    owner, others = factories.user(), factories.user()
    mailing, large = factories.mailing(owner, 0), factories.mailing(owner, 0)
    running = MailingAttempt.objects.create(mailing=large, status=MailingAttempt.Status.RUNNING, total=500_000)
    who = {"owner": owner.pk, "others": others.pk, "mailing": mailing.pk, "message": mailing.message_id}
    try:
        with connection.cursor() as cursor:
            for statement in (*BY_ITSELF, *PEOPLE, *ENDED, "VACUUM ANALYZE", *RUNNING, *["ANALYZE"] * analyzed):
                cursor.execute(statement, {**who, "running": running.pk})
        assert MailingLog.objects.count() == 1_000_000
        chunk = running.chunks.order_by("pk")[250]
        yield Million(owner, others, mailing, mailing.attempts.latest("pk"), running, chunk)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE campaigns_message, campaigns_recipient CASCADE")
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
        User.objects.filter(pk__in=[owner.pk, others.pk]).delete()


TABLES = ("campaigns_mailinglog", "campaigns_mailingattempt", "campaigns_recipient", "campaigns_chunk")
# On a slow machine the autovacuum would look at the tables between two tests.
BY_ITSELF = [f"ALTER TABLE {table} SET (autovacuum_enabled = off)" for table in TABLES]
PEOPLE = [
    """INSERT INTO campaigns_recipient (owner_id, email, full_name, comment, attributes, created_at, updated_at)
       SELECT %(owner)s, 'user' || n || '@example.com', 'Person ' || n, '', '{}', now(), now()
       FROM generate_series(1, 20000) n""",
    """INSERT INTO campaigns_mailing_recipients (mailing_id, recipient_id)
       SELECT %(mailing)s, id FROM campaigns_recipient""",
    """INSERT INTO campaigns_mailing (owner_id, name, message_id, status, repetition, created_at, updated_at)
       SELECT %(others)s, 'Other ' || n, %(message)s, 'finished', 'once', now(), now()
       FROM generate_series(1, 20000) n""",
]
ENDED = [
    """INSERT INTO campaigns_mailingattempt
           (mailing_id, key, dry_run, request_id, status, server_response, from_email, subject, body, body_html, total,
            sent, errors, skipped, unconfirmed, cancelled, dry_runs, expanded_at, created_at, finished_at)
       SELECT id, gen_random_uuid(), false, '-', 'partial', '', 'news@example.com', 'News', 'Hello!', '', 20000,
              19800, 200, 0, 0, 0, 0, now(), now(), now()
       FROM campaigns_mailing m, generate_series(1, CASE WHEN m.id = %(mailing)s THEN 25 ELSE 1 END)
       WHERE owner_id = %(others)s OR m.id = %(mailing)s""",
    """INSERT INTO campaigns_mailinglog (attempt_id, recipient_id, email, status, attention, detail, tries)
       SELECT a.id, r.id, r.email, s.status, nullif(s.status, 3), '', 1
       FROM campaigns_mailingattempt a CROSS JOIN campaigns_recipient r
       CROSS JOIN LATERAL (SELECT CASE WHEN r.id %% 100 = 0 THEN 4 ELSE 3 END AS status) s
       WHERE a.mailing_id = %(mailing)s ORDER BY a.id, r.id""",
    """INSERT INTO campaigns_chunk (attempt_id, first_id, last_id, lease, closed_at)
       SELECT attempt_id, id, id + 999, 1, now()
       FROM (SELECT id, attempt_id, row_number() OVER (ORDER BY id) AS number FROM campaigns_mailinglog) l
       WHERE number %% 1000 = 1""",
]
RUNNING = [
    """INSERT INTO campaigns_mailinglog (attempt_id, recipient_id, email, status, attention, detail, tries)
       SELECT %(running)s, n, 'user' || n || '@example.com', s.status, nullif(s.status, 0), '', 0
       FROM generate_series(1, 500000) n
       CROSS JOIN LATERAL (SELECT CASE WHEN n %% 100 = 0 THEN 2 ELSE 0 END AS status) s ORDER BY n""",
    """INSERT INTO campaigns_chunk (attempt_id, first_id, last_id, lease)
       SELECT %(running)s, first, first + 999, 0
       FROM (SELECT min(id) AS id FROM campaigns_mailinglog WHERE attempt_id = %(running)s) l,
            generate_series(l.id, l.id + 499999, 1000) AS first""",
]
