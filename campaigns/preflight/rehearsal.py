"""What the last dry run has found, if it was of the letters that would be sent now."""

from collections.abc import Iterator

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Mailing, MailingAttempt, MailingLog, Recipient
from campaigns.models.log import Status
from campaigns.preflight.audience import Audience, without_row
from campaigns.preflight.draft import Draft
from campaigns.preflight.finding import Finding

# How many are told apart.
MOST_REASONS = 10
_CONTENT = ("from_email", "subject", "body", "body_html")


def findings(mailing: Mailing, draft: Draft, audience: Audience, unable: Q) -> Iterator[Finding]:
    """`unable`: who is known to get no letter; a dry run need not tell it again."""
    ended = mailing.attempts.filter(dry_run=True, finished_at__isnull=False)
    last = ended.exclude(status=MailingAttempt.Status.CANCELLED).first()
    if last is None:
        yield Finding("not-composed", False, _("No dry run has composed these letters yet."))
    elif not _is_of(last, draft, audience):
        sentence = _("The message or its recipients have changed since the last dry run.")
        yield Finding("not-composed", False, sentence)
    elif last.errors:
        yield from _reasons(last, unable)


def _is_of(attempt: MailingAttempt, draft: Draft, audience: Audience) -> bool:
    """Whether the attempt has composed the letters that would be sent now."""
    if any(getattr(attempt, name) != getattr(draft.attempt, name) for name in _CONTENT):
        return False
    if audience.total > attempt.total or (audience.changed_at and audience.changed_at > attempt.created_at):
        return False
    return not without_row(audience.letters, attempt.pk).exists()


def _reasons(attempt: MailingAttempt, unable: Q) -> Iterator[Finding]:
    failed = MailingLog.objects.filter(attempt=attempt, attention=Status.ERROR)
    others = failed.exclude(recipient__in=Recipient.objects.filter(unable).order_by())
    reasons = others.order_by().values_list("detail").annotate(count=Count("pk")).order_by("-count", "detail")
    for number, (reason, count) in enumerate(reasons[:MOST_REASONS], start=1):
        sentence = ngettext(
            "The dry run could not compose %(count)s letter. %(reason)s",
            "The dry run could not compose %(count)s letters. %(reason)s",
            count,
        )
        rows = Recipient.objects.filter(pk__in=others.filter(detail=reason).values("recipient_id")).order_by("pk")
        yield Finding(f"dry-run-{number}", False, sentence % {"count": count, "reason": reason}, count, rows)
