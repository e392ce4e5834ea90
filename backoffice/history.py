"""The page that tells what was done with an object."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin


class GuardedHistory(ModelAdmin):
    """Gives a ModelAdmin the history that tells outsiders nothing, not even whether the object exists."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """As Django's, which answers 403 for an object that is there and goes to the index for one that is not."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None or not self.has_view_or_change_permission(request, obj):
            raise Http404
        context = {"page_name": _("History"), **(extra_context or {})}
        response: HttpResponse = super().history_view(request, object_id, context)
        return response
