"""Undo, on the page of a mailing that has just been launched."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import access, lifecycle
from campaigns.admin.base import ScopedAdmin, person, record
from campaigns.admin.object_urls import object_urls
from campaigns.lifecycle import LifecycleError


class Undo(ScopedAdmin):
    """Gives a ModelAdmin of mailings the address that the banner's button posts to."""

    def get_urls(self) -> list[URLPattern]:
        return [*object_urls(self, undo=require_POST(self.undo_view)), *super().get_urls()]

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        mailing = self.get_object(request, object_id)
        if not access.can(request.user, "send", mailing):
            raise Http404
        try:
            status = lifecycle.undo(mailing, person(request))
        except LifecycleError as error:
            messages.error(request, str(error))
        else:
            sentence = _("The launch of “%(mailing)s” was undone, and nothing was sent. State: %(state)s.")
            told = sentence % {"mailing": mailing, "state": status.label}
            record(request, mailing, told)
            messages.success(request, told)
        return HttpResponseRedirect(reverse("admin:campaigns_mailing_change", args=[mailing.pk]))
