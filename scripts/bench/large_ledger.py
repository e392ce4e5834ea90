"""A ledger of attempts to 20,000 recipients each, spread over 300 days, and the ways to a report of it."""

from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from accounts.roles import MANAGER
from backoffice import answers
from campaigns.admin.reports.view import MOST_BARS
from campaigns.models import Mailing, MailingAttempt
from campaigns.reports import days, figures, period, rollups
from campaigns.reports.scope import Scope
from campaigns.tests import factories

STATISTICS, MINE = "/mailings/stats/", "/mailings/reports/"
RECIPIENTS = 20_000
PLAIN = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}

ATTEMPTS = """
INSERT INTO campaigns_mailingattempt
    (mailing_id, key, dry_run, request_id, status, server_response, from_email, subject, body, body_html, total,
     sent, errors, skipped, unconfirmed, cancelled, dry_runs, expanded_at, created_at, started_at, finished_at)
SELECT m.id, gen_random_uuid(), false, '-', 'partial', '', 'news@example.com', 'News', 'Hello!', '', 20000,
       19800, 200, 0, 0, 0, 0, now(), t, t, t + interval '1 hour'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM campaigns_mailing) m
CROSS JOIN generate_series(1, 10) n
CROSS JOIN LATERAL (SELECT now() - ((m.number * 10 + n) %% 300 + 1) * interval '1 day' AS t) at
"""
# Letters to some 500 domains, most of them to a few; a hundredth failed, with one of seven replies.
LEDGER = """
INSERT INTO campaigns_mailinglog
    (attempt_id, recipient_id, email, status, attention, detail, tries, settled_at)
SELECT a.id, n, 'user' || n || '@domain' || (n * n %% 997) %% (1 + n %% 500) || '.example',
       CASE WHEN n %% 100 = 0 THEN 4 ELSE 3 END, CASE WHEN n %% 100 = 0 THEN 4 END,
       CASE WHEN n %% 100 = 0 THEN '550 5.1.' || n / 100 %% 7 || ' No such user: user' || n || '@a.example' ELSE '' END,
       1, a.created_at + n * interval '0.15 second'
FROM campaigns_mailingattempt a CROSS JOIN generate_series(1, 20000) n
"""
TALLIES = """
INSERT INTO campaigns_tally (attempt_id, minute, sent, errors)
SELECT attempt_id, date_trunc('minute', settled_at), count(*) FILTER (WHERE status = 3),
       count(*) FILTER (WHERE status = 4)
FROM campaigns_mailinglog GROUP BY 1, 2
"""
# Each row's attempt is there: to look it up for each of them would take as long as to write them.
WITHOUT_CHECKS, WITH_CHECKS = (f"SET session_replication_role = {role}" for role in ("replica", "DEFAULT"))
DIRECT = """
SELECT a.mailing_id, (l.settled_at AT TIME ZONE 'UTC')::date, lower(split_part(l.email, '@', -1)), l.status, count(*)
FROM campaigns_mailinglog l JOIN campaigns_mailingattempt a ON a.id = l.attempt_id
WHERE NOT a.dry_run AND NOT a.test GROUP BY 1, 2, 3, 4
"""
DIRECT_PER_MAILING = """
SELECT a.mailing_id, l.status, count(*)
FROM campaigns_mailinglog l JOIN campaigns_mailingattempt a ON a.id = l.attempt_id
WHERE NOT a.dry_run AND NOT a.test GROUP BY 1, 2
"""


def ways(rows: int) -> dict:
    """By name, what is to be timed; the ledger is made first."""
    _make(rows)
    override_settings(STORAGES={**settings.STORAGES, **PLAIN}).enable()
    manager, owner = _Browser(factories.user(MANAGER)), _Browser(Mailing.objects.earliest("pk").owner)
    return {
        "direct GROUP BY, letters per mailing": lambda: _read(DIRECT_PER_MAILING),
        "direct GROUP BY, per mailing, day and domain": lambda: _read(DIRECT),
        "roll-up, letters per mailing": lambda: figures.by_mailing(_all()),
        "roll-up, letters per mailing in 30 days": lambda: figures.by_mailing(_all().within(period.last_days(30))),
        "roll-up, letters per day in a year": lambda: days.by_day(_all().within(period.last_days(365))),
        "roll-up, domains": lambda: rollups.domains(_all()),
        "roll-up, replies": lambda: rollups.replies(_all()),
        "version of the data": lambda: _all().version(),
        "Statistics, computed: all figures": _figures,
        "Statistics, computed: the whole request": lambda: manager.anew(STATISTICS),
        "My report of a fifth of it, computed: the whole request": lambda: owner.anew(MINE),
        "cached: the page from the cache": _kept_page,
        "cached: the whole request": lambda: manager.once_more(STATISTICS),
        "cached by the browser: the whole request, answered 304": lambda: manager.again(STATISTICS),
    }


def _make(rows: int) -> None:
    owners = [factories.user("operator") for _ in range(5)]
    for number in range(rows // RECIPIENTS // 10):
        factories.mailing(owners[number % 5], 0, name=f"Mailing {number}", status="finished")
    for statement in (ATTEMPTS, WITHOUT_CHECKS, LEDGER, TALLIES, WITH_CHECKS, "VACUUM ANALYZE"):
        with connection.cursor() as cursor:
            cursor.execute(statement, {})
    rollups.write_missing()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _all() -> Scope:
    return Scope(MailingAttempt.objects.real(), period.always())


def _read(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        cursor.fetchall()


def _figures() -> None:
    scope = _all()
    figures.by_mailing(scope)
    days.by_day(scope.within(scope.period.starting(days.first_day(scope)).last_days(MOST_BARS)))
    rollups.domains(scope)
    rollups.replies(scope)


def _kept_page() -> None:
    page = "x" * 130_000
    answers.kept("bench", "v1", lambda: page)


class _Browser:
    """Somebody logged in, whose requests go through all of Django, without a network."""

    def __init__(self, person) -> None:
        self._client = Client(headers={"host": "localhost"})
        self._client.force_login(person, "django.contrib.auth.backends.ModelBackend")
        self._etag, self._asked = "", 0
        answers.FRESH_SECONDS = 3600.0  # a hit is a hit, however slow the machine is

    def get(self, path: str, expected: str, **headers: str) -> None:
        with _noted() as outcomes:
            self._etag = self._client.get(path, headers=headers).headers["ETag"]
        if outcomes != [expected]:
            raise RuntimeError(f"What is timed is not what is meant: {outcomes} instead of {expected}.")

    def anew(self, path: str) -> None:
        self._asked += 1  # what nobody asked before is kept nowhere
        self.get(f"{path}?sort=none{self._asked}", "miss")
        self._etag = ""

    def once_more(self, path: str) -> None:
        self.get(path, "hit" if self._etag else "miss")

    def again(self, path: str) -> None:
        self.get(path, "unchanged", **{"If-None-Match": self._etag})


@contextmanager
def _noted():
    """What became of the look-ups in the cache during the block."""
    outcomes, note = [], answers.note
    answers.note = lambda outcome, *others: [outcomes.append(outcome), note(outcome, *others)]
    try:
        yield outcomes
    finally:
        answers.note = note
