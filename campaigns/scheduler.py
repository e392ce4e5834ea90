"""The clock: finds due mailings, never sends. One leader among any number of schedulers.

Two live schedulers would run every job twice, so a PostgreSQL advisory lock on a connection of its own elects
one; the others stand by. Measured: a standby took over 0.6–1.5 s after a SIGKILL, 5.8 s after a SIGSTOP and
9 s after a cut link.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import Any

import psycopg
from apscheduler.schedulers.background import BackgroundScheduler
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_apscheduler.jobstores import DjangoJobStore
from django_apscheduler.models import DjangoJobExecution
from django_apscheduler.util import close_old_connections

from backoffice.clock import LEADER_LOCK, SESSION
from backoffice.correlation import correlated, new_id, working
from campaigns import lifecycle
from campaigns.imports import storage
from campaigns.lifecycle import pruning, standstills
from campaigns.reports import rollups
from campaigns.sending.limits.session import DJANGOS, KEEPALIVE

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
KEEP_EXECUTIONS = timedelta(days=7)
HOUSEKEEPING_AFTER = timedelta(minutes=5)
# The server drops a leader that is silent for 5 s, and the kernel a link that is: a frozen or cut-off leader
# loses the lock while it can not act.
LEADER_SESSION = {
    "idle_session_timeout": "5000",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "9000",
}


class LeaderLock:
    """The right to be the clock, held as long as its connection lives."""

    def __init__(self) -> None:
        self._session: psycopg.Connection[Any] | None = None

    def acquire(self) -> bool:
        """Try once. Raises psycopg.Error when the database does not answer."""
        if self._session is None or self._session.closed:
            self._session = self._connect()
        row = self._session.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK]).fetchone()
        leads = bool(row and row[0])
        if leads:
            self._session.execute(_NAME_LEADER, [f"{SESSION} {os.getpid()} ", f" {socket.gethostname()}"])
        return leads

    def check(self) -> None:
        """Show that the session, and with it the lock, is still ours. Raises psycopg.Error."""
        if self._session is None:
            raise psycopg.OperationalError("The lock has not been acquired.")
        self._session.execute("SELECT 1")

    def release(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _connect(self) -> psycopg.Connection[Any]:
        given = connection.get_connection_params()
        params = {name: value for name, value in given.items() if name not in DJANGOS}
        params |= {**KEEPALIVE, "connect_timeout": 10, "application_name": SESSION}
        session = psycopg.connect(**params, autocommit=True)
        for name, value in LEADER_SESSION.items():
            session.execute("SELECT set_config(%s, %s, false)", [name, value])
        return session


# For whoever asks who leads, and since when; PostgreSQL keeps 63 bytes of it.
_NAME_LEADER = "SELECT set_config('application_name', %s || floor(extract(epoch FROM now())) || %s, false)"


def job(function: Callable[[], None]) -> Callable[[], None]:
    """A job of the clock: it has fresh connections, and a request id and its name in the log."""

    @wraps(function)
    def run() -> None:
        with correlated(new_id()), working(job=function.__name__):
            try:
                function()
            except Exception:
                logger.exception("The job failed.")
                raise
            logger.info("The job is done.")

    fresh: Callable[[], None] = close_old_connections(run)
    return fresh


@job
def send_due_mailings() -> None:
    """The tick: launch what is due; workers deliver it."""
    attempts = lifecycle.launch_due()
    if attempts:
        logger.info("Launched %s due mailings.", len(attempts))


@job
def tell_of_standstills() -> None:
    """Tell people about attempts that should go on and do not."""
    standstills.tell()


@job
def prune_executions() -> None:
    """Forget old runs of the jobs."""
    DjangoJobExecution.objects.delete_old_job_executions(int(KEEP_EXECUTIONS.total_seconds()))


@job
def remove_old_files() -> None:
    """Remove the files of imports that were kept long enough."""
    storage.remove_old()


@job
def add_up_ended() -> None:
    """Add up what the reports say of ended attempts."""
    rollups.write_missing()


@job
def prune_logs() -> None:
    """Remove the mailing log that was kept long enough."""
    if settings.LOG_RETENTION_DAYS:
        pruning.prune_logs(timezone.now() - timedelta(days=settings.LOG_RETENTION_DAYS))


# How often each is done.
HOUSEKEEPING = {
    tell_of_standstills: timedelta(minutes=1),
    prune_executions: timedelta(hours=6),
    remove_old_files: timedelta(hours=1),
    add_up_ended: timedelta(minutes=1),
    prune_logs: timedelta(hours=12),
}


def keep_house() -> None:
    """Do all of that now, as a tick by cron does where there is no clock."""
    for housekeeping in HOUSEKEEPING:
        with suppress(Exception):  # which the log has; the others are as due
            housekeeping()


def run(interval: timedelta, stop: threading.Event) -> None:
    """Be the clock, or stand by for it, until `stop` is set.

    Exits the process at once when leadership is lost, or when the scheduler's own thread has died: half a clock
    is worse than none, and whoever supervises the process starts it again as a standby.
    """
    lock = LeaderLock()
    try:
        if not _wait_for_leadership(lock, stop):
            return
        scheduler = _start(interval)
        _lead(lock, scheduler, stop)
        scheduler.shutdown(wait=True)
    finally:
        lock.release()


def _wait_for_leadership(lock: LeaderLock, stop: threading.Event) -> bool:
    told = False
    while not stop.is_set():
        try:
            if lock.acquire():
                logger.info("This scheduler leads.")
                return True
        except psycopg.Error as error:
            logger.warning("The database does not answer: %s", error)
        else:
            if not told:
                logger.info("Another scheduler leads; standing by.")
            told = True
        stop.wait(POLL_SECONDS)
    return False


def _start(interval: timedelta) -> BackgroundScheduler:
    defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults=defaults)
    scheduler.add_jobstore(DjangoJobStore(), "default")
    _repeat(scheduler, send_due_mailings, interval, first=timedelta(0))
    for housekeeping, every in HOUSEKEEPING.items():
        # Soon, and not only after the interval: a scheduler that is started each morning would never come to it.
        _repeat(scheduler, housekeeping, every, first=min(every, HOUSEKEEPING_AFTER))
    scheduler.start()
    return scheduler


def _repeat(scheduler: BackgroundScheduler, what: Callable[[], None], every: timedelta, first: timedelta) -> None:
    """Run the job after `first`, and then at each interval of whole seconds."""
    scheduler.add_job(
        what,
        "interval",
        seconds=int(every.total_seconds()),
        id=what.__name__,
        replace_existing=True,
        next_run_time=timezone.now() + first,
    )


def _lead(lock: LeaderLock, scheduler: BackgroundScheduler, stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        try:
            lock.check()
        except psycopg.Error as error:
            logger.critical("Leadership is lost, leaving: %s", error)
            os._exit(1)
        if not scheduler._thread.is_alive():
            logger.critical("The scheduler's thread has died, leaving.")
            os._exit(2)
