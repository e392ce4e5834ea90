"""Which attempts run now, and which want a person."""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from campaigns.models import Mailing, MailingAttempt, Tally

Status = MailingAttempt.Status

# What failed longer ago is not waited for any more.
ATTENTION_DAYS = 30


def running(attempts: Any) -> Any:
    """Those of the attempts that send letters now, the latest first."""
    under_way = attempts.real().unfinished().filter(status__in=(Status.QUEUED, Status.RUNNING))
    return under_way.select_related("mailing").defer("body", "body_html").order_by("-pk")


def wanting(attempts: Any) -> Any:
    """Those of the attempts that a person can move on, the latest first.

    Paused ones, and those that ended lately with failed or unconfirmed letters. Who resumes, retries or confirms
    resolves them; so does whoever sends the mailing again, or disables it.
    """
    later = MailingAttempt.objects.real().filter(mailing=OuterRef("mailing"), pk__gt=OuterRef("pk"))
    found = attempts.filter(~Exists(later), pk__in=_paused().union(_failed(), all=True))
    found = found.exclude(mailing__status=Mailing.Status.DISABLED)
    return found.select_related("mailing").defer("body", "body_html").order_by("-pk")


def _paused() -> Any:
    return MailingAttempt.objects.real().unfinished().filter(status=Status.PAUSED).order_by().values("pk")


def _failed() -> Any:
    """Found by the minutes of their troubles: the attempts have no index on their status, and fill a page each."""
    lately = timezone.now() - timedelta(days=ATTENTION_DAYS)
    trouble = Q(errors__gt=0) | Q(unconfirmed__gt=0) | Q(cancelled__gt=0)
    troubled = Tally.objects.filter(trouble, minute__gte=lately).values("attempt")
    return (
        MailingAttempt.objects.real()
        .filter(pk__in=troubled, status__in=(Status.FAIL, Status.PARTIAL))
        .order_by()
        .values("pk")
    )


def finished(attempts: Any) -> Any:
    """Those of the attempts that have ended, the latest first."""
    ended = attempts.real().filter(finished_at__isnull=False)
    return ended.select_related("mailing").defer("body", "body_html").order_by("-pk")
