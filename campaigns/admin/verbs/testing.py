"""A letter of the mailing to an address that the person types in: a button and its dialog."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminEmailInputWidget

from campaigns import access
from campaigns.admin.base import ScopedAdmin, person, record
from campaigns.admin.dialogs import Dialogs, for_those_who, leave
from campaigns.audience import Audience
from campaigns.lifecycle import LifecycleError, send_test, testing
from campaigns.models import Mailing, Recipient

# How many of the audience are offered before anything is typed; anybody else's address can be typed.
OFFERED = 50
TITLE = gettext_lazy("Send a test")


class TestForm(BaseDialogForm):
    form_after_template = "campaigns/test_recipients.html"

    address = forms.CharField(label=gettext_lazy("To this address"), max_length=254, widget=UnfoldAdminEmailInputWidget)
    recipient = forms.CharField(
        label=gettext_lazy("As if to this recipient"),
        required=False,
        help_text=gettext_lazy(
            "The e-mail of somebody in the audience, whose name and values fill the letter. Empty: the first one."
        ),
        widget=UnfoldAdminEmailInputWidget(attrs={"list": "test-recipients", "autocomplete": "off"}),
    )

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        mailing = Mailing.objects.select_related("owner").get(pk=object_id)
        self._audience: QuerySet[Recipient] = Audience.of(mailing).recipients().order_by("pk")
        self._visible = access.visible_among(request.user, self._audience)
        first = self._visible.first()
        self.initial = {"address": person(request).email, "recipient": first.email if first else ""}

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        try:
            testing.refuse_no_address(address)
        except LifecycleError as error:
            raise forms.ValidationError(str(error)) from error
        return address

    def clean_recipient(self) -> Recipient:
        typed = self.cleaned_data["recipient"]
        found = self._visible.filter(email__iexact=typed) if typed else self._visible
        chosen = found.first()
        if chosen is None:
            raise forms.ValidationError(self._nobody())
        return chosen

    def get_after_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"recipients": self._visible[:OFFERED]}

    def _nobody(self) -> str:
        if not self._audience.exists():
            return _("This mailing has no recipients: add some first. A test letter is written as if to one of them.")
        if not self._visible.exists():
            return _("A test letter is written as if to one of the recipients, and you may see none of this mailing's.")
        return _("Nobody of the audience whom you may see has this address.")


def _may_send(_model_admin: ScopedAdmin, request: HttpRequest, mailing: Mailing) -> bool:
    return access.can(request.user, "send", mailing)


class TestSend(Dialogs):
    """Gives the page of a mailing the button."""

    actions_detail: Any = ("test_send",)

    @for_those_who(_may_send)
    @action(
        description=TITLE,
        url_path="test-send",
        icon="outgoing_mail",
        dialog={
            "title": TITLE,
            "description": gettext_lazy("One letter leaves at once. The mailing itself and its figures do not change."),
            "form_class": TestForm,
            "form_submit_text": TITLE,
        },
    )
    def test_send(self, request: HttpRequest, form: TestForm, object_id: str) -> HttpResponse:
        mailing: Mailing = self.get_object(request, object_id)
        address = form.cleaned_data["address"]
        try:
            attempt = send_test(mailing, person(request), address, form.cleaned_data["recipient"])
        except LifecycleError as error:
            messages.error(request, str(error))
        else:
            record(request, mailing, _("Test letter to %s.") % address)
            messages.success(
                request, _queued(address, reverse("admin:campaigns_mailingattempt_change", args=[attempt.pk]))
            )
        return leave(request, reverse("admin:campaigns_mailing_change", args=[mailing.pk]))


def _queued(address: str, url: str) -> str:
    sentence = _("Test letter to %s: queued.") % address
    return format_html('{} <a class="underline" href="{}">{}</a>', sentence, url, _("See what becomes of it"))
