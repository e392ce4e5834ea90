"""The list of the attempts: what was launched when by whom, and what became of it."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from campaigns.admin.base import ReadOnlyScoped, ScopedFilter
from campaigns.admin.lists import OPEN_MAILINGS, LeanList, PeriodFilter
from campaigns.admin.meter import meter
from campaigns.models import MailingAttempt

STATUS_COLOURS = {
    MailingAttempt.Status.QUEUED: "info",
    MailingAttempt.Status.RUNNING: "primary",
    MailingAttempt.Status.PAUSED: "warning",
    MailingAttempt.Status.SUCCESS: "success",
    MailingAttempt.Status.PARTIAL: "warning",
    MailingAttempt.Status.FAIL: "danger",
    MailingAttempt.Status.CANCELLED: "default",
}


class KindFilter(DropdownFilter):
    """What was sent to the audience, apart from what only tried it out."""

    title = gettext_lazy("kind")
    parameter_name = "kind"
    kinds = {"real": {"dry_run": False, "test": False}, "dry_run": {"dry_run": True}, "test": {"test": True}}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, Any]]:
        yield "real", gettext_lazy("Real")
        yield "dry_run", gettext_lazy("Dry run")
        yield "test", gettext_lazy("Test")

    def queryset(self, request: HttpRequest, queryset: QuerySet[MailingAttempt]) -> QuerySet[MailingAttempt]:
        return queryset.filter(**self.kinds.get(str(self.value()), {}))


class AttemptList(ReadOnlyScoped):
    list_display = ("mailing_and_id", "status_badge", "progress", "kind", "created_at", "who")
    list_filter_submit = True
    list_filter: Any = (
        ("status", ChoicesDropdownFilter),
        KindFilter,
        ("mailing", ScopedFilter),
        ("created_at", PeriodFilter),
    )
    search_fields = ("mailing__name", "subject")
    search_help_text = gettext_lazy("Mailing or subject")
    first_steps = (OPEN_MAILINGS,)
    nothing_yet = gettext_lazy("Each launch of a mailing, each dry run and each test stands here once it has begun.")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LeanList

    def in_list(self, attempts: QuerySet[MailingAttempt]) -> QuerySet[MailingAttempt]:
        """Without texts, which may be long."""
        return attempts.defer("body", "body_html")

    @display(description=gettext_lazy("attempt"), header=True, ordering="id")
    def mailing_and_id(self, attempt: MailingAttempt) -> tuple[str, str]:
        return attempt.mailing.name, str(attempt)

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, attempt: MailingAttempt) -> tuple[str, str]:
        return attempt.status, attempt.get_status_display()

    @display(description=gettext_lazy("progress"))
    def progress(self, attempt: MailingAttempt) -> str:
        return meter(attempt)

    @display(description=gettext_lazy("kind"), ordering="dry_run")
    def kind(self, attempt: MailingAttempt) -> str:
        kind = _("Dry run") if attempt.dry_run else _("Test") if attempt.test else _("Real")
        return _("%s, new recipients only") % kind if attempt.new_only else kind

    @display(description=gettext_lazy("launched by"), ordering="triggered_by")
    def who(self, attempt: MailingAttempt) -> str:
        return str(attempt.triggered_by) if attempt.triggered_by else _("By schedule or command")
