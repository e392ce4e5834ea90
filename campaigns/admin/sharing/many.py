"""Sharing of many objects at once, from their list."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy, ngettext

from campaigns import access
from campaigns.admin.sharing.forms import GranteesForm, ShareForm
from campaigns.admin.sharing.page import Sharing, apply


class SharingOfMany(Sharing):
    """Gives a noun list actions, too, which share many objects at once, or end it."""

    sharing_actions = ("share_selected", "stop_sharing_selected")

    @admin.action(description=gettext_lazy("Share…"))
    def share_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._with_selected(request, queryset, ShareForm)

    @admin.action(description=gettext_lazy("Stop sharing…"))
    def stop_sharing_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._with_selected(request, queryset, GranteesForm)

    def _with_selected(
        self, request: HttpRequest, queryset: QuerySet[Any], form_class: type[GranteesForm]
    ) -> HttpResponse | None:
        own = access.sharable(request.user, queryset)
        form = form_class(request, self.model, request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask_with_whom(request, form, own.count(), queryset.count())
        _tell(request, len(apply(request, own, form)))
        return None

    def _ask_with_whom(self, request: HttpRequest, form: GranteesForm, count: int, selected: int) -> HttpResponse:
        name = request.POST["action"]
        title = str(getattr(self, name).short_description).removesuffix("…")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "page_name": title,
            "opts": self.opts,
            "form": form,
            "media": form.media,
            "count": count,
            "refused": selected - count,
            "action_name": name,
            "select_across": request.POST.get("select_across", "0"),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        }
        return TemplateResponse(request, "campaigns/sharing_selected.html", context)


def _tell(request: HttpRequest, count: int) -> None:
    sentence = ngettext(
        "The shares of %(count)s object were changed.", "The shares of %(count)s objects were changed.", count
    )
    messages.success(request, sentence % {"count": count})
