from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.attempt import MailingAttempt


class AttemptWatch(models.Model):
    """Since when an attempt under way stands where it stands, and whether that has been told."""

    attempt = models.OneToOneField(MailingAttempt, on_delete=models.CASCADE, primary_key=True, related_name="watch")
    # Rows written so far and rows done, added up: any progress changes it.
    position = models.BigIntegerField()
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("watch over an attempt")
        verbose_name_plural = _("watches over attempts")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.since}"
