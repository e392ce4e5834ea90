from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _


class SlowdownQuerySet(models.QuerySet["DomainSlowdown"]):
    def active(self) -> SlowdownQuerySet:
        return self.filter(until__gt=Now())

    def end(self) -> int:
        """Let mail go to these domains again; the next slow-down is a first one. Returns how many were slowed."""
        return self.active().update(until=Now(), step=0)


class DomainSlowdown(models.Model):
    """A domain whose servers asked for less mail (421, or 4.7.x): nothing is begun to it until then.

    Written by sending/limits/slowdowns.py. `step` counts the pauses in a row, of which each is twice the last.
    """

    domain = models.CharField(_("domain"), max_length=253, unique=True)
    until = models.DateTimeField(_("until"))
    step = models.PositiveSmallIntegerField(_("pauses in a row"))
    reason = models.TextField(_("reply"))
    updated_at = models.DateTimeField(_("since"))

    objects: ClassVar[Any] = SlowdownQuerySet.as_manager()

    class Meta:
        verbose_name = _("slow-down")
        verbose_name_plural = _("slow-downs")
        ordering = ["-until", "domain"]
        default_permissions = ("view", "change")
        constraints = [
            models.CheckConstraint(condition=Q(domain=Lower("domain")), name="slowdown_domain_is_lower_case")
        ]

    def __str__(self) -> str:
        return self.domain
