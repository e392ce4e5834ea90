"""The first page: what is running, what wants a person, what goes out next, and how to begin."""

from hashlib import blake2b
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from campaigns import access
from campaigns.admin.chart import Chart
from campaigns.admin.lists import IMPORT_RECIPIENTS, NEW_MAILING, WRITE_MESSAGE, allowed
from campaigns.admin.meter import meter
from campaigns.models import Mailing, MailingAttempt, Message, Recipient
from campaigns.reports import attention, counts, days
from campaigns.reports.period import last_days
from campaigns.reports.scope import Scope

PERIODS = (14, 30)
SHOWN = 5
MOST_RUNNING = 10


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's dashboard callback: adds what the template shows, all of it through access.visible."""
    counted = {
        f"{model._meta.model_name}s": counts.up_to_most(access.visible(request.user, model._default_manager.all()))
        for model in (Recipient, Message, Mailing)
    }
    context.update(counted=counted, quick_actions=allowed(request, (NEW_MAILING, IMPORT_RECIPIENTS, WRITE_MESSAGE)))
    if counted["mailings"].number:
        context.update(_at_work(request))
    return context


def _at_work(request: HttpRequest) -> dict[str, Any]:
    """What there is to see once there is a mailing."""
    attempts = _attempts(request)
    mailings = access.visible(request.user, Mailing.objects.all())
    period = _period(request)
    return {
        "running": _with_meters(_running(attempts)),
        "wanting": list(attention.wanting(attempts)[:SHOWN]),
        "upcoming": list(mailings.filter(status=Mailing.Status.SCHEDULED).order_by("next_run_at")[:SHOWN]),
        "recent": list(attention.finished(attempts)[:SHOWN]),
        "chart": Chart(days.by_day(Scope(attempts.real(), last_days(period)))),
        "period": period,
        "periods": PERIODS,
    }


def running_view(request: HttpRequest) -> HttpResponse:
    """The live part of the page, which asks for itself again while something runs.

    Answers 304 while nothing changes, and lets the whole page be loaded anew when nothing runs any more.
    """
    if not request.user.has_perm("campaigns.view_mailing"):
        raise PermissionDenied
    running = _running(_attempts(request))
    if not running and request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Refresh": "true"})
    etag = _etag(running)
    response: Any = get_conditional_response(request, etag)
    if response is None:
        response = render(request, "campaigns/running.html", {"running": _with_meters(running)})
    response.headers["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return cast(HttpResponse, response)


def _attempts(request: HttpRequest) -> Any:
    return access.visible(request.user, MailingAttempt.objects.all())


def _running(attempts: Any) -> list[MailingAttempt]:
    return list(attention.running(attempts)[:MOST_RUNNING])


def _with_meters(running: list[MailingAttempt]) -> list[tuple[MailingAttempt, SafeString]]:
    return [(attempt, meter(attempt)) for attempt in running]


def _etag(running: list[MailingAttempt]) -> str:
    shown = [(item.pk, item.mailing.name, item.status, item.total, item.sent, item.done) for item in running]
    return f'"{blake2b(repr((get_language(), shown)).encode(), digest_size=12).hexdigest()}"'


def _period(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return next((period for period in PERIODS if str(period) == asked), PERIODS[0])
