from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy

from campaigns.models import MailingLog
from campaigns.reports import replies


class ReplyFilter(SimpleListFilter):
    """The rows with a reply that was chosen elsewhere; in the list it can only be taken away."""

    title = gettext_lazy("reply")
    parameter_name = "reply"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        chosen = self.value()
        return [(chosen, Truncator(chosen).chars(60))] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[MailingLog]) -> Any:
        chosen = self.value()
        return replies.with_reply(queryset, chosen) if chosen else queryset
