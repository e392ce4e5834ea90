from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.attempt import MailingAttempt


class Tally(models.Model):
    """How many letters of an attempt came to each end within a minute.

    Written with the outcomes themselves, so it says what the ledger says (settled_at by the minute), and stays when
    rows of the ledger are removed. A minute is short enough for the days of any time zone.
    """

    attempt = models.ForeignKey(MailingAttempt, on_delete=models.CASCADE, related_name="tallies")
    minute = models.DateTimeField(db_index=True)
    sent = models.IntegerField(default=0, db_default=0)
    errors = models.IntegerField(default=0, db_default=0)
    skipped = models.IntegerField(default=0, db_default=0)
    unconfirmed = models.IntegerField(default=0, db_default=0)
    cancelled = models.IntegerField(default=0, db_default=0)
    dry_runs = models.IntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["attempt", "minute"], name="tally_once_a_minute")]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.minute}"
