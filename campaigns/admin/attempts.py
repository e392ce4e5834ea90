from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from campaigns.admin.base import ReadOnlyOfMailing
from campaigns.admin.preview import AsSent
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


@admin.register(MailingAttempt)
class AttemptAdmin(AsSent, ReadOnlyOfMailing):
    list_display = (
        "mailing_and_id",
        "kind",
        "status_badge",
        "total",
        "sent",
        "errors",
        "unconfirmed",
        "skipped",
        "created_at",
        "who",
    )
    list_filter_submit = True
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("dry_run", BooleanRadioFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("mailing__name", "subject")
    fieldsets = (
        (None, {"fields": ("mailing", "kind", "status", "server_response", "who", "request_id")}),
        (
            gettext_lazy("Outcome"),
            {
                "fields": (
                    ("total", "open", "sent", "dry_runs"),
                    ("errors", "unconfirmed", "skipped", "cancelled"),
                    ("created_at", "started_at", "finished_at"),
                    "ledger_link",
                )
            },
        ),
        (
            gettext_lazy("As sent"),
            {"fields": ("from_email", "subject", "text_as_sent", "html_as_sent")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailingAttempt]:
        return super().get_queryset(request).select_related("mailing", "triggered_by")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("kind", "who", "open", "ledger_link", "text_as_sent", "html_as_sent")

    @display(description=gettext_lazy("attempt"), header=True, ordering="id")
    def mailing_and_id(self, attempt: MailingAttempt) -> tuple[str, str]:
        return attempt.mailing.name, str(attempt)

    @display(description=gettext_lazy("kind"), ordering="dry_run")
    def kind(self, attempt: MailingAttempt) -> str:
        kind = _("Dry run") if attempt.dry_run else _("Real")
        return _("%s, new recipients only") % kind if attempt.new_only else kind

    @display(
        description=gettext_lazy("status"),
        ordering="status",
        label=STATUS_COLOURS,
    )
    def status_badge(self, attempt: MailingAttempt) -> tuple[str, str]:
        return attempt.status, attempt.get_status_display()

    @display(description=gettext_lazy("launched by"), ordering="triggered_by")
    def who(self, attempt: MailingAttempt) -> str:
        return str(attempt.triggered_by) if attempt.triggered_by else _("By schedule or command")

    @display(description=gettext_lazy("open"))
    def open(self, attempt: MailingAttempt) -> int:
        return attempt.open

    @display(description=gettext_lazy("text"))
    def text_as_sent(self, attempt: MailingAttempt) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', attempt.body) if attempt.body else "—"

    @display(description=gettext_lazy("HTML"))
    def html_as_sent(self, attempt: MailingAttempt) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', attempt.body_html) if attempt.body_html else "—"

    @display(description=gettext_lazy("ledger"))
    def ledger_link(self, attempt: MailingAttempt) -> str:
        url = f"{reverse('admin:campaigns_mailinglog_changelist')}?attempt__id__exact={attempt.pk}"
        return format_html('<a class="autosend-link" href="{}">{}</a>', url, _("Every recipient, one row each"))
