from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.attempt import MailingAttempt
from campaigns.models.log import Status


class Rollup(models.Model):
    """Says that an ended attempt's domains and replies are added up, in the rows of the two models below.

    It holds while the attempt has the end and the unconfirmed letters that stand here: whoever retries letters gives
    it a new end, whoever confirms them takes unconfirmed ones away.
    """

    attempt = models.OneToOneField(MailingAttempt, on_delete=models.CASCADE, primary_key=True, related_name="rollup")
    finished_at = models.DateTimeField()
    unconfirmed = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("roll-up")
        verbose_name_plural = _("roll-ups")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.finished_at}"


class DomainRollup(models.Model):
    """How many letters of an ended attempt to a domain came to each end."""

    attempt = models.ForeignKey(MailingAttempt, on_delete=models.CASCADE, related_name="+", db_index=False)
    domain = models.CharField(max_length=254)
    sent = models.IntegerField()
    errors = models.IntegerField()
    skipped = models.IntegerField()
    unconfirmed = models.IntegerField()
    cancelled = models.IntegerField()

    class Meta:
        verbose_name = _("roll-up of a domain")
        verbose_name_plural = _("roll-ups of domains")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["attempt", "domain"], name="domain_once_an_attempt")]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.domain}"


class ReplyRollup(models.Model):
    """How many letters of an ended attempt failed, or are in doubt, with a reply; without what was one letter's own."""

    attempt = models.ForeignKey(MailingAttempt, on_delete=models.CASCADE, related_name="+")
    status = models.PositiveSmallIntegerField(choices=Status.choices)
    text = models.TextField(blank=True)
    letters = models.IntegerField()

    class Meta:
        verbose_name = _("roll-up of a reply")
        verbose_name_plural = _("roll-ups of replies")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=(Status.ERROR, Status.UNCONFIRMED)), name="reply_of_a_letter_that_failed"
            )
        ]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.text}"
