from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns import access, lifecycle
from campaigns.admin.clone import MailingCloning
from campaigns.admin.letters.preflight import MailingPreflight
from campaigns.admin.letters.preview import MailingPreview
from campaigns.admin.mailings import live_count
from campaigns.admin.mailings.audience import AudienceForm, MailingAudience
from campaigns.admin.mailings.changelist import STATUS_COLOURS, MailingList
from campaigns.admin.mailings.past import MailingRuns
from campaigns.admin.reports.mailing_report import MailingReport
from campaigns.admin.sharing.page import Sharing
from campaigns.admin.verbs.actions import VerbActions
from campaigns.admin.verbs.testing import TestSend
from campaigns.audience import Audience
from campaigns.models import Mailing, Message

SCHEDULE = {"start_at", "end_at", "repetition"}


class MailingForm(AudienceForm):
    class Meta:
        model = Mailing
        fields = ("name", "message", "lists", "excluded_lists", "conditions", "start_at", "end_at", "repetition")


@admin.register(Mailing)
class MailingAdmin(
    VerbActions,
    MailingPreview,
    MailingPreflight,
    TestSend,
    MailingRuns,
    MailingReport,
    MailingCloning,
    MailingAudience,
    Sharing,
    MailingList,
):
    form = MailingForm
    state_colours = STATUS_COLOURS
    actions_detail = (
        *MailingPreview.actions_detail,
        *MailingPreflight.actions_detail,
        *TestSend.actions_detail,
        *VerbActions.actions_detail,
        *Sharing.actions_detail,
        *MailingCloning.actions_detail,
    )
    autocomplete_fields = ("message", "lists", "excluded_lists")
    readonly_fields = ("message_subject", "message_text", "message_html", "filter_text", "letters_now")
    what = (None, {"fields": ("name", "message")})
    when = (
        gettext_lazy("Schedule"),
        {
            "fields": ("start_at", "end_at", "repetition"),
            "description": gettext_lazy("Only for mailings that are to go out by themselves."),
        },
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mailing]:
        found = super().get_queryset(request).select_related("message", "owner")
        return found.defer("message__body", "message__body_html")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # Who may only look finds the audience above the form.
        may_edit = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        what: Any = self.what
        if obj and not access.can(request.user, "view", obj.message):
            # Seen through the mailing: a message that is not edited would be a link to its page.
            shown = "message" if may_edit else "message_subject"
            what = (None, {"fields": ("name", shown, "message_text", "message_html")})
        return (what, self.whom(request, obj), self.when) if may_edit else (what, self.when)

    @display(description=gettext_lazy("message"))
    def message_subject(self, mailing: Mailing) -> str:
        return mailing.message.subject

    @display(description=gettext_lazy("text"))
    def message_text(self, mailing: Mailing) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', mailing.message.body or "—")

    @display(description=gettext_lazy("HTML"))
    def message_html(self, mailing: Mailing) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', mailing.message.body_html or "—")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        if obj and (field := form.base_fields.get("message")):
            _keep_message(request, obj, field)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the address fills in; a key that can not be one is left out."""
        given = super().get_changeform_initial_data(request)
        keys = ("message", "add_recipients")
        return {name: value for name, value in given.items() if name not in keys or str(value).isdecimal()}

    def save_model(self, request: HttpRequest, obj: Mailing, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # Asked now that the row is ours: it may have been scheduled, or launched, since the form was read.
        scheduled = Mailing.objects.filter(pk=obj.pk, status=Mailing.Status.SCHEDULED)
        if SCHEDULE & set(form.changed_data) and scheduled.exists():
            self._reschedule(request, obj)

    def _reschedule(self, request: HttpRequest, mailing: Mailing) -> None:
        try:
            run_at = timezone.localtime(lifecycle.schedule(mailing))
        except lifecycle.LifecycleError as error:
            lifecycle.unschedule(mailing)
            messages.warning(request, _("%s It is a draft again.") % error)
        else:
            messages.info(request, _("It will now be sent at this time: %s") % date_format(run_at, "DATETIME_FORMAT"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        if isinstance(response, TemplateResponse):  # not the redirect of a form that was saved
            said = Audience.of(self.get_object(request, object_id))
            counted = {"audience": live_count.recipients(said), "plain": said.is_plain}
            response.context_data = {**(response.context_data or {}), **counted}
        return response


def _keep_message(request: HttpRequest, mailing: Mailing, field: Any) -> None:
    """Accept the message that the mailing has, whosever it is; a link to it is for those who may open it."""
    field.queryset = Message.objects.filter(Q(pk__in=field.queryset.values("pk")) | Q(pk=mailing.message_id))
    if not access.can(request.user, "view", mailing.message):
        field.widget.can_view_related = field.widget.can_change_related = False
