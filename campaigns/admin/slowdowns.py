"""Domains that get nothing for a while, because their servers asked for less mail."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from campaigns.admin.base import ReadOnlyAdmin, record
from campaigns.models import DomainSlowdown


@admin.register(DomainSlowdown)
class SlowdownAdmin(ReadOnlyAdmin):
    list_display = ("domain", "state", "until", "step", "reason")
    search_fields = ("domain",)
    actions: Any = ("end",)

    @display(description=gettext_lazy("state"), label={"slowed": "warning", "over": "default"})
    def state(self, slowdown: DomainSlowdown) -> tuple[str, Any]:
        if slowdown.until > timezone.now():
            return "slowed", gettext_lazy("Slowed")
        return "over", gettext_lazy("Over")

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("campaigns.change_domainslowdown")

    @admin.action(description=gettext_lazy("Send to these domains again"), permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[DomainSlowdown]) -> None:
        slowed = list(DomainSlowdown.objects.active().filter(pk__in=queryset))
        count = DomainSlowdown.objects.filter(pk__in=[slowdown.pk for slowdown in slowed]).end()
        sentence = ngettext("%s slow-down has been ended.", "%s slow-downs have been ended.", count) % count
        for slowdown in slowed:
            record(request, slowdown, sentence)
        messages.success(request, sentence)
