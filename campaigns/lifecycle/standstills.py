"""Attempts that should go on and do not: their owner and the administrators are told, once for each standstill."""

import logging
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import override

from backoffice import pulse
from campaigns.models import AttemptWatch, DomainSlowdown, MailingAttempt, SendingLimit

logger = logging.getLogger(__name__)


def tell() -> int:
    """Look at all that is under way, and tell about what has stood still for STUCK_ATTEMPT_MINUTES.

    What is paused, held back for an undo, or only waits for its limits or next tries does not stand still. Returns how
    many attempts were told about. A mail that can not be sent is logged, and not tried again.
    """
    minutes = settings.STUCK_ATTEMPT_MINUTES
    if not minutes or not settings.SENDING_ENABLED:
        return 0
    _look()
    stuck = AttemptWatch.objects.filter(told_at=None, since__lte=Now() - timedelta(minutes=minutes))
    told = [pk for pk in stuck.order_by("pk").values_list("pk", flat=True) if _claimed(pk)]
    for pk in told:
        _tell(pk)
    return len(told)


def _look() -> None:
    """Note where every attempt stands that should go on; one that has moved since begins anew."""
    limits_hold = SendingLimit.objects.exists() or DomainSlowdown.objects.active().exists()
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, {"limited": limits_hold and pulse.workers().alive > 0})


def _claimed(pk: int) -> bool:
    """Whoever marks it first tells it: a scheduler that has just lost the lead may still be at it."""
    return bool(AttemptWatch.objects.filter(pk=pk, told_at=None).update(told_at=Now()))


def _tell(pk: int) -> None:
    attempt = MailingAttempt.objects.select_related("mailing__owner").get(pk=pk)
    owner = attempt.mailing.owner
    logger.error("Attempt %s has made no progress for %s minutes.", pk, settings.STUCK_ATTEMPT_MINUTES)
    to = [*([owner.email] if owner.is_active else []), *settings.ADMINS]
    try:
        with override(owner.language):
            EmailMessage(_subject(attempt), _text(attempt), settings.SERVER_EMAIL, to).send()
    except Exception:  # any mail backend's
        logger.exception("Nobody could be told that attempt %s stands still", pk)


def _subject(attempt: MailingAttempt) -> str:
    name = " ".join(attempt.mailing.name.split())
    return _("“%(mailing)s” makes no progress") % {"mailing": name}


def _text(attempt: MailingAttempt) -> str:
    sentences = [
        _("%(attempt)s of “%(mailing)s” has made no progress for %(minutes)s minutes: %(done)s of %(total)s are done.")
        % {
            "attempt": attempt,
            "mailing": attempt.mailing.name,
            "minutes": settings.STUCK_ATTEMPT_MINUTES,
            "done": attempt.done,
            "total": attempt.total,
        },
        _("Workers are alive: their logs may tell what keeps them.")
        if pulse.workers().alive
        else _("No worker is alive: start one with “manage.py run_worker”."),
        _("Nothing is lost: it goes on by itself once a worker can deliver it. Until then you are not told again."),
    ]
    return "\n\n".join(sentences) + "\n"


# An attempt rightly waits where every open chunk has its job only later: its letters are to be tried again then. Or,
# while limits hold, where some chunk has: those that were tried go to the end of the line, the others wait their turn.
_LOOK = """
WITH jobs AS (
    SELECT lock, bool_and(status = 'todo' AND scheduled_at > now()) AS later
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND lock LIKE 'chunk:%%' GROUP BY lock
), stands AS (
    SELECT a.id, a.expanded_at IS NOT NULL AS complete,
           a.total::bigint + a.sent + a.errors + a.skipped + a.unconfirmed + a.cancelled + a.dry_runs AS position,
           count(c.id) AS open, count(c.id) FILTER (WHERE j.later) AS later
    FROM campaigns_mailingattempt a
    LEFT JOIN campaigns_chunk c ON c.attempt_id = a.id AND c.closed_at IS NULL
    LEFT JOIN jobs j ON j.lock = 'chunk:' || c.id
    WHERE a.finished_at IS NULL AND a.status IN ('queued', 'running') AND coalesce(a.held_until <= now(), true)
    GROUP BY a.id
), due AS (
    SELECT id, position FROM stands
    WHERE NOT (complete AND open > 0 AND later = open) AND NOT (%(limited)s AND later > 0)
), others AS (
    DELETE FROM campaigns_attemptwatch WHERE attempt_id NOT IN (SELECT id FROM due)
)
INSERT INTO campaigns_attemptwatch AS w (attempt_id, position, since)
SELECT id, position, now() FROM due
ON CONFLICT (attempt_id) DO UPDATE SET position = excluded.position, since = excluded.since, told_at = NULL
WHERE w.position <> excluded.position
"""
