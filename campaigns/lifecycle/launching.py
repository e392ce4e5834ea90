"""A mailing sent to its audience."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from backoffice import correlation
from campaigns.audience import Audience
from campaigns.lifecycle.enqueueing import enqueue, enqueue_expansion
from campaigns.lifecycle.errors import AlreadyRunning, NobodyToSendTo, NotNow
from campaigns.lifecycle.refusals import refuse_after_end, refuse_while_stopped, refuse_without_log
from campaigns.models import Mailing, MailingAttempt
from campaigns.sending.ledger import audience
from campaigns.sending.letters import content

logger = logging.getLogger(__name__)

Status = Mailing.Status


def launch(
    mailing: Mailing,
    by: User | None,
    *,
    dry_run: bool = False,
    new_only: bool = False,
    undo_seconds: int = 0,
    now: datetime | None = None,
) -> MailingAttempt:
    """Send the mailing to its audience as it is now, or with `dry_run` compose every letter and send none.

    With `new_only`, pass over those whom an earlier attempt (no dry run) has in its ledger, whatever became of
    their letters. For `undo_seconds` no letter leaves, and undo() takes the launch back; see can_be_undone().
    `now` is the time by which the mailing was found to be due.
    One transaction: the mailing moves, the attempt is written, content and audience are frozen, and the jobs
    that deliver it are enqueued. Raises LifecycleError; then nothing has changed.
    """
    try:
        with one_at_a_time(mailing):
            at = now or timezone.now()
            return _launch(mailing, by, at, dry_run=dry_run, new_only=new_only, undo_seconds=undo_seconds)
    except content.NotFrozen as error:
        raise NotNow(str(error)) from error


@contextmanager
def one_at_a_time(mailing: Mailing) -> Iterator[None]:
    """One transaction. Raises AlreadyRunning when the database finds another attempt that is unfinished."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "attempt_one_at_a_time" in str(error):
            raise _busy(mailing) from error
        raise


def can_be_undone(mailing: Mailing) -> bool:
    """Whether a launch by hand waits for an undo. Not once its planned time has come: it would be sent all the same."""
    planned = _planned(mailing)
    return not (planned and planned <= timezone.now())


def _launch(
    mailing: Mailing, by: User | None, now: datetime, *, dry_run: bool, new_only: bool, undo_seconds: int
) -> MailingAttempt:
    if not dry_run:
        refuse_while_stopped()
    mailing = _as_saved(mailing)
    said = Audience.of(mailing)
    size = _size(mailing, said, new_only=new_only)
    held = bool(undo_seconds) and not dry_run and can_be_undone(mailing)
    if not dry_run:
        refuse_after_end(mailing)
        _set_running(mailing, now)
    if new_only:
        refuse_without_log(mailing)
    attempt = MailingAttempt.objects.create(
        mailing=mailing,
        dry_run=dry_run,
        new_only=new_only,
        triggered_by=by,
        request_id=correlation.request_id.get(),
        held_until=Now() + timedelta(seconds=undo_seconds) if held else None,
        mailing_was="" if dry_run else mailing.status,
        audience=said.frozen(),
        from_email=settings.DEFAULT_FROM_EMAIL,
        **content.freeze(mailing.message)._asdict(),
    )
    _expand(attempt, size)
    attempt.refresh_from_db()
    logger.info("Attempt %s of mailing %s launched", attempt.pk, mailing.pk)
    return attempt


def _as_saved(mailing: Mailing) -> Mailing:
    """Locked, and read anew: somebody may have changed its message, audience or plan since the caller read it."""
    locked = Mailing.objects.select_for_update(no_key=True, of=("self",)).select_related("owner", "message")
    found: Mailing = locked.get(pk=mailing.pk)
    return found


def _size(mailing: Mailing, said: Audience, *, new_only: bool) -> int:
    """How many are in the audience, as far as it is written down at once."""
    size = said.count_up_to(settings.SENDING_INLINE_ROWS)
    if not size:
        raise NobodyToSendTo(_("“%s” has no recipients.") % mailing)
    if new_only and not audience.has_newcomers(mailing.pk):
        raise NobodyToSendTo(_("“%s” has no new recipients: everybody is in an earlier attempt.") % mailing)
    return size


def _expand(attempt: MailingAttempt, size: int) -> None:
    rows = settings.SENDING_INLINE_ROWS
    if size < rows:
        among = audience.owners(attempt.pk)
        enqueue(audience.expand(attempt.pk, among, rows, settings.SENDING_CHUNK_ROWS), attempt)
    # Also when recipients were added just now and the slice was full.
    if MailingAttempt.objects.filter(pk=attempt.pk, expanded_at=None).exists():
        enqueue_expansion(attempt)


def _set_running(mailing: Mailing, now: datetime) -> None:
    this = Mailing.objects.filter(pk=mailing.pk)
    if this.move(Status.RUNNING, of=Mailing.IDLE, next_run_at=_next_run(mailing, now)):
        return
    if this.filter(status__in=Mailing.ACTIVE).exists():
        raise _busy(mailing)
    raise NotNow(_("“%s” has been disabled.") % mailing)


def _busy(mailing: Mailing) -> AlreadyRunning:
    if Mailing.objects.filter(pk=mailing.pk, status=Status.PAUSED).exists():
        return AlreadyRunning(_("“%s” is paused; resume it, or cancel it.") % mailing)
    return AlreadyRunning(_("“%s” is being sent already; wait for it, or cancel it.") % mailing)


def _next_run(mailing: Mailing, now: datetime) -> datetime | None:
    """When a scheduled mailing runs after this launch; a launch by hand before its time leaves the plan as it is."""
    planned = _planned(mailing)
    return mailing.next_run_after(now) if planned and planned <= now else planned


def _planned(mailing: Mailing) -> datetime | None:
    planned: datetime | None = Mailing.objects.values_list("next_run_at", flat=True).get(pk=mailing.pk)
    return planned
