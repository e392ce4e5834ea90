"""Who did what with a mailing, and what its attempts did, the newest first."""

from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, F, QuerySet, Value
from django.utils.translation import gettext as _

from campaigns.models import Mailing, MailingAttempt, SendingStop

SAID, STOPPED, LIFTED = "said", "stopped", "lifted"
# What an attempt does, by the field that has the time of it.
MOMENTS = {"launched": "created_at", "started": "started_at", "finished": "finished_at"}


class Event(NamedTuple):
    """What happened then; `who` is empty where nobody did it, `attempt` None where it was about none."""

    at: datetime
    kind: str
    sentence: str
    who: str = ""
    attempt: MailingAttempt | None = None


def of_mailing(mailing: Mailing) -> QuerySet[Any, Any]:
    """The events as rows of (time, kind, row), for a paginator and then events()."""
    said = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Mailing), object_id=str(mailing.pk)
    ).order_by()
    attempts = mailing.attempts.filter(test=False).order_by()
    stops = SendingStop.objects.filter(attempts__mailing=mailing).order_by().distinct()
    parts = [
        *(_rows(attempts, field, kind) for kind, field in MOMENTS.items()),
        _rows(stops, "started_at", STOPPED),
        _rows(stops, "ended_at", LIFTED),
    ]
    found: QuerySet[Any, Any] = _rows(said, "action_time", SAID).union(*parts, all=True)
    return found.order_by("-at", "-row")


def _rows(queryset: Any, field: str, kind: str) -> Any:
    happened = queryset.filter(**{f"{field}__isnull": False})
    named = happened.annotate(at=F(field), kind=Value(kind, CharField()), row=F("pk"))
    return named.values_list("at", "kind", "row")


def events(rows: list[tuple[datetime, str, int]]) -> list[Event]:
    """The rows told in words, in their order."""
    said = LogEntry.objects.select_related("user").in_bulk(_keys(rows, SAID))
    stops = SendingStop.objects.select_related("started_by", "ended_by").in_bulk(_keys(rows, STOPPED, LIFTED))
    light = MailingAttempt.objects.select_related("triggered_by").defer("body", "body_html")
    attempts = light.in_bulk(_keys(rows, *MOMENTS))
    told = []
    for at, kind, key in rows:
        if kind == SAID:
            told.append(Event(at, kind, said[key].get_change_message() or str(said[key]), str(said[key].user)))
        elif kind in MOMENTS:
            told.append(_of_attempt(at, kind, attempts[key]))
        else:
            told.append(_of_stop(at, kind, stops[key]))
    return told


def _keys(rows: list[tuple[datetime, str, int]], *kinds: str) -> set[int]:
    return {key for _at, kind, key in rows if kind in kinds}


def _of_attempt(at: datetime, kind: str, attempt: MailingAttempt) -> Event:
    if kind == "launched":
        who = str(attempt.triggered_by) if attempt.triggered_by else _("By schedule or command")
        return Event(at, kind, _("%s launched.") % attempt, who, attempt)
    if kind == "started":
        return Event(at, kind, _("%s begun by a worker.") % attempt, attempt=attempt)
    reason, status = attempt.server_response, attempt.get_status_display()
    ended = {"attempt": attempt, "status": status, "reason": reason}
    if reason.rstrip(".") in ("", status):
        return Event(at, kind, _("%(attempt)s ended: %(status)s.") % ended, attempt=attempt)
    return Event(at, kind, _("%(attempt)s ended: %(status)s. %(reason)s") % ended, attempt=attempt)


def _of_stop(at: datetime, kind: str, stop: SendingStop) -> Event:
    if kind == STOPPED:
        return Event(at, kind, _("All sending stopped: %s") % stop.reason, str(stop.started_by or ""))
    return Event(at, kind, _("All sending resumed."), str(stop.ended_by or ""))
