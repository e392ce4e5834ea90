"""Deleting recipient lists: little at once, much by a worker, and never one that a mailing names."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice import correlation
from campaigns import access
from campaigns.admin.base import ScopedAdmin, person
from campaigns.admin.bulk import actions
from campaigns.audience import naming
from campaigns.bulk import jobs
from campaigns.bulk.errors import BulkRefused
from campaigns.models import BulkJob, Membership, RecipientList
from campaigns.models.bulk_job import Deed, State


class ListDeletion(ScopedAdmin):
    """Gives the ModelAdmin of lists its deletion."""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            response: HttpResponse = super().delete_view(request, object_id, extra_context)
        except BulkRefused as error:  # a mailing names it since the question
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:campaigns_recipientlist_changelist"))
        return response

    def delete_model(self, request: HttpRequest, obj: RecipientList) -> None:
        _delete(request, obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        """Where a worker does it, the page that shows when."""
        jobs_of_it = BulkJob.objects.filter(deed=Deed.DELETE_LIST, recipient_list=obj_id, state=State.RUNNING)
        if job := jobs_of_it.defer("keys").first():
            return HttpResponseRedirect(reverse("admin:campaigns_bulkjob_change", args=[job.pk]))
        response: HttpResponse = super().response_delete(request, obj_display, obj_id)
        return response

    @admin.action(description=gettext_lazy("Delete selected recipient lists"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[RecipientList]) -> HttpResponse | None:
        """Asked as Django asks, and told list by list: some are deleted when the page comes, and some later."""
        lists = list(queryset)
        _names, _counts, lacking, in_use = self.get_deleted_objects(lists, request)
        if "post" not in request.POST or lacking or in_use:
            question: HttpResponse | None = delete_selected(self, request, queryset)
            return question
        for one in lists:
            _delete_and_tell(request, self, one)
        return None

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Memberships are counted, not collected; a list that a mailing names can not be deleted.

        Without it, who was excluded would get mail.
        """
        objs = list(objs)
        keys = [one.pk for one in objs]
        members = Membership.objects.filter(list__in=keys).count()
        counts = {self.opts.verbose_name_plural: len(objs), gettext_lazy("memberships"): members}
        may_all = all(self.has_delete_permission(request, one) for one in objs)
        return (
            [str(one) for one in objs[:20]],
            counts,
            set() if may_all else {self.opts.verbose_name},
            _in_use(request, objs),
        )


def _delete_and_tell(request: HttpRequest, to: ListDeletion, one: RecipientList) -> None:
    try:
        told = actions.changed(_delete(request, one))
    except BulkRefused as error:
        messages.error(request, str(error))
        return
    to.log_deletions(request, [one])
    messages.success(request, told)


def _delete(request: HttpRequest, one: RecipientList) -> BulkJob:
    """The job that does it, or has done it. Raises BulkRefused."""
    asked = BulkJob(
        owner=person(request),
        deed=Deed.DELETE_LIST,
        request_id=correlation.request_id.get(),
        recipient_list=one,
        target_name=one.name,
    )
    return jobs.start_deleting(asked)


def _in_use(request: HttpRequest, lists: list[RecipientList]) -> list[str]:
    """Which mailings keep the lists; those that the person may not see are counted."""
    mailings = naming([one.pk for one in lists])
    seen = list(access.visible_among(request.user, mailings)[:20])
    hidden = mailings.count() - len(seen)
    sentence = ngettext("%s mailing more", "%s mailings more", hidden)
    return [_("Mailing “%s”") % one for one in seen] + ([sentence % hidden] if hidden > 0 else [])
