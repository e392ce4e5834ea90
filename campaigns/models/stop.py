from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models.attempt import MailingAttempt


class StopQuerySet(models.QuerySet["SendingStop"]):
    def in_force(self) -> SendingStop | None:
        """The stop that is on now."""
        return self.filter(ended_at=None).select_related("started_by").first()


class SendingStop(models.Model):
    """All sending stopped by a person (or by itself, in a copy), and gone on with by a person: who, when, and why."""

    reason = models.CharField(_("reason"), max_length=200)
    started_at = models.DateTimeField(_("stopped"), auto_now_add=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("stopped by")
    )
    ended_at = models.DateTimeField(_("resumed"), null=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("resumed by")
    )
    # What the stop has paused, and its end resumes.
    attempts = models.ManyToManyField(MailingAttempt, related_name="+", editable=False)

    objects: ClassVar[Any] = StopQuerySet.as_manager()

    class Meta:
        verbose_name = _("stop of all sending")
        verbose_name_plural = _("stops of all sending")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("stop_sending", "Can stop all sending, and resume it")]
        constraints = [
            models.UniqueConstraint(
                ExpressionWrapper(Q(ended_at=None), output_field=BooleanField()),
                condition=Q(ended_at=None),
                name="stop_one_in_force",
            )
        ]

    def __str__(self) -> str:
        if not self.started_by:
            return gettext("All sending is stopped: %s") % self.reason
        who = self.started_by
        return gettext("%(who)s stopped all sending: %(reason)s") % {"who": who, "reason": self.reason}
