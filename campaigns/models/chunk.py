from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.attempt import MailingAttempt


class Chunk(models.Model):
    """A range of an attempt's ledger rows that one job delivers.

    `lease` is the fencing token: each job that takes the chunk raises it, and nothing is written to the
    ledger under an older one. `in_flight` are the rows whose letters may be on their way: written before
    they leave, and taken out when their outcome is. NO_MORE among them: no other row joins them.
    """

    # No row has this id.
    NO_MORE = 0

    attempt = models.ForeignKey(MailingAttempt, on_delete=models.CASCADE, related_name="chunks")
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    lease = models.PositiveIntegerField(default=0)
    in_flight = ArrayField(models.BigIntegerField(), default=list, db_default=[], editable=False)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        default_permissions = ()
        indexes = [models.Index(fields=["attempt"], condition=Q(closed_at=None), name="chunk_open")]
        constraints = [models.CheckConstraint(condition=Q(first_id__lte=models.F("last_id")), name="chunk_is_a_range")]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.first_id}–{self.last_id}"
