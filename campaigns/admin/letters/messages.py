from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.admin.clone import MessageCloning
from campaigns.admin.letters.preview import MessagePreview
from campaigns.admin.lists import WRITE_MESSAGE, LeanList, PeriodFilter, owner_filter
from campaigns.admin.sharing.page import Sharing
from campaigns.models import Message


@admin.register(Message)
class MessageAdmin(MessagePreview, MessageCloning, Sharing):
    actions_detail = (*MessagePreview.actions_detail, *Sharing.actions_detail, *MessageCloning.actions_detail)
    list_display = ("subject", "parts", "owner", "updated_at")
    list_filter_submit = True
    search_fields = ("subject", "body")
    search_help_text = gettext_lazy("Subject or text")
    date_hierarchy = "created_at"
    first_steps = (WRITE_MESSAGE,)
    nothing_yet = gettext_lazy("A message is what a mailing sends: a subject, a text, and HTML if you like.")
    fieldsets = ((None, {"fields": ("subject", "body", "body_html")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).select_related("owner")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*owner_filter(request, Message), ("updated_at", PeriodFilter)]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LeanList

    def in_list(self, messages: QuerySet[Message]) -> QuerySet[Message]:
        """Without texts, which may be long."""
        return messages.defer("body", "body_html").annotate(has_text=~Q(body=""), has_html=~Q(body_html=""))

    @display(description=gettext_lazy("parts"), label=True)
    def parts(self, message: Any) -> list[str]:
        parts = ((message.has_text, _("Text")), (message.has_html, _("HTML")))
        return [name for there, name in parts if there]
