"""Who stopped all sending when and why."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.admin.base import ReadOnlyAdmin
from campaigns.models import SendingStop


@admin.register(SendingStop)
class StopAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "state", "reason", "started_by", "ended_at", "ended_by")
    fields = ("reason", ("started_at", "started_by"), ("ended_at", "ended_by"))
    list_select_related = ("started_by", "ended_by")
    search_fields = ("reason",)
    search_help_text = gettext_lazy("Reason")
    date_hierarchy = "started_at"
    nothing_yet = gettext_lazy("Nobody has stopped all sending.")

    @display(description=gettext_lazy("state"), label={"on": "danger", "over": "default"})
    def state(self, stop: SendingStop) -> tuple[str, Any]:
        return ("over", gettext_lazy("Over")) if stop.ended_at else ("on", gettext_lazy("In force"))
