from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from campaigns import access
from campaigns.admin.preview import MessagePreview
from campaigns.admin.sharing import Sharing
from campaigns.models import Message


@admin.register(Message)
class MessageAdmin(MessagePreview, Sharing):
    actions_detail = (*MessagePreview.actions_detail, *Sharing.actions_detail)
    list_display = ("subject", "parts", "owner", "updated_at")
    list_filter_submit = True
    search_fields = ("subject", "body")
    fieldsets = ((None, {"fields": ("subject", "body", "body_html")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).select_related("owner")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [("owner", RelatedDropdownFilter)] if access.sees_all(request.user, Message) else []

    @display(description=gettext_lazy("parts"), label={"text": "default", "html": "info"})
    def parts(self, message: Message) -> tuple[str, str]:
        return ("html", _("HTML")) if message.body_html else ("text", _("Text"))
