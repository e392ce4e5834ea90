"""Domains that get nothing for a while, because their servers asked for less mail."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from campaigns.admin.base import ReadOnlyAdmin, record
from campaigns.models import DomainSlowdown


class StateFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("slowed", gettext_lazy("Slowed")), ("over", gettext_lazy("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DomainSlowdown]) -> QuerySet[DomainSlowdown]:
        conditions = {"slowed": {"until__gt": Now()}, "over": {"until__lte": Now()}}
        return queryset.filter(**conditions.get(str(self.value()), {}))


@admin.register(DomainSlowdown)
class SlowdownAdmin(ReadOnlyAdmin):
    list_display = ("domain", "state", "until", "step", "reply")
    search_fields = ("domain",)
    search_help_text = gettext_lazy("Domain")
    list_filter_submit = True
    list_filter = (StateFilter,)
    nothing_yet = gettext_lazy("No mail server has asked for less mail.")
    actions: Any = ("end",)

    @display(description=gettext_lazy("state"), label={"slowed": "warning", "over": "default"})
    def state(self, slowdown: DomainSlowdown) -> tuple[str, Any]:
        if slowdown.until > timezone.now():
            return "slowed", gettext_lazy("Slowed")
        return "over", gettext_lazy("Over")

    @display(description=gettext_lazy("reply"))
    def reply(self, slowdown: DomainSlowdown) -> str:
        return Truncator(slowdown.reason).chars(100)

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
