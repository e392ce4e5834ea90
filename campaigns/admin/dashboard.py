"""The first page: what is running, what wants a person, what goes out next, and how to begin."""

from typing import Any

from django.http import HttpRequest

from campaigns import access
from campaigns.models import Mailing, MailingAttempt, Message, Recipient
from campaigns.reports import progress


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's dashboard callback: adds what the template shows, all of it through access.visible."""
    mailings = access.visible(request.user, Mailing.objects.select_related("message", "owner"))
    attempts: Any = access.visible(request.user, MailingAttempt.objects.select_related("mailing"))
    counted = {
        "recipients": access.visible(request.user, Recipient.objects.all()).count(),
        "messages": access.visible(request.user, Message.objects.all()).count(),
        "mailings": mailings.count(),
    }
    active = mailings.filter(status__in=Mailing.ACTIVE)[:10]
    wanting = attempts.real().filter(status__in=("partial", "fail", "paused"))[:5]
    context.update(
        counted=counted,
        active=[progress.of_mailing(mailing) for mailing in active],
        upcoming=mailings.filter(status=Mailing.Status.SCHEDULED).order_by("next_run_at")[:5],
        wanting=wanting,
        recent=attempts.real().filter(finished_at__isnull=False)[:5],
    )
    return context
