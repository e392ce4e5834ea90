"""Signs of life of the other processes: what scheduler, workers and queue leave in the database.

All times are seconds. Raises django.db.Error.
"""

from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from backoffice import clock

# The scheduler says when it will look again; so late, it is not there.
SCHEDULER_PATIENCE_SECONDS = 60


class Queue(NamedTuple):
    """The jobs of a queue: how many are due and wait, how long the oldest of them has, and how many are at work."""

    name: str
    waiting: int
    oldest: float
    doing: int


class Workers(NamedTuple):
    """How many entries of workers are alive (each process has one for each queue), and the last sign of any."""

    alive: int
    last_sign: float | None


def scheduler_late() -> float | None:
    """For how long a look for due mailings is overdue, below 0 before its time; None: there was never one.

    By when the next one is planned, and by when the last one succeeded: where a look hangs or fails, the next one is
    planned all the same. What was planned does not count once cron looks instead.
    """
    row = _one(_PLANNED, clock.TICK, clock.CRON_DELIVERS, clock.CRON_ENQUEUES)
    found: tuple[float | None, ...] = (row and row[0], clock.look().lateness)
    return max((seconds for seconds in found if seconds is not None), default=None)


def workers() -> Workers:
    """Those that have given a sign of life within STALLED_WORKER_SECONDS."""
    row = _one(
        "SELECT count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => %s)),"
        " extract(epoch FROM now() - max(last_heartbeat))::float8 FROM procrastinate_workers",
        settings.STALLED_WORKER_SECONDS,
    )
    return Workers(*row)


def queues() -> list[Queue]:
    """Those that have something to do. What is planned for later does not wait."""
    with connection.cursor() as cursor:
        cursor.execute(_QUEUES)
        return [Queue(*row) for row in cursor.fetchall()]


def _one(statement: str, *params: float | str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()


_PLANNED = """
SELECT extract(epoch FROM now() - next_run_time)::float8 FROM django_apscheduler_djangojob j
WHERE id = %s AND NOT EXISTS (
    SELECT FROM django_apscheduler_djangojobexecution WHERE job_id IN (%s, %s) AND run_time > j.next_run_time
)
"""
# A job does not know when it was enqueued: its first event does, and is looked up for the oldest only.
_QUEUES = """
SELECT q.queue_name, q.waiting,
       coalesce(extract(epoch FROM now() - least(q.planned, e.at)), 0)::float8,
       q.doing
FROM (SELECT queue_name, count(*) FILTER (WHERE status = 'todo') AS waiting,
             min(scheduled_at) FILTER (WHERE status = 'todo') AS planned,
             min(id) FILTER (WHERE status = 'todo' AND scheduled_at IS NULL) AS oldest,
             count(*) FILTER (WHERE status = 'doing') AS doing
      FROM procrastinate_jobs
      WHERE status IN ('todo', 'doing') AND (scheduled_at IS NULL OR scheduled_at <= now())
      GROUP BY queue_name) q
LEFT JOIN LATERAL (SELECT min(at) AS at FROM procrastinate_events
                   WHERE job_id = q.oldest AND type = 'deferred') e ON true
ORDER BY q.queue_name
"""
