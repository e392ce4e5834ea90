from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns import access
from campaigns.admin.base import ReadOnlyScoped, ScopedFilter
from campaigns.admin.lists import OPEN_MAILINGS
from campaigns.admin.runs import log_list
from campaigns.admin.runs.log_list import LogList
from campaigns.admin.runs.replies import ReplyFilter
from campaigns.models import MailingAttempt, MailingLog

# As in the menu; its rows are entries.
LIST_NAME = gettext_lazy("Mailing log")
IN_FLIGHT = "in flight"
STATUS_COLOURS = {
    IN_FLIGHT: "primary",
    MailingLog.Status.PENDING: "default",
    MailingLog.Status.DEFERRED: "warning",
    MailingLog.Status.SENT: "success",
    MailingLog.Status.ERROR: "danger",
    MailingLog.Status.SKIPPED: "default",
    MailingLog.Status.UNCONFIRMED: "warning",
    MailingLog.Status.DRY_RUN: "info",
    MailingLog.Status.CANCELLED: "default",
}


class MailingFilter(ScopedFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext_lazy("mailing")


class StatusFilter(ChoicesDropdownFilter):
    """The few rows that want a person are looked up by the column that their index is on."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[MailingLog]) -> Any:
        found = super().queryset(request, queryset)
        few = [str(int(status)) for status in MailingLog.ATTENTION]
        return found.filter(attention=self.value()) if self.value() in few else found


@admin.register(MailingLog)
class LogAdmin(ReadOnlyScoped):
    list_display = ("email", "status_badge", "reply", "tries", "settled_at", "mailing_and_attempt")
    list_filter_submit = True
    list_filter = (("status", StatusFilter), ("attempt__mailing", MailingFilter), ReplyFilter)
    search_fields = ("email",)
    search_help_text = gettext_lazy("A whole e-mail address")
    paginator = log_list.LogPaginator
    # The latest first, by the index that also finds the rows of an attempt; no other order has an index.
    ordering = ("-attempt_id", "-recipient_id")
    sortable_by = ()
    fields = ("attempt", "recipient_id", "email", "status", "detail", "tries", "retry_at", "settled_at")
    first_steps = (OPEN_MAILINGS,)
    nothing_yet = gettext_lazy(
        "Every letter has a row here from the moment its mailing is launched, or tried in a dry run."
    )
    nothing_found = gettext_lazy(
        "Search for a whole address, or open the log of one attempt and search for part of one there. "
        "Whoever was deleted from the recipients is found within an attempt only."
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"title": LIST_NAME, "list_name": LIST_NAME, **(extra_context or {})}
        return super().changelist_view(request, context)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {"list_name": LIST_NAME, **(extra_context or {})}
        response: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return response

    def get_queryset(self, request: HttpRequest) -> Any:
        logs: Any = super().get_queryset(request)
        return (
            logs.with_in_flight()
            .select_related("attempt__mailing")
            .only(
                *(field.name for field in MailingLog._meta.concrete_fields),
                *("attempt__dry_run", "attempt__test", "attempt__mailing__name", "attempt__mailing__owner"),
            )
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LogList

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False
        if log_list.ATTEMPT in request.GET:
            found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term)
            return found
        attempts = access.visible(request.user, MailingAttempt.objects.all())
        return log_list.of_address(attempts, queryset, search_term.strip()), False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("recipient_id",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in ("attempt__id__exact", "attempt__mailing__id__exact") or super().lookup_allowed(
            lookup, value, request
        )

    @display(description=gettext_lazy("attempt"), header=True)
    def mailing_and_attempt(self, log: MailingLog) -> tuple[str, str]:
        return str(log.attempt.mailing), str(log.attempt)

    @display(description=gettext_lazy("reply"))
    def reply(self, log: MailingLog) -> str:
        return Truncator(log.detail).chars(100)

    @display(
        description=gettext_lazy("status"),
        label=STATUS_COLOURS,
    )
    def status_badge(self, log: Any) -> tuple[int | str, Any]:
        return (IN_FLIGHT, _("In flight")) if log.in_flight else (log.status, log.get_status_display())
