from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns.admin.base import ReadOnlyOfMailing
from campaigns.models import MailingLog

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


class StatusFilter(ChoicesDropdownFilter):
    """The few rows that want a person are looked up by the column that their index is on."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[MailingLog]) -> Any:
        found = super().queryset(request, queryset)
        few = [str(int(status)) for status in MailingLog.ATTENTION]
        return found.filter(attention=self.value()) if self.value() in few else found


@admin.register(MailingLog)
class LogAdmin(ReadOnlyOfMailing):
    list_display = ("email", "status_badge", "detail", "tries", "settled_at", "mailing_and_attempt")
    list_filter_submit = True
    list_filter = (("status", StatusFilter),)
    search_fields = ("email",)
    search_help_text = gettext_lazy("The whole or part of an address")
    # The latest first, by the index that also finds the rows of an attempt.
    ordering = ("-attempt_id", "-recipient_id")
    fields = ("attempt", "recipient_id", "email", "status", "detail", "tries", "retry_at", "settled_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        logs: Any = super().get_queryset(request)
        return logs.with_in_flight().select_related("attempt", "attempt__mailing")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("recipient_id",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in ("attempt__id__exact", "attempt__mailing__id__exact") or super().lookup_allowed(
            lookup, value, request
        )

    @display(description=gettext_lazy("attempt"), ordering="attempt")
    def mailing_and_attempt(self, log: MailingLog) -> str:
        return f"{log.attempt.mailing}, {log.attempt}"

    @display(
        description=gettext_lazy("status"),
        ordering="status",
        label=STATUS_COLOURS,
    )
    def status_badge(self, log: Any) -> tuple[int | str, Any]:
        return (IN_FLIGHT, _("In flight")) if log.in_flight else (log.status, log.get_status_display())
