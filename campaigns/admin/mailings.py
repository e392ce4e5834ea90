from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanSwitchWidget

from campaigns import access, lifecycle
from campaigns.admin.base import person
from campaigns.admin.preview import MailingPreview
from campaigns.admin.sharing import Sharing
from campaigns.admin.verb_actions import VerbActions
from campaigns.models import Mailing, Message, Recipient
from campaigns.reports import progress

STATUS_COLOURS = {
    Mailing.Status.DRAFT: "default",
    Mailing.Status.SCHEDULED: "info",
    Mailing.Status.RUNNING: "primary",
    Mailing.Status.PAUSED: "warning",
    Mailing.Status.FINISHED: "success",
    Mailing.Status.DISABLED: "danger",
}


SCHEDULE = {"start_at", "end_at", "repetition"}


class MailingForm(forms.ModelForm):
    """The audience is added to, never listed: a select with 100,000 options works for nobody."""

    add_recipients = forms.ModelMultipleChoiceField(
        Recipient.objects.none(),
        required=False,
        label=gettext_lazy("Add recipients"),
        help_text=gettext_lazy("Search by name or e-mail. To add many, select them on the page of the recipients."),
    )
    add_all = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label=gettext_lazy("Add all my recipients"),
        help_text=gettext_lazy("Everybody you own now. Who is imported later is not added by itself."),
    )

    class Meta:
        model = Mailing
        fields = ("name", "message", "start_at", "end_at", "repetition")


@admin.register(Mailing)
class MailingAdmin(VerbActions, MailingPreview, Sharing):
    form = MailingForm
    actions_detail = (*MailingPreview.actions_detail, *VerbActions.actions_detail, *Sharing.actions_detail)
    list_display = ("name_and_message", "status_badge", "last_attempt", "owner", "start_at", "last_sent_at")
    list_filter_submit = True
    search_fields = ("name", "message__subject")
    date_hierarchy = "created_at"
    autocomplete_fields = ("message",)
    change_form_outer_before_template = "campaigns/mailing_summary.html"
    readonly_fields = ("message_subject", "message_text", "message_html")
    what = (None, {"fields": ("name", "message")})
    whom = (gettext_lazy("Audience"), {"fields": ("add_recipients", "add_all")})
    when = (
        gettext_lazy("Schedule"),
        {
            "fields": ("start_at", "end_at", "repetition"),
            "description": gettext_lazy("Only for mailings that are to go out by themselves."),
        },
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mailing]:
        return super().get_queryset(request).select_related("message", "owner")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        owner = [("owner", RelatedDropdownFilter)] if access.sees_all(request.user, Mailing) else []
        return [("status", ChoicesDropdownFilter), *owner, ("start_at", RangeDateTimeFilter)]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # Who may only look finds the audience above the form.
        may_edit = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        what: Any = self.what
        if obj and not access.can(request.user, "view", obj.message):
            # Seen through the mailing: a message that is not edited would be a link to its page.
            shown = "message" if may_edit else "message_subject"
            what = (None, {"fields": ("name", shown, "message_text", "message_html")})
        return (what, self.whom, self.when) if may_edit else (what, self.when)

    @display(description=gettext_lazy("mailing"), header=True, ordering="name")
    def name_and_message(self, mailing: Mailing) -> tuple[str, str]:
        return mailing.name, mailing.message.subject

    @display(description=gettext_lazy("message"))
    def message_subject(self, mailing: Mailing) -> str:
        return mailing.message.subject

    @display(description=gettext_lazy("text"))
    def message_text(self, mailing: Mailing) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', mailing.message.body or "—")

    @display(description=gettext_lazy("HTML"))
    def message_html(self, mailing: Mailing) -> str:
        return format_html('<pre class="autosend-pre">{}</pre>', mailing.message.body_html or "—")

    @display(
        description=gettext_lazy("status"),
        ordering="status",
        label=STATUS_COLOURS,
    )
    def status_badge(self, mailing: Mailing) -> tuple[str, str]:
        return mailing.status, mailing.get_status_display()

    @display(description=gettext_lazy("last attempt"))
    def last_attempt(self, mailing: Mailing) -> str:
        attempt = mailing.attempts.real().first()
        if not attempt:
            return "—"
        return format_html(
            '<progress class="autosend-progress" max="{}" value="{}" aria-label="{}"></progress> <small>{}</small>',
            attempt.total or 1,
            attempt.sent,
            _("Sent"),
            _("%(status)s: %(sent)s of %(total)s sent")
            % {"status": attempt.get_status_display(), "sent": attempt.sent, "total": attempt.total},
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        if field := form.base_fields.get("add_recipients"):
            field.queryset = access.usable(request.user, Recipient.objects.all())
            field.widget = AutocompleteSelectMultiple(Mailing.recipients.field, self.admin_site)
            field.widget.choices = field.choices
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
        if obj.status == Mailing.Status.SCHEDULED and SCHEDULE & set(form.changed_data):
            self._reschedule(request, obj)

    def _reschedule(self, request: HttpRequest, mailing: Mailing) -> None:
        try:
            run_at = timezone.localtime(lifecycle.schedule(mailing))
        except lifecycle.LifecycleError as error:
            lifecycle.unschedule(mailing)
            messages.warning(request, _("%s It is a draft again.") % error)
        else:
            messages.info(request, _("It will now be sent at this time: %s") % date_format(run_at, "DATETIME_FORMAT"))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        mailing: Mailing = form.instance
        mailing.add_to_audience(form.cleaned_data["add_recipients"])
        if form.cleaned_data["add_all"]:
            mailing.add_to_audience(Recipient.objects.filter(owner=person(request)))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        mailing: Mailing = self.get_object(request, object_id)
        context = {
            "summary": progress.of_mailing(mailing),
            "colour": STATUS_COLOURS[Mailing.Status(mailing.status)],
            "audience": mailing.recipients.count(),
            **(extra_context or {}),
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<path:object_id>/progress/", view, name="campaigns_mailing_progress"), *super().get_urls()]

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The live part of the mailing's page; it asks for itself again until the attempt has ended."""
        mailing: Mailing = self.get_object(request, object_id)
        if not self.has_view_permission(request, mailing):
            raise PermissionDenied
        summary = progress.of_mailing(mailing)
        colour = STATUS_COLOURS[Mailing.Status(mailing.status)]
        context = {"summary": summary, "colour": colour, "just_ended": not summary.live}
        return render(request, "campaigns/mailing_progress.html", context)


def _keep_message(request: HttpRequest, mailing: Mailing, field: Any) -> None:
    """Accept the message that the mailing has, whosever it is; a link to it is for those who may open it."""
    field.queryset = Message.objects.filter(Q(pk__in=field.queryset.values("pk")) | Q(pk=mailing.message_id))
    if not access.can(request.user, "view", mailing.message):
        field.widget.can_view_related = field.widget.can_change_related = False
