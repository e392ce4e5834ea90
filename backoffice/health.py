"""Is the process alive, and can it do its work? For load balancers, containers and scripts."""

from collections.abc import Callable

from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse


def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when pages and mailings work; a cache that is gone degrades, it does not fail."""
    database = _database()
    answer = {"database": database, "cache": _cache()}
    return JsonResponse(answer, status=200 if database == "ok" else 503)


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


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "does not answer"
    return "migrations are missing" if pending else "ok"


def _cache() -> str:
    cache.set("health", "ok", 5)
    return "ok" if cache.get("health") == "ok" else "degraded"
