from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.recipient_list import RecipientList


class State(models.TextChoices):
    UPLOADED = "uploaded", _("Uploaded")
    CHECKING = "checking", _("Being checked")
    PREVIEWED = "previewed", _("Checked")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Mode(models.TextChoices):
    ADD_AND_UPDATE = "add-and-update", _("Add new recipients and update those who are there")
    ADD = "add", _("Only add new recipients")
    UPDATE = "update", _("Only update recipients who are there")


UNDER_WAY = (State.CHECKING, State.RUNNING)
ENDED = (State.DONE, State.FAILED, State.CANCELLED)
# What became, or would become, of each row of the file that is not empty.
COUNTERS = ("added", "changed", "unchanged", "passed_over", "duplicates", "refused")
# What is counted of them besides.
BESIDE = ("suppressed", "joined", "taken_out")

_counted = sum((F(name) for name in COUNTERS[1:]), F(COUNTERS[0]))


class ImportJobQuerySet(models.QuerySet["ImportJob"]):
    """Moves by conditional UPDATEs; each returns how many rows it moved, and 0 says that somebody else was first."""

    def read_anew(self, **found: Any) -> int:
        """The file is to be read otherwise: what was told of its columns, and counted of its rows, is void."""
        return self.filter(state__in=(State.UPLOADED, State.PREVIEWED)).update(state=State.UPLOADED, **found)

    def check(self) -> int:
        """The columns have been told: count what would become of the rows."""
        return self.filter(state__in=(State.UPLOADED, State.PREVIEWED)).update(
            state=State.CHECKING, reason="", lease=0, position=0, rows_done=0, work_began_at=Now()
        )

    def held_by(self, job: ImportJob) -> ImportJobQuerySet:
        """The import, while the process that read `job` is the last that took it, for what it still waits for."""
        return self.filter(pk=job.pk, lease=job.lease, work_began_at=job.work_began_at)

    def show(self, **found: Any) -> int:
        return self.filter(state=State.CHECKING).update(state=State.PREVIEWED, position=100, **found)

    def begin(self, **given: Any) -> int:
        """It is confirmed: write the rows."""
        return self.filter(state__in=(State.UPLOADED, State.PREVIEWED)).update(
            state=State.RUNNING, lease=0, position=0, rows_done=0, work_began_at=Now(), **given
        )

    def take(self) -> int:
        """A process goes to work. It fences off whoever was at work before, and may have been killed."""
        return self.filter(state__in=UNDER_WAY).update(lease=F("lease") + 1)

    def finish(self, **found: Any) -> int:
        """Part of the transaction that writes the recipients, so both hold or neither."""
        return self.filter(state=State.RUNNING).update(state=State.DONE, position=100, finished_at=Now(), **found)

    def fail(self, reason: str) -> int:
        return self.exclude(state__in=ENDED).update(state=State.FAILED, reason=reason, finished_at=Now())

    def cancel(self, reason: str = "") -> int:
        """What is at work sees it within a second, and leaves nothing behind."""
        return self.exclude(state__in=ENDED).update(state=State.CANCELLED, reason=reason, finished_at=Now())


class ImportJob(models.Model):
    """A file of recipients on its way into the recipients of its owner, and what became of it."""

    State = State
    Mode = Mode

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="import_jobs", verbose_name=_("owner")
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("confirmed by"),
        help_text=_("Nobody: the command."),
    )
    request_id = models.CharField(_("request id"), max_length=64, default="-")
    name = models.CharField(_("file"), max_length=255)
    size = models.BigIntegerField(_("size in bytes"), default=0)
    # How the file is read: imports/layouts.py. Its first line and some rows, for the choice of the columns.
    layout = models.JSONField(default=dict, editable=False)
    headers = models.JSONField(default=list, editable=False)
    samples = models.JSONField(default=list, editable=False)
    # What each column is: imports/columns.py.
    mapping = models.JSONField(default=list, editable=False)
    mode = models.CharField(_("mode"), max_length=14, choices=Mode.choices, default=Mode.ADD_AND_UPDATE)
    # The lists that the recipients of the file come into; one that is still to be made is named.
    lists = models.ManyToManyField(RecipientList, blank=True, related_name="+", verbose_name=_("lists"))
    # One that is deleted goes out of `lists`, and is missed by this.
    lists_chosen = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    new_list = models.CharField(_("new list"), max_length=200, blank=True, db_default="")
    takes_out = models.BooleanField(_("take out of the lists who is not in the file"), default=False, db_default=False)
    # The first rows with what would become of each, and the first that are refused.
    preview = models.JSONField(default=list, editable=False)
    problems = models.JSONField(default=list, editable=False)

    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.UPLOADED)
    reason = models.TextField(_("reason"), blank=True)
    # The fencing token: whoever goes to work raises it, and nothing is finished under an older one. It counts from
    # `work_began_at`.
    lease = models.PositiveIntegerField(default=0, editable=False)
    position = models.PositiveSmallIntegerField(_("percent"), default=0)
    rows_done = models.PositiveIntegerField(_("rows so far"), default=0)

    total = models.PositiveIntegerField(_("rows"), default=0)
    added = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    passed_over = models.PositiveIntegerField(_("passed over by the mode"), default=0)
    duplicates = models.PositiveIntegerField(_("repeated in the file"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    # Addresses of the file that get no mail, and entries of the lists that are, or would be, made and taken out.
    suppressed = models.PositiveIntegerField(_("suppressed"), default=0, db_default=0)
    joined = models.PositiveIntegerField(_("put into lists"), default=0, db_default=0)
    taken_out = models.PositiveIntegerField(_("taken out of lists"), default=0, db_default=0)

    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    work_began_at = models.DateTimeField(_("begun"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects: ClassVar[Any] = ImportJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]
        default_permissions = ("view", "change")
        permissions = [("view_all_importjobs", "Can view everybody's imports")]
        indexes = [models.Index(fields=["owner", "-id"], name="import_list")]
        constraints = [
            models.CheckConstraint(condition=Q(total=_counted), name="import_counts_each_row_once"),
            models.CheckConstraint(condition=Q(position__lte=100), name="import_position_is_a_percentage"),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, finished_at__isnull=False) | (~Q(state__in=ENDED) & Q(finished_at=None)),
                name="import_ended_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def writes(self) -> int:
        """How much is, or would be, written: recipients, and entries of lists."""
        return self.added + self.changed + self.joined + self.taken_out


class ImportPart(models.Model):
    """A piece of an import's file.

    In the database, because the web process that takes the file and the worker that reads it may be on different
    machines. In a table, not a large object: pg_dump, replicas and the deletion of the job take it along. Not
    compressed (0007): that would cost more than it saves, for a file that is read three times and deleted.
    """

    job = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        verbose_name = _("part of a file")
        verbose_name_plural = _("parts of files")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="import_part_once")]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.number}"
