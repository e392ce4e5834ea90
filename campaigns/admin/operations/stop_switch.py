"""The switch that stops all sending: a page that asks first, and what every page shows while it is on."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import FormView
from unfold.views import UnfoldSiteViewMixin
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns import access
from campaigns.admin.base import person, record
from campaigns.admin.operations import clock
from campaigns.models import MailingAttempt, SendingStop
from campaigns.sending import stop


def in_force(request: HttpRequest) -> SendingStop | None:
    """The stop that is on, asked once a page."""
    page = cast(Any, request)
    if not hasattr(page, "sending_stop"):
        page.sending_stop = SendingStop.objects.in_force()
    found: SendingStop | None = page.sending_stop
    return found


def banner(request: HttpRequest) -> dict[str, Any]:
    """Unfold's global callback: what every page needs for the banners."""
    if not admin.site.has_permission(request):
        return {}
    return {
        "sending_stop": in_force(request),
        "may_stop_sending": access.may_stop_sending(request.user),
        "sending_disabled": not settings.SENDING_ENABLED,
        "late_clock": clock.late(request),
    }


class ReasonForm(forms.ModelForm):
    class Meta:
        model = SendingStop
        fields = ("reason",)
        widgets = {"reason": UnfoldAdminTextInputWidget}
        help_texts = {"reason": gettext_lazy("Everybody reads it on every page, and at each mailing.")}


class StopSwitchView(UnfoldSiteViewMixin, FormView):
    """Stops all sending with a reason, or resumes it; by POST."""

    form_class = ReasonForm
    template_name = "campaigns/stop_switch.html"
    success_url = reverse_lazy("admin:index")

    @property
    def title(self) -> str:
        return _("Resume sending") if in_force(self.request) else _("Stop all sending")

    def has_permission(self) -> bool:
        return access.may_stop_sending(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        pressed = in_force(self.request)
        paused = pressed.attempts.real().filter(status=MailingAttempt.Status.PAUSED).count() if pressed else 0
        context: dict[str, Any] = super().get_context_data(**kwargs, paused=paused)
        return context

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "resume" in request.POST:
            return self._tell(self._resume)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: ReasonForm) -> HttpResponse:
        return self._tell(lambda: self._stop(form.cleaned_data["reason"]))

    def _tell(self, deed: Callable[[], str]) -> HttpResponse:
        try:
            messages.success(self.request, deed())
        except stop.StopError as error:
            messages.error(self.request, str(error))
        return HttpResponseRedirect(str(self.success_url))

    def _stop(self, reason: str) -> str:
        pressed = stop.press(person(self.request), reason)
        count = pressed.attempts.real().count()
        sentence = ngettext(
            "All sending is stopped; %s mailing is paused.", "All sending is stopped; %s mailings are paused.", count
        )
        record(self.request, pressed, sentence % count)
        return sentence % count

    def _resume(self) -> str:
        lifted, count = stop.lift(person(self.request))
        sentence = ngettext("Sending is resumed; %s mailing goes on.", "Sending is resumed; %s mailings go on.", count)
        record(self.request, lifted, sentence % count)
        return sentence % count
