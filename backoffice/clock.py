"""The scheduler as the others see it: who leads, and when it last looked for due mailings."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django_apscheduler.models import DjangoJob, DjangoJobExecution

# The job that looks, and under which names those by cron stand beside its runs: they deliver, or leave that to workers.
TICK = "send_due_mailings"
CRON_DELIVERS, CRON_ENQUEUES = f"{TICK} (cron)", f"{TICK} --enqueue (cron)"
TICKS = (TICK, CRON_DELIVERS, CRON_ENQUEUES)
# An arbitrary number that names the leader among PostgreSQL's advisory locks.
LEADER_LOCK = 1_190_113_002
# How the leader's session is named: its process, since when it leads, and its host.
SESSION = "autosend-scheduler"
_NAMED = re.compile(rf"{SESSION} (\d+) (\d+) (.*)")

MISSED_TICKS = 3
TICKS_COMPARED = 4
# A standby takes over in up to 9 seconds.
LEAST_PATIENCE = timedelta(seconds=15)
USUAL_INTERVAL = timedelta(minutes=1)


class Leader(NamedTuple):
    """The process that leads."""

    pid: int
    since: datetime
    host: str


class Clock(NamedTuple):
    """What is known of the scheduler at the moment `now`."""

    now: datetime
    leader: Leader | None
    # The last look that succeeded, and the time between two.
    last_tick: datetime | None
    interval: timedelta

    @property
    def lateness(self) -> float | None:
        """For how many seconds a tick is overdue after three intervals without one, below 0 before their end.

        None: there was never a scheduler.
        """
        signs = [sign for sign in (self.last_tick, self.leader and self.leader.since) if sign]
        return (self.now - max(signs) - self.patience).total_seconds() if signs else None

    @property
    def patience(self) -> timedelta:
        """How long no tick may be missed."""
        return max(MISSED_TICKS * self.interval, LEAST_PATIENCE)

    @property
    def is_late(self) -> bool:
        """Whether there has been no tick for three intervals. False where there was never a scheduler."""
        return (self.lateness or 0) > 0

    @property
    def is_well(self) -> bool:
        """Whether a scheduler leads, and looks."""
        return self.leader is not None and not self.is_late


def look() -> Clock:
    """The scheduler now. Raises django.db.Error."""
    ticks = DjangoJobExecution.objects.filter(job__in=TICKS).order_by("-run_time")
    last = ticks.filter(status=DjangoJobExecution.SUCCESS).values_list("run_time", flat=True).first()
    latest = list(ticks.values_list("run_time", flat=True)[:TICKS_COMPARED])
    return Clock(timezone.now(), _leader(), last, _interval(latest))


def cron_delivers() -> bool:
    """Whether ticks by cron deliver what is under way, as workers would. Raises django.db.Error."""
    since = timezone.now() - look().patience
    delivering: QuerySet[DjangoJobExecution] = DjangoJobExecution.objects.filter(job=CRON_DELIVERS)
    return delivering.filter(run_time__gte=since).exists()


def note_tick(began: datetime, *, delivers: bool) -> None:
    """Leave a sign that a look by cron has succeeded."""
    # Of no time, so that no scheduler takes it for a job of its own.
    job, _made = DjangoJob.objects.get_or_create(pk=CRON_DELIVERS if delivers else CRON_ENQUEUES)
    now = timezone.now()
    took = round((now - began).total_seconds(), 2)
    DjangoJobExecution.objects.create(
        job=job, status=DjangoJobExecution.SUCCESS, run_time=began, duration=took, finished=now.timestamp()
    )


def _interval(latest: list[datetime]) -> timedelta:
    """The time between two ticks, as most of the latest have it: one difference is longer after a pause, or while a
    tick hangs, and one is shorter after a start, which ticks at once."""
    planned = DjangoJob.objects.filter(pk=TICK, next_run_time__isnull=False).values_list("next_run_time", flat=True)
    times = [*planned, *latest]
    differences = [later - earlier for later, earlier in pairwise(times) if later > earlier]
    return median_low(differences) if differences else USUAL_INTERVAL


def _leader() -> Leader | None:
    with connection.cursor() as cursor:
        cursor.execute(_LEADER, [LEADER_LOCK])
        row = cursor.fetchone()
    named = _NAMED.fullmatch(row[0]) if row else None
    return Leader(int(named[1]), datetime.fromtimestamp(int(named[2]), UTC), named[3]) if named else None


_LEADER = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = %s AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
