"""From the list of recipients into lists and audiences, out of them, and away: the selected, or all that match."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice import correlation
from campaigns.admin.base import ScopedAdmin, person
from campaigns.admin.bulk.forms import ListChoice, MailingChoice, NoChoice, OldOrNewListChoice
from campaigns.bulk import jobs
from campaigns.bulk.errors import BulkRefused
from campaigns.models import BulkJob, Recipient
from campaigns.models.bulk_job import Deed, State

type Recipients = QuerySet[Recipient]
type Choice = type[NoChoice | MailingChoice | ListChoice]


class BulkActions(ScopedAdmin):
    """Each asks first, and is a few statements however many are selected; many are changed by a worker."""

    actions: Any = ("add_to_list", "remove_from_list", "add_to_mailing", "remove_from_mailing", "delete_selected")

    @admin.action(description=gettext_lazy("Add to a list…"))
    def add_to_list(self, request: HttpRequest, queryset: Recipients) -> HttpResponse | None:
        return self._do(request, queryset, Deed.ADD_TO_LIST, OldOrNewListChoice)

    @admin.action(description=gettext_lazy("Remove from a list…"))
    def remove_from_list(self, request: HttpRequest, queryset: Recipients) -> HttpResponse | None:
        return self._do(request, queryset, Deed.REMOVE_FROM_LIST, ListChoice)

    @admin.action(description=gettext_lazy("Add to a mailing…"))
    def add_to_mailing(self, request: HttpRequest, queryset: Recipients) -> HttpResponse | None:
        return self._do(request, queryset, Deed.ADD_TO_MAILING, MailingChoice)

    @admin.action(description=gettext_lazy("Remove from a mailing…"))
    def remove_from_mailing(self, request: HttpRequest, queryset: Recipients) -> HttpResponse | None:
        return self._do(request, queryset, Deed.REMOVE_FROM_MAILING, MailingChoice)

    @admin.action(description=gettext_lazy("Delete…"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: Recipients) -> HttpResponse | None:
        return self._do(request, queryset, Deed.DELETE, NoChoice)

    def _do(self, request: HttpRequest, queryset: Recipients, deed: Deed, choice: Choice) -> HttpResponse | None:
        queryset = self._selected(request, queryset)
        form = choice(request, request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, queryset, deed, form)
        try:
            return _told(request, _started(request, deed, form, queryset))
        except BulkRefused as error:
            messages.error(request, str(error))
        except IntegrityError:
            messages.error(request, _("The list or mailing was deleted meanwhile. Nothing was changed."))
        return None

    def _selected(self, request: HttpRequest, queryset: Recipients) -> Recipients:
        """All that the list shows are read part by part.

        Counting 500,000 of 1,000,000 takes the database 0.02 s, and with the one query of visible() 1.9 s.
        """
        if request.POST.get("select_across") != "1":
            return queryset
        changelist: Any = self.get_changelist_instance(request)
        first, *others = (part.order_by().values("pk") for part in changelist.parts(request))
        selected: Recipients = first.union(*others, all=True) if others else first
        return selected

    def _ask(self, request: HttpRequest, queryset: Recipients, deed: Deed, form: Any) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": deed.label,
            "page_name": deed.label,
            "opts": self.opts,
            "form": form,
            "media": form.media,
            "count": queryset.count(),
            "deletes": deed == Deed.DELETE,
            "in_background": jobs.INLINE_ROWS,
            "action_name": request.POST["action"],
            "select_across": request.POST.get("select_across", "0"),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        }
        return TemplateResponse(request, "campaigns/bulk_question.html", context)


@transaction.atomic
def _started(request: HttpRequest, deed: Deed, form: Any, queryset: Recipients) -> BulkJob:
    """With the list that is made for it, or neither. Raises BulkRefused."""
    job = BulkJob(owner=person(request), deed=deed, request_id=correlation.request_id.get(), **form.target())
    return jobs.start(job, queryset)


def _told(request: HttpRequest, job: BulkJob) -> HttpResponse | None:
    """Say what became of it; what a worker does has a page of its own."""
    if job.state == State.RUNNING:
        return HttpResponseRedirect(reverse("admin:campaigns_bulkjob_change", args=[job.pk]))
    if job.refused:
        messages.warning(request, left_out(job))
    messages.success(request, changed(job))
    return None


def left_out(job: BulkJob) -> str:
    """How many were refused, and why."""
    if job.deed == Deed.DELETE:
        sentence = ngettext(
            "%s of the selected is left out: only its owner may delete it.",
            "%s of the selected are left out: only their owners may delete them.",
            job.refused,
        )
    else:
        sentence = ngettext(
            "%s of the selected is left out: it is neither yours nor shared with you.",
            "%s of the selected are left out: they are neither yours nor shared with you.",
            job.refused,
        )
    return sentence % intcomma(job.refused)


def changed(job: BulkJob) -> str:
    """What became of it, in a sentence."""
    number = intcomma(job.changed)
    sentence = _of_list(job) if job.deed == Deed.DELETE_LIST else _sentence(Deed(job.deed), job.changed)
    return sentence % {"count": number, "target": job.target_name}


def _of_list(job: BulkJob) -> str:
    if job.state == State.DONE:
        return ngettext(
            "The list “%(target)s” was deleted. It had %(count)s member, who stays.",
            "The list “%(target)s” was deleted. It had %(count)s members, who stay.",
            job.changed,
        )
    return _("The list “%(target)s” is being deleted.") if job.state == State.RUNNING else _("“%(target)s” is kept.")


def _sentence(deed: Deed, count: int) -> str:
    if deed == Deed.DELETE:
        return ngettext("%(count)s recipient was deleted.", "%(count)s recipients were deleted.", count)
    if deed in (Deed.ADD_TO_LIST, Deed.ADD_TO_MAILING):
        return ngettext(
            "%(count)s recipient was added to “%(target)s”.", "%(count)s recipients were added to “%(target)s”.", count
        )
    return ngettext(
        "%(count)s recipient was removed from “%(target)s”.",
        "%(count)s recipients were removed from “%(target)s”.",
        count,
    )
