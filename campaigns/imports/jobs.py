"""The task that carries out an import, and how it is enqueued."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, cast

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.job_context import JobContext
from procrastinate.manager import JobManager

from accounts.models import User
from backoffice.correlation import correlated
from campaigns.imports import work
from campaigns.imports.lists import NOWHERE, Into
from campaigns.models import ImportJob

QUEUE = "imports"
POLL_SECONDS = 0.25
# Read, checked and stored in a fraction of a second: nobody waits for a worker with that.
INLINE_BYTES = 1_000_000
INLINE_PATIENCE = timedelta(seconds=30)
# A job waits for an earlier one of the same lock and priority, even for one that is scheduled for later.
SOONER = 1


class Caller(NamedTuple):
    """On whose behalf, for the log."""

    request_id: str
    user_email: str


class Draining(Protocol):
    draining: bool


class ImportBroken(Exception):
    """The process of an import ended otherwise than it should; it is tried again."""


@app.task(name="carry_out_import", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def carry_out_import(context: JobContext, *, job: int, request_id: str, user_email: str) -> None:
    """Carry out the import in a process of its own.

    In this one, letters would wait for it: a thread that reads rows holds Python's lock for 5 ms at a time.
    """
    engine = cast(Draining, context.additional_context["engine"])
    with correlated(request_id, user_email):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", "run_import", "--id", str(job), cwd=settings.BASE_DIR, stdin=DEVNULL
        )
        try:
            drained = await _ended(process, engine)
        finally:
            await _end(process)
        if drained:
            again = carry_out_import.configure(lock=_lock(job))
            await again.defer_async(job=job, request_id=request_id, user_email=user_email)
        elif process.returncode:
            raise ImportBroken(f"The process of import {job} ended with {process.returncode}.")


async def _ended(process: Process, engine: Draining) -> bool:
    """Wait for it; True: the worker is asked to stop before."""
    while process.returncode is None and not engine.draining:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), POLL_SECONDS)
    return process.returncode is None


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()  # its transaction goes with it
        await process.wait()


def choose(job: ImportJob, mapping: Sequence[str], mode: str, caller: Caller, into: Into = NOWHERE) -> None:
    """As work.choose(), and have the rows counted."""
    _go_on(job, lambda: work.choose(job, mapping, mode, into), caller)


def confirm(job: ImportJob, by: User, caller: Caller) -> None:
    """As work.confirm(), and have the rows written."""
    _go_on(job, lambda: work.confirm(job, by), caller)


def _go_on(job: ImportJob, step: Callable[[], None], caller: Caller) -> None:
    """By a worker; a small file at once, and by a worker only if this process ends meanwhile."""
    small = job.size <= INLINE_BYTES
    with transaction.atomic():
        step()
        _enqueue(job, caller, timezone.now() + INLINE_PATIENCE if small else None)
    if small and not work.carry_out(job.pk, watched=False):
        _enqueue(job, caller, priority=SOONER)


def _enqueue(job: ImportJob, caller: Caller, at: datetime | None = None, priority: int = 0) -> None:
    deferrer = carry_out_import.configure(lock=_lock(job.pk), schedule_at=at, priority=priority)
    new = deferrer.make_new_job(job=job.pk, request_id=caller.request_id, user_email=caller.user_email)
    # By Django's connection and so in its transaction.
    JobManager(DjangoConnector()).batch_defer_jobs([new])


def _lock(job: int) -> str:
    return f"import:{job}"
