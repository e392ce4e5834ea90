from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.admin.letters.preview import AsSent
from campaigns.admin.runs.changelist import STATUS_COLOURS, AttemptList
from campaigns.admin.runs.progress import Watching
from campaigns.models import MailingAttempt
from campaigns.reports import progress


def _removed(attempt: MailingAttempt) -> str:
    return _("Removed on %s, to save room; the figures stay.") % date_format(timezone.localtime(attempt.pruned_at))


def _counter(name: str) -> Any:
    """A counter of the attempt, its thousands apart, under the field's name."""

    field: Any = MailingAttempt._meta.get_field(name)

    @display(description=field.verbose_name)
    def counter(_admin: Any, attempt: MailingAttempt) -> str:
        return intcomma(getattr(attempt, name))

    return counter


@admin.register(MailingAttempt)
class AttemptAdmin(Watching, AsSent, AttemptList):
    change_form_outer_before_template = "campaigns/attempt_summary.html"
    state_colours = STATUS_COLOURS
    fieldsets = (
        (None, {"fields": ("mailing", "kind", "status", "server_response", "who", "request_id")}),
        (
            gettext_lazy("Outcome"),
            {
                "fields": (
                    ("total_count", "open", "sent_count", "dry_run_count"),
                    ("error_count", "unconfirmed_count", "skipped_count", "cancelled_count"),
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

    total_count, sent_count, dry_run_count = _counter("total"), _counter("sent"), _counter("dry_runs")
    error_count, unconfirmed_count = _counter("errors"), _counter("unconfirmed")
    skipped_count, cancelled_count = _counter("skipped"), _counter("cancelled")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailingAttempt]:
        return super().get_queryset(request).select_related("mailing", "triggered_by").defer("body", "body_html")

    def progress_of(self, obj: MailingAttempt) -> progress.Progress:
        return progress.of_attempt(obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what, *others = super().get_fieldsets(request, obj)
        if obj and obj.test:
            what = (what[0], {"fields": (*what[1]["fields"], "test_letter")})
        return [what, *others]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (
            *("kind", "who", "open", "ledger_link", "text_as_sent", "html_as_sent", "test_letter"),
            *("total_count", "sent_count", "dry_run_count", "error_count", "unconfirmed_count"),
            *("skipped_count", "cancelled_count"),
        )

    @display(description=gettext_lazy("open"))
    def open(self, attempt: MailingAttempt) -> str:
        return intcomma(attempt.open)

    @display(description=gettext_lazy("text"))
    def text_as_sent(self, attempt: MailingAttempt) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', attempt.body) if attempt.body else "—"

    @display(description=gettext_lazy("HTML"))
    def html_as_sent(self, attempt: MailingAttempt) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', attempt.body_html) if attempt.body_html else "—"

    @display(description=gettext_lazy("test letter"))
    def test_letter(self, attempt: MailingAttempt) -> str:
        row = attempt.logs.first()
        return " – ".join(filter(None, (row.email, row.get_status_display(), row.detail))) if row else _removed(attempt)

    @display(description=gettext_lazy("ledger"))
    def ledger_link(self, attempt: MailingAttempt) -> str:
        if attempt.pruned_at:
            return _removed(attempt)
        url = f"{reverse('admin:campaigns_mailinglog_changelist')}?attempt__id__exact={attempt.pk}"
        return format_html('<a class="autosend-link" href="{}">{}</a>', url, _("Every recipient, one row each"))
