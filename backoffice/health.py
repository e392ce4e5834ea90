"""Is the process alive, and can it do its work? For load balancers, containers and scripts."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from backoffice import clock, pulse

OK, DEGRADED, FAILED = "ok", "degraded", "failed"
# A job that is due and waits for longer is worth a word: what many workers are busy with takes its time.
QUEUE_PATIENCE_SECONDS = 600


class Finding(NamedTuple):
    """What is looked at, its status, and a sentence: why it is not ok, or what it was found to be."""

    name: str
    status: str = OK
    reason: str = ""


def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": OK})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when pages can be served. 503: the database does not answer, or has not what this version needs.

    What costs speed (the cache), or time (scheduler, workers, queue), degrades it and does not fail it: taking the
    web processes away would help nobody.
    """
    findings = list(_findings())
    statuses = {finding.status for finding in findings}
    status = next((worse for worse in (FAILED, DEGRADED) if worse in statuses), OK)
    checks = {
        finding.name: {"status": finding.status} | ({"reason": finding.reason} if finding.reason else {})
        for finding in findings
    }
    return JsonResponse({"status": status, "checks": checks}, status=503 if status == FAILED else 200)


class HealthMiddleware:
    """Answers before hosts, redirects and sessions are looked at.

    A probe knows neither our host name nor https, and a person's session is in the database that may be gone.
    """

    pages = {"/health/live": live, "/health/ready": ready}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        page = self.pages.get(request.path_info, self.get_response)
        return page(request)


def _findings() -> Iterator[Finding]:
    yield _cache()
    try:
        connection.ensure_connection()
        found = migrations()
        yield Finding("database")
        yield found
        if found.status == OK:
            yield scheduler()
            yield from work()
    except DatabaseError:
        yield Finding("database", FAILED, "The database does not answer.")


def migrations() -> Finding:
    """Whether the database has what this version needs. Raises django.db.Error."""
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return Finding("migrations", FAILED, f"Migrations are missing ({missing}): run manage.py migrate.")
    return Finding("migrations")


def _cache() -> Finding:
    cache.set("health", OK, 5)
    if cache.get("health") == OK:
        return Finding("cache")
    return Finding("cache", DEGRADED, "The cache does not answer: pages are slower, nothing else.")


def scheduler() -> Finding:
    """Whether one is at work. Raises django.db.Error."""
    late = pulse.scheduler_late()
    if late is None:
        return Finding("scheduler", DEGRADED, "No scheduler has run yet: scheduled mailings wait.")
    if late > pulse.SCHEDULER_PATIENCE_SECONDS:
        return Finding("scheduler", DEGRADED, f"The scheduler is {late:.0f} s late: scheduled mailings wait.")
    return Finding("scheduler")


def work() -> Iterator[Finding]:
    """Whether workers are alive, or ticks by cron deliver, and keep up with the queue. Raises django.db.Error."""
    alive = pulse.workers().alive or clock.cron_delivers()
    yield Finding("workers") if alive else Finding("workers", DEGRADED, "No worker is alive: what is launched waits.")
    oldest = max((queue.oldest for queue in pulse.queues()), default=0)
    limit = QUEUE_PATIENCE_SECONDS if alive else 0
    reason = f"The oldest job that is due has waited for {oldest:.0f} s."
    yield Finding("queue", DEGRADED, reason) if oldest > limit else Finding("queue")
