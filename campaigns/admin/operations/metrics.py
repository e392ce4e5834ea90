"""/metrics, for Prometheus."""

from collections.abc import Callable

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from campaigns.reports.metrics import Campaigns
from campaigns.sending.queue.worker import QUEUES

PATH = "/metrics"


class MetricsMiddleware:
    """Answers Prometheus, which knows neither our host name nor https, before these are looked at.

    Without METRICS_TOKEN there is no such page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _metrics(request) if request.path_info == PATH else self.get_response(request)


def _metrics(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN:
        return _plain("There are no metrics: METRICS_TOKEN is not set.", 404)
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        response = _plain("The token is missing, or is not METRICS_TOKEN.", 401)
        response["WWW-Authenticate"] = "Bearer"
        return response
    registry = CollectorRegistry()
    registry.register(Campaigns(len(QUEUES)))
    try:
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    except DatabaseError:
        return _plain("The database does not answer.", 503)


def _plain(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(sentence + "\n", status=status, content_type="text/plain; charset=utf-8")
