"""One letter of a mailing to an address that was typed in, before, while or after it is sent to its audience."""

import logging

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from backoffice import correlation
from campaigns.audience import Audience, suppressed_among
from campaigns.lifecycle.enqueueing import enqueue
from campaigns.lifecycle.errors import BadAddress, NobodyToSendTo, NotNow
from campaigns.lifecycle.refusals import refuse_after_end, refuse_while_stopped
from campaigns.models import Mailing, MailingAttempt, Recipient
from campaigns.sending.ledger.audience import write_test
from campaigns.sending.letters import addresses, content
from campaigns.sending.outcomes import NotComposed

logger = logging.getLogger(__name__)


def send_test(mailing: Mailing, by: User, address: str, recipient: Recipient) -> MailingAttempt:
    """Send the letter that this recipient of the audience would get to another address; returns the test.

    It is an attempt of one ledger row, which workers deliver like any other. The mailing's status does not change,
    and any number of tests may be under way beside its sending. One transaction. Raises LifecycleError; then nothing
    has changed.
    """
    refuse_no_address(address)
    try:
        with transaction.atomic():
            return _send_test(mailing, by, address, recipient)
    except content.NotFrozen as error:
        raise NotNow(str(error)) from error


def refuse_no_address(address: str) -> None:
    """Raises BadAddress for what no letter can, or may, be sent to."""
    try:
        addresses.envelope(address)
    except NotComposed as error:
        raise BadAddress(str(error)) from error
    if suppressed_among([address]):
        raise BadAddress(_("%s is suppressed: no mail goes there.") % address)


def _send_test(mailing: Mailing, by: User, address: str, recipient: Recipient) -> MailingAttempt:
    refuse_after_end(mailing)
    # Before the mailing is locked: the switch may be moving, and then locks mailings.
    refuse_while_stopped()
    _refuse_disabled(mailing)
    _refuse_outsider(mailing, recipient)
    attempt: MailingAttempt = MailingAttempt.objects.create(
        mailing=mailing,
        test=True,
        triggered_by=by,
        request_id=correlation.request_id.get(),
        from_email=settings.DEFAULT_FROM_EMAIL,
        **content.freeze(mailing.message)._asdict(),
    )
    enqueue([write_test(attempt.pk, recipient.pk, address)], attempt, urgent=True)
    attempt.refresh_from_db()
    logger.info("Test %s of mailing %s launched", attempt.pk, mailing.pk)
    return attempt


def _refuse_disabled(mailing: Mailing) -> None:
    # Locked until the test is there: who disables the mailing meanwhile waits, and then finds the test.
    locked = Mailing.objects.filter(pk=mailing.pk).select_for_update(no_key=True)
    if locked.values_list("status", flat=True).get() == Mailing.Status.DISABLED:
        raise NotNow(_("“%s” has been disabled.") % mailing)


def _refuse_outsider(mailing: Mailing, recipient: Recipient) -> None:
    audience = Audience.of(mailing)
    if not audience.first(1):
        raise NobodyToSendTo(_("“%s” has no recipients: a test letter is written as if to one of them.") % mailing)
    if not audience.recipients().filter(pk=recipient.pk).exists():
        raise NotNow(
            _("%(recipient)s is not among the recipients of “%(mailing)s”.")
            % {"recipient": recipient, "mailing": mailing}
        )
