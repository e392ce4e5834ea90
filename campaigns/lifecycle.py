"""What can be done with a mailing: the verbs. Whether a person may is access.py's; callers ask there first."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from backoffice import correlation
from campaigns.models import Chunk, Mailing, MailingAttempt, SendingStop
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status as LogStatus
from campaigns.sending import audience, content, jobs, moves, resolution, stop

logger = logging.getLogger(__name__)

Status = Mailing.Status
# The most open rows that the one who cancels waits for (0.2 s); those of larger attempts are closed by a worker.
CLOSE_AT_ONCE_ROWS = 50_000


class LifecycleError(Exception):
    """The mailing is not in a state for that; the text says so to the person who tried."""


class NobodyToSendTo(LifecycleError):
    """The audience is empty."""


class AlreadyRunning(LifecycleError):
    """There is an unfinished attempt."""


class SendingStopped(LifecycleError):
    """All sending has been stopped."""


class NotNow(LifecycleError):
    """The mailing's state or dates do not allow it."""


def launch(mailing: Mailing, by: User | None, *, dry_run: bool = False, new_only: bool = False) -> MailingAttempt:
    """Send the mailing to its audience as it is now, or with `dry_run` compose every letter and send none.

    With `new_only`, pass over those whom an earlier attempt (no dry run) has in its ledger, whatever became of
    their letters.
    One transaction: the mailing moves, the attempt is written, content and audience are frozen, and the jobs
    that deliver it are enqueued. Raises LifecycleError; then nothing has changed.
    """
    try:
        with transaction.atomic():
            return _launch(mailing, by, dry_run=dry_run, new_only=new_only)
    except IntegrityError as error:
        if "attempt_one_at_a_time" in str(error):
            raise _busy(mailing) from error
        raise
    except content.NotFrozen as error:
        raise NotNow(str(error)) from error


def _launch(mailing: Mailing, by: User | None, *, dry_run: bool, new_only: bool) -> MailingAttempt:
    count = _count_audience(mailing, new_only=new_only)
    if not dry_run:
        _refuse_after_end(mailing)
        _refuse_while_stopped()
        _set_running(mailing)
    attempt = MailingAttempt.objects.create(
        mailing=mailing,
        dry_run=dry_run,
        new_only=new_only,
        triggered_by=by,
        request_id=correlation.request_id.get(),
        from_email=settings.DEFAULT_FROM_EMAIL,
        **content.freeze(mailing.message)._asdict(),
    )
    _expand(attempt, count)
    attempt.refresh_from_db()
    logger.info("Attempt %s of mailing %s launched, with an audience of %s", attempt.pk, mailing.pk, count)
    return attempt


def _count_audience(mailing: Mailing, *, new_only: bool) -> int:
    count: int = mailing.recipients.count()
    if not count:
        raise NobodyToSendTo(_("“%s” has no recipients.") % mailing)
    if new_only and not audience.has_newcomers(mailing.pk):
        raise NobodyToSendTo(_("“%s” has no new recipients: everybody is in an earlier attempt.") % mailing)
    return count


def _refuse_after_end(mailing: Mailing) -> None:
    if Mailing.objects.filter(pk=mailing.pk).over().exists():
        raise NotNow(_("The time of “%s” is over: enter a later end.") % mailing)


def _refuse_while_stopped() -> None:
    if pressed := stop.in_force():
        raise SendingStopped(_("Nothing can be sent now. %s") % pressed)


def _expand(attempt: MailingAttempt, count: int) -> None:
    rows = settings.SENDING_INLINE_ROWS
    if count < rows:
        among = audience.owners(attempt.mailing_id)
        _enqueue(audience.expand(attempt.pk, among, rows, settings.SENDING_CHUNK_ROWS), attempt)
    # Also when recipients were added just now and the slice was full.
    if MailingAttempt.objects.filter(pk=attempt.pk, expanded_at=None).exists():
        jobs.enqueue_expansion(attempt.pk, attempt.request_id, _email(attempt))


def _set_running(mailing: Mailing) -> None:
    this = Mailing.objects.filter(pk=mailing.pk)
    if this.move(Status.RUNNING, of=Mailing.IDLE, next_run_at=_next_run(mailing)):
        return
    if this.filter(status__in=Mailing.ACTIVE).exists():
        raise _busy(mailing)
    raise NotNow(_("“%s” has been disabled.") % mailing)


def _busy(mailing: Mailing) -> AlreadyRunning:
    if Mailing.objects.filter(pk=mailing.pk, status=Status.PAUSED).exists():
        return AlreadyRunning(_("“%s” is paused; resume it, or cancel it.") % mailing)
    return AlreadyRunning(_("“%s” is being sent already; wait for it, or cancel it.") % mailing)


def _next_run(mailing: Mailing) -> datetime | None:
    """When a scheduled mailing runs after this launch; a launch by hand before its time leaves the plan as it is."""
    now = timezone.now()
    planned = Mailing.objects.filter(pk=mailing.pk).values_list("next_run_at", flat=True).get()
    return mailing.next_run_after(now) if planned and planned <= now else planned


def schedule(mailing: Mailing) -> datetime:
    """Let the scheduler send the mailing when its time comes; returns when that is. Raises LifecycleError."""
    now = timezone.now()
    if not mailing.start_at:
        raise NotNow(_("“%s” has no start: enter one, then schedule it.") % mailing)
    _refuse_after_end(mailing)
    if not mailing.recipients.exists():
        raise NobodyToSendTo(_("“%s” has no recipients.") % mailing)
    run_at = mailing.next_run_after(now)
    if not run_at and mailing.repetition != Mailing.Repetition.ONCE:
        raise NotNow(_("“%s” has no more runs before its end: enter a later one.") % mailing)
    # A start that has passed means: at once; for a repeated mailing, the next time after now.
    run_at = run_at or now
    of = (Status.DRAFT, Status.FINISHED, Status.SCHEDULED)
    if not Mailing.objects.filter(pk=mailing.pk).move(Status.SCHEDULED, of=of, next_run_at=run_at):
        raise NotNow(_("“%s” can not be scheduled now.") % mailing)
    return run_at


def unschedule(mailing: Mailing) -> None:
    """Take a scheduled mailing back to a draft. Raises LifecycleError."""
    if not Mailing.objects.filter(pk=mailing.pk).move(Status.DRAFT, of=(Status.SCHEDULED,), next_run_at=None):
        raise NotNow(_("“%s” is not scheduled.") % mailing)


def pause(mailing: Mailing) -> None:
    """Start no new letter until resumed; those on their way settle. Raises LifecycleError."""
    for attempt in mailing.attempts.unfinished().filter(dry_run=False):
        if moves.pause(attempt.pk, _("Paused by hand.")):
            return
    raise NotNow(_("“%s” is not being sent.") % mailing)


@transaction.atomic
def resume(mailing: Mailing) -> None:
    """Go on where it was paused. Raises LifecycleError."""
    _refuse_after_end(mailing)
    _refuse_while_stopped()
    paused = list(mailing.attempts.filter(status=AttemptStatus.PAUSED).select_related("triggered_by"))
    if not paused or not mailing.attempts.filter(pk__in=[a.pk for a in paused]).resume():
        raise NotNow(_("“%s” is not paused.") % mailing)
    Mailing.objects.filter(pk=mailing.pk).move(Status.RUNNING, of=(Status.PAUSED,))
    for attempt in paused:
        _enqueue_open(attempt)


def retry_failed(mailing: Mailing) -> int:
    """Send what the last attempt could not send once more; returns how many letters. Raises LifecycleError."""
    return _send_again(mailing, LogStatus.ERROR)


def resend_unconfirmed(mailing: Mailing) -> int:
    """Send the last attempt's letters in doubt once more: who got one gets it twice. Raises LifecycleError."""
    return _send_again(mailing, LogStatus.UNCONFIRMED)


@transaction.atomic
def confirm_unconfirmed(mailing: Mailing, by: User) -> int:
    """Take the last attempt's letters in doubt for sent; returns how many. Raises LifecycleError."""
    count = resolution.confirm(_ended(mailing).pk, _("Marked as sent by %s.") % by)
    if not count:
        raise NotNow(_("“%s” has no unconfirmed letters.") % mailing)
    return count


@transaction.atomic
def _send_again(mailing: Mailing, status: LogStatus) -> int:
    _refuse_after_end(mailing)
    _refuse_while_stopped()
    attempt = _ended(mailing)
    count: int = attempt.logs.filter(attention=status).count()
    if not Mailing.objects.filter(pk=mailing.pk).move(Status.RUNNING, of=Mailing.IDLE):
        raise NotNow(_("“%s” can not be sent now.") % mailing)
    chunks = resolution.reopen(attempt.pk, status)
    if not chunks:
        raise NotNow(_("“%s” has no such letters.") % mailing)
    _enqueue(chunks, attempt, urgent=True)
    return count


def _ended(mailing: Mailing) -> MailingAttempt:
    attempt: MailingAttempt | None = mailing.attempts.filter(dry_run=False).select_related("triggered_by").first()
    if attempt is None or attempt.finished_at is None:
        raise NotNow(_("“%s” has no attempt that has ended.") % mailing)
    return attempt


def cancel(mailing: Mailing) -> None:
    """End the attempts that are under way: what is in flight settles, the rest is not sent. Raises LifecycleError."""
    cancelled = _cancel_attempts(mailing, _("Cancelled."))
    if not cancelled:
        raise NotNow(_("“%s” is not being sent.") % mailing)
    _close(cancelled)


def disable(mailing: Mailing) -> None:
    """A manager's forced end: whatever is under way is cancelled, and nothing starts again. Raises LifecycleError."""
    of = tuple(status for status in Status if status != Status.DISABLED)
    with transaction.atomic():
        cancelled = _cancel_attempts(mailing, _("Disabled by a manager."))
        if not Mailing.objects.filter(pk=mailing.pk).move(Status.DISABLED, of=of, next_run_at=None):
            raise NotNow(_("“%s” has been disabled already.") % mailing)
    _close(cancelled)


def enable(mailing: Mailing) -> None:
    """Take a disabled mailing back to a draft. Raises LifecycleError."""
    if not Mailing.objects.filter(pk=mailing.pk).move(Status.DRAFT, of=(Status.DISABLED,)):
        raise NotNow(_("“%s” is not disabled.") % mailing)


def launch_due(now: datetime | None = None) -> list[MailingAttempt]:
    """End what should have ended, and launch every mailing whose time has come.

    One that can not start is logged, and does not hold up the rest.

    While all sending is stopped, those that are due wait.
    """
    now = now or timezone.now()
    resolution.end_overdue()
    for late in Mailing.objects.overdue(now):
        Mailing.objects.filter(pk=late.pk).move(Status.FINISHED, of=(Status.SCHEDULED,), next_run_at=None)
        logger.warning("Mailing %s ended before it could be sent.", late.pk)
    if SendingStop.objects.in_force():
        return []
    return [attempt for mailing in Mailing.objects.due(now) if (attempt := _launch_due(mailing, now))]


def _launch_due(mailing: Mailing, now: datetime) -> MailingAttempt | None:
    with correlation.correlated(correlation.new_id()):
        try:
            with transaction.atomic():
                _refuse_while_stopped()
                # Whoever locks the row first launches it; the others find it moved on.
                still = Mailing.objects.due(now).select_for_update(skip_locked=True)
                return launch(mailing, None) if still.filter(pk=mailing.pk).exists() else None
        except LifecycleError as error:
            logger.warning("Mailing %s was due and could not start: %s", mailing.pk, error)
        except Exception:
            logger.exception("Mailing %s was due and could not start", mailing.pk)
        return None


def _cancel_attempts(mailing: Mailing, reason: str) -> list[MailingAttempt]:
    unfinished = list(mailing.attempts.unfinished())
    return [attempt for attempt in unfinished if MailingAttempt.objects.filter(pk=attempt.pk).cancel(reason)]


def _close(cancelled: list[MailingAttempt]) -> None:
    """Close what is open, apart from the cancelling itself, which must wait for no lock of a worker."""
    for attempt in cancelled:
        if attempt.open <= CLOSE_AT_ONCE_ROWS:
            resolution.close_cancelled(attempt.pk)


def _enqueue_open(attempt: MailingAttempt) -> None:
    chunks = Chunk.objects.filter(attempt=attempt, closed_at=None).order_by("pk").values_list("pk", flat=True)
    _enqueue(list(chunks), attempt, urgent=True)


def _enqueue(chunks: list[int], attempt: MailingAttempt, *, urgent: bool = False) -> None:
    jobs.enqueue(chunks, attempt.request_id, _email(attempt), urgent=urgent)


def _email(attempt: MailingAttempt) -> str:
    return attempt.triggered_by.email if attempt.triggered_by else "-"
