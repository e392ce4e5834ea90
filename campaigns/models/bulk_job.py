from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.mailing import Mailing
from campaigns.models.recipient_list import RecipientList


class Deed(models.TextChoices):
    ADD_TO_LIST = "add-to-list", _("Add to a list")
    REMOVE_FROM_LIST = "remove-from-list", _("Remove from a list")
    ADD_TO_MAILING = "add-to-mailing", _("Add to a mailing")
    REMOVE_FROM_MAILING = "remove-from-mailing", _("Remove from a mailing")
    DELETE = "delete", _("Delete")
    DELETE_LIST = "delete-list", _("Delete a list")


class State(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class BulkJobQuerySet(models.QuerySet["BulkJob"]):
    """Moves by conditional UPDATEs; each returns how many rows it moved, and 0 says that it has ended already."""

    def finish(self) -> int:
        return self._end(State.DONE)

    def fail(self, reason: str) -> int:
        return self._end(State.FAILED, reason=reason)

    def cancel(self) -> int:
        """No slice begins any more; what the earlier ones did stays."""
        return self._end(State.CANCELLED)

    def _end(self, state: State, **changes: Any) -> int:
        return self.filter(state=State.RUNNING).update(state=state, keys=[], finished_at=Now(), **changes)


class BulkJob(models.Model):
    """What somebody wants done with many recipients, how far it is, and what became of it."""

    Deed = Deed
    State = State

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bulk_jobs", verbose_name=_("owner")
    )
    request_id = models.CharField(_("request id"), max_length=64, default="-")
    deed = models.CharField(_("what"), max_length=19, choices=Deed.choices)
    recipient_list = models.ForeignKey(
        RecipientList, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("list")
    )
    mailing = models.ForeignKey(
        Mailing, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("mailing")
    )
    # The name of the list or mailing, which may be deleted later.
    target_name = models.CharField(_("list or mailing"), max_length=200, blank=True)
    # Who was selected, in order, until it has ended. An array is written by one statement and read in slices.
    keys = ArrayField(models.BigIntegerField(), default=list, editable=False)
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.RUNNING)
    reason = models.TextField(_("reason"), blank=True)
    total = models.PositiveIntegerField(_("selected"), default=0)
    # So many of the keys have been looked at: where the next slice begins.
    position = models.PositiveIntegerField(_("so far"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects: ClassVar[Any] = BulkJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("bulk change")
        verbose_name_plural = _("bulk changes")
        ordering = ["-id"]
        default_permissions = ("view", "change")
        permissions = [("view_all_bulkjobs", "Can view everybody's bulk changes")]
        indexes = [models.Index(fields=["owner", "-id"], name="bulkjob_list")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(position__lte=models.F("total")), name="bulkjob_position_within_total"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_deed_display()}: {self.target_name}" if self.target_name else str(self.get_deed_display())

    @property
    def ended(self) -> bool:
        return self.state != State.RUNNING

    @property
    def percent(self) -> int:
        return 100 * self.position // self.total if self.total else 100
