"""Signs of life of a worker that is busy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from procrastinate.jobs import Job

from campaigns.sending.engine import Engine

SIGN_OF_LIFE_SECONDS = settings.STALLED_WORKER_SECONDS / 3


@asynccontextmanager
async def heartbeat(job: Job, engine: Engine) -> AsyncIterator[None]:
    """Keep the job's worker alive in the eyes of others.

    Procrastinate stops its own heartbeat when it is asked to stop or has lost the database, and waits for the
    running jobs only then: a slow mail server would have them taken away. The engine's connection is back sooner
    than Procrastinate's pool.
    """

    async def beat() -> None:
        while job.worker_id is not None:
            await asyncio.sleep(SIGN_OF_LIFE_SECONDS)
            with suppress(OperationalError, InterfaceError):
                await engine.recorder.call(_beat, job.worker_id)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


def _beat(worker: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_update_heartbeat_v1(%s)", [worker])
