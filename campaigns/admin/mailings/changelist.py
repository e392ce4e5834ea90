"""The list of the mailings: where each is, and how its last attempt went."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns.admin.base import ScopedAdmin
from campaigns.admin.dashboard import running_view
from campaigns.admin.lists import IMPORT_RECIPIENTS, NEW_MAILING, WRITE_MESSAGE, LeanList, PeriodFilter, owner_filter
from campaigns.admin.meter import meter
from campaigns.models import Mailing, MailingAttempt

STATUS_COLOURS = {
    Mailing.Status.DRAFT: "default",
    Mailing.Status.SCHEDULED: "info",
    Mailing.Status.RUNNING: "primary",
    Mailing.Status.PAUSED: "warning",
    Mailing.Status.FINISHED: "success",
    Mailing.Status.DISABLED: "danger",
}


class MailingList(ScopedAdmin):
    list_display = ("name_and_message", "status_badge", "last_attempt", "next_run_at", "last_sent_at", "owner")
    list_filter_submit = True
    search_fields = ("name", "message__subject")
    search_help_text = gettext_lazy("Name or subject")
    date_hierarchy = "created_at"
    first_steps = (IMPORT_RECIPIENTS, WRITE_MESSAGE, NEW_MAILING)
    nothing_yet = gettext_lazy(
        "A mailing sends one message to many recipients. Import them, write the message, then make the mailing."
    )

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [("status", ChoicesDropdownFilter), *owner_filter(request, Mailing), ("created_at", PeriodFilter)]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LeanList

    def get_urls(self) -> list[URLPattern]:
        # Cacheable, so that the browser keeps the part and asks whether it has changed.
        view = self.admin_site.admin_view(running_view, cacheable=True)
        return [path("running/", view, name="campaigns_mailing_running"), *super().get_urls()]

    def in_list(self, mailings: QuerySet[Mailing]) -> QuerySet[Mailing]:
        """With the last attempt of each, found by one query for the page, and without texts."""
        real: QuerySet[MailingAttempt] = MailingAttempt.objects.real().defer("body", "body_html")
        last = real.order_by("mailing_id", "-pk").distinct("mailing_id")
        found = mailings.select_related("message", "owner").defer("message__body", "message__body_html")
        return found.prefetch_related(Prefetch("attempts", last, to_attr="last_attempts"))

    @display(description=gettext_lazy("mailing"), header=True, ordering="name")
    def name_and_message(self, mailing: Mailing) -> tuple[str, str]:
        return mailing.name, Truncator(mailing.message.subject).chars(60)

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, mailing: Mailing) -> tuple[str, str]:
        return mailing.status, mailing.get_status_display()

    @display(description=gettext_lazy("last attempt"))
    def last_attempt(self, mailing: Any) -> str | None:
        return meter(mailing.last_attempts[0]) if mailing.last_attempts else None
