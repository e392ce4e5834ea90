"""What every worker looks after now and then: the jobs of dead ones, chunks without a job, and what is over."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import cast

from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from campaigns.sending import home, switch
from campaigns.sending.engine import Engine
from campaigns.sending.ledger import chunks, resolution
from campaigns.sending.queue import heartbeat
from campaigns.sending.queue.jobs import chunk_job

logger = logging.getLogger(__name__)


class Sweep:
    """Several workers may sweep at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Since when the database has answered without a break.
        self._answering_since = monotonic()

    async def forever(self) -> None:
        while True:
            await asyncio.sleep(heartbeat.SIGN_OF_LIFE_SECONDS)
            began = monotonic()
            try:
                await self._once()
            except Exception as error:
                logger.warning("The sweep could not run: %s", error)
                await asyncio.sleep(heartbeat.SIGN_OF_LIFE_SECONDS)
                self._answering_since = monotonic()
            else:
                self._note_a_break(began)

    async def _once(self) -> None:
        """Replace the jobs of dead workers, give a job to open chunks that have none, and end what is over."""
        began = monotonic()
        await self._engine.expander.call(home.hold_copies)
        await self._replace(await self._of_dead_workers(began))
        for chunk, request_id, email in await self._engine.recorder.call(_orphans):
            logger.warning("Chunk %s is open and had no job: it has one again.", chunk)
            await chunk_job(chunk).defer_async(chunk=chunk, request_id=request_id, user_email=email)
        await self._engine.expander.call(resolution.end_overdue)
        await self._engine.expander.call(switch.keep)

    async def _of_dead_workers(self, began: float) -> list[Job]:
        """The jobs of workers that could have given a sign of life, and have given none, for a sweep that began then.

        While the database was away nobody could. When it is back, the living ones have as long as ever.
        """
        timeout = settings.STALLED_WORKER_SECONDS
        stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=timeout))
        self._note_a_break(began)
        return stalled if began - self._answering_since > timeout else []

    def _note_a_break(self, began: float) -> None:
        # Most calls wait until the database is back, and then succeed.
        if monotonic() - began > heartbeat.SIGN_OF_LIFE_SECONDS:
            self._answering_since = monotonic()

    async def _replace(self, stalled: list[Job]) -> None:
        if not stalled:
            return
        if await self._engine.recorder.call(_restart, stalled):
            await app.job_manager.prune_stalled_workers(settings.STALLED_WORKER_SECONDS)


@transaction.atomic
def _restart(stalled: list[Job]) -> int:
    """Put new jobs in the place of those whose workers are gone; returns how many.

    In one transaction: an audience or an import whose job was deleted by a sweep that was killed then would wait for
    ever. They are not put back into the queue: a worker that was only asleep ends its job when it wakes, whoever runs
    it then, and the chunk would be taken from its new worker.
    """
    gone = [job for job in stalled if _delete(job)]
    chunks.fence([cast(int, job.task_kwargs["chunk"]) for job in gone if "chunk" in job.task_kwargs])
    for job in gone:
        logger.warning("Restarting job %s: its worker is gone.", job.id)
    # By Django's connection and so in its transaction.
    JobManager(DjangoConnector()).batch_defer_jobs([_anew(job) for job in gone])
    return len(gone)


def _delete(job: Job) -> bool:
    """False: another sweep was first, or its worker has ended it after all."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', true)", [job.id])
    except ProgrammingError:
        return False
    return True


def _anew(job: Job) -> Job:
    again = app.configure_task(job.task_name, queue=job.queue, lock=job.lock, priority=job.priority)
    return again.make_new_job(**job.task_kwargs)


def _orphans() -> list[tuple[int, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS)
        return list(cursor.fetchall())


_ORPHANS = """
SELECT c.id, a.request_id, coalesce(u.email, '-')
FROM campaigns_chunk c
JOIN campaigns_mailingattempt a ON a.id = c.attempt_id
LEFT JOIN accounts_user u ON u.id = a.triggered_by_id
WHERE c.closed_at IS NULL AND a.finished_at IS NULL AND a.status <> 'paused'
  AND a.created_at < now() - interval '10 seconds' AND coalesce(a.held_until <= now(), true)
  AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j
                  WHERE j.lock = 'chunk:' || c.id AND j.status IN ('todo', 'doing'))
ORDER BY c.id LIMIT 1000
"""
