"""The pages that show a letter, and beside each of them the address that its frame is filled from."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from unfold.decorators import action

from backoffice import csp
from campaigns import access
from campaigns.admin.base import Scoped, person
from campaigns.admin.letters.addressees import AS, SAMPLE, Addressees
from campaigns.audience import Audience
from campaigns.models import Mailing, MailingAttempt, MailingLog, Message, Recipient
from campaigns.sending.letters import comparison, preview
from campaigns.sending.letters.content import NotFrozen
from campaigns.sending.letters.preview import NoLetter, Preview

# A link would put another page, or an error, in the letter's place; the sandbox opens no new window for it.
LINKS_LEAD_NOWHERE = '<base target="_blank">'


class LetterPages(Scoped):
    """Shows a letter of the object to whoever may see the object.

    Subclasses say whom it may be shown for, write it, and name the page by an action of theirs.
    """

    letter_page: ClassVar[str]
    letter_path: ClassVar[str]
    letter_template = "campaigns/preview.html"
    order_addressees: ClassVar[str] = "pk"
    search_addressees: ClassVar[tuple[str, ...]] = ("email", "full_name")

    def addressees(self, request: HttpRequest, obj: Any) -> QuerySet[Any]:
        """Whom the person can choose."""
        raise NotImplementedError

    def letter(self, request: HttpRequest, obj: Any, to: Any) -> Preview:
        """The letter to that one; None: with sample values. Raises NoLetter."""
        raise NotImplementedError

    def letter_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the template of this noun needs beyond the letter."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        frame = path(
            f"<path:object_id>/{self.letter_path}/html/",
            self.admin_site.admin_view(self.letter_frame),
            name=f"{self._page_name}_html",
        )
        return [frame, *super().get_urls()]

    def show_letter(self, request: HttpRequest, object_id: str) -> HttpResponse:
        obj, to = self._asked_for(request, object_id)
        page = getattr(self, self.letter_page).short_description
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(page)s: %(name)s") % {"page": page, "name": obj},
            "page_name": page,
            "opts": self.opts,
            "original": obj,
            "addressees": to,
            "sample": SAMPLE,
            "frame": reverse(f"admin:{self._page_name}_html", args=[obj.pk], query={AS: to.key}),
            **self._letter_or_reason(request, obj, to),
            **self.letter_context(request, obj),
        }
        return TemplateResponse(request, self.letter_template, context)

    @method_decorator((xframe_options_sameorigin, csp_override(csp.LETTER)))
    def letter_frame(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The HTML of the letter, for a sandboxed frame."""
        obj, to = self._asked_for(request, object_id)
        try:
            html = self.letter(request, obj, to.chosen).html
        except NoLetter as reason:
            raise Http404(str(reason)) from reason
        if html is None:
            raise Http404(_("The letter has no HTML."))
        return HttpResponse(html + LINKS_LEAD_NOWHERE)

    @property
    def _page_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{self.letter_page}"

    def _asked_for(self, request: HttpRequest, object_id: str) -> tuple[Any, Addressees]:
        obj = self.get_object(request, object_id)
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        visible = self.addressees(request, obj)
        return obj, Addressees(request, visible, self.order_addressees, self.search_addressees)

    def _letter_or_reason(self, request: HttpRequest, obj: Any, to: Addressees) -> dict[str, Any]:
        try:
            return {"letter": self.letter(request, obj, to.chosen)}
        except NoLetter as reason:
            return {"reason": str(reason)}


class PreviewPage(LetterPages):
    """The page of what would be sent now."""

    letter_page, letter_path = "preview", "preview"
    actions_detail: Any = ("preview",)

    @action(description=gettext_lazy("Preview"), url_path="preview", icon="visibility")
    @method_decorator(csp_override(csp.WITH_FRAME))
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.show_letter(request, object_id)


class MessagePreview(PreviewPage):
    """Shows a message as any recipient whom the person may see."""

    def addressees(self, request: HttpRequest, obj: Message) -> QuerySet[Recipient]:
        return access.visible(request.user, Recipient.objects.all())

    def letter(self, request: HttpRequest, obj: Message, to: Recipient | None) -> Preview:
        return preview.of_message(obj, to)


class MailingPreview(PreviewPage):
    """Shows a mailing's message as anybody of its audience whom the person may see."""

    def addressees(self, request: HttpRequest, obj: Mailing) -> QuerySet[Recipient]:
        return access.visible_among(request.user, Audience.of(obj).recipients())

    def letter(self, request: HttpRequest, obj: Mailing, to: Recipient | None) -> Preview:
        return preview.of_message(obj.message, to, obj)

    def letter_context(self, request: HttpRequest, obj: Mailing) -> dict[str, Any]:
        own = Count("pk", filter=Q(owner=person(request)))
        counts = Audience.of(obj).recipients().aggregate(audience=Count("pk"), own=own)
        return counts | {"sees_all": access.sees_all(request.user, Recipient)}


class AsSent(LetterPages):
    """Shows what an attempt has sent, for any row of its ledger, and what has changed in the message since."""

    letter_page, letter_path = "as_sent", "as-sent"
    letter_template = "campaigns/as_sent.html"
    # The index that finds the rows of an attempt has them in this order.
    order_addressees = "recipient_id"
    search_addressees = ("email",)
    actions_detail = ("as_sent",)

    @action(description=gettext_lazy("As sent"), url_path="as-sent", icon="drafts")
    @method_decorator(csp_override(csp.WITH_FRAME))
    def as_sent(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.show_letter(request, object_id)

    def addressees(self, request: HttpRequest, obj: MailingAttempt) -> QuerySet[MailingLog]:
        return MailingLog.objects.filter(attempt=obj)

    def letter(self, request: HttpRequest, obj: MailingAttempt, to: MailingLog | None) -> Preview:
        # The ledger shows the address to all who see the mailing; the rest is for those who see the recipient.
        recipient = Recipient.objects.filter(pk=to.recipient_id or 0).first() if to else None
        if recipient and not access.can(request.user, "view", recipient):
            raise NoLetter(_("This recipient is not shared with you: look at the content with sample values."))
        return preview.as_sent(obj, to)

    def letter_context(self, request: HttpRequest, obj: MailingAttempt) -> dict[str, Any]:
        try:
            return {"changes": comparison.since_launch(obj)}
        except NotFrozen as reason:
            return {"incomparable": str(reason)}
