"""What all pages share: rows, choices and permissions go through access.py, and an outsider gets a 404."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import BaseModelAdmin, ShowFacets
from django.contrib.admin.utils import NestedObjects, model_ngettext
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.core.exceptions import BadRequest
from django.db import DataError
from django.db.models import ForeignKey, ManyToManyField, Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.models import User
from backoffice.history import GuardedHistory
from campaigns import access
from campaigns.admin import versions
from campaigns.admin.lists import CappedPaginator, Step, allowed
from campaigns.admin.versions import Versioned
from campaigns.models import BulkJob, ImportJob, Mailing, Message, Recipient, RecipientList

SCOPED = (Mailing, Message, Recipient, RecipientList)
# What is offered where a form of theirs is searched: what may be used in it, or what may be changed by it.
OFFERED = {
    model._meta.model_name: scope
    for scope, models in ((access.usable, (Mailing, RecipientList)), (access.changeable, (BulkJob, ImportJob)))
    for model in models
}


class ScopedChoices(BaseModelAdmin):
    """Foreign keys and many-to-many fields offer, and accept, only what the person may use."""

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, **_scoped(db_field, request, kwargs))

    def formfield_for_manytomany(self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **_scoped(db_field, request, kwargs))


def _scoped(db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> dict[str, Any]:
    if db_field.related_model in SCOPED:
        kwargs["queryset"] = access.usable(request.user, db_field.related_model._default_manager.all())
    return kwargs


class ScopedFilter(AutocompleteSelectFilter):
    """A filter by a related object, for those who may see it: others find nothing by it, and it is not named."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Else a recipient who is shared would tell who else writes to them.
        found: QuerySet[Any] = super().queryset(request, queryset)
        return found if self.is_visible(request) else found.none()

    def is_visible(self, request: HttpRequest) -> bool:
        related = access.visible(request.user, self.field.remote_field.model._default_manager.all())
        return all(related.filter(pk=key).exists() for key in self.used_parameters.get(self.lookup_kwarg, ()))

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        for choice in super().choices(changelist):
            field = choice["form"].fields[self.lookup_kwarg]
            field.queryset = access.visible(self.request.user, field.queryset.all())
            yield choice


class SturdyList(GuardedHistory):
    """A list whose address asks for what can not be opens unfiltered; Django sees to most of that, not to all.

    Its rows are counted up to a limit only, and where there are none it says what to do.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    # What stands in the list where there is nothing yet, and where nothing matches.
    nothing_yet: Any = gettext_lazy("There is nothing here yet.")
    nothing_found: Any = gettext_lazy("Nothing matches what you search or filter for.")
    first_steps: tuple[Step, ...] = ()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        try:
            response: HttpResponse = super().changelist_view(request, context)
        except (ValueError, DataError):
            if request.method != "GET" or ERROR_FLAG in request.GET:
                raise
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        return response

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: Any = super().get_changelist_instance(request)
        changelist.first_steps = allowed(request, self.first_steps)
        changelist.full_result_count = changelist.result_count  # so that the heading does not count once more
        return cast(ChangeList, changelist)


class Scoped(ModelAdmin):
    """Rows and objects that the person may see, and a 404 for all others."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return access.visible(request.user, super().get_queryset(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The object, if the person may see it. Raises Http404, whether it exists or not."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found


class ScopedAdmin(Versioned, ScopedChoices, Scoped, SturdyList):
    """A noun of which everybody sees own and shared objects."""

    list_fullwidth = True
    warn_unsaved_form = True
    compressed_fields = True

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """What is searched for a form, and not for a list or a filter, is what may be chosen there."""
        asked = request.resolver_match
        if asked and asked.url_name == "autocomplete" and (scope := OFFERED.get(request.GET["model_name"])):
            queryset = scope(request.user, queryset)
        return self.find(request, queryset, search_term)

    def find(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """What the search finds, and whether it may find a row twice."""
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Rows do not tell what hangs on them: about that, only the filters of the list may be asked."""
        if self._leads_to_many(lookup.partition("__")[0]):
            asked = [f"{each[0]}__id__exact" for each in self.get_list_filter(request) if isinstance(each, tuple)]
            return lookup in asked
        return bool(super().lookup_allowed(lookup, value, request))

    def _leads_to_many(self, name: str) -> bool:
        return any(field.name == name and (field.one_to_many or field.many_to_many) for field in self.opts.get_fields())

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_view_permission(request, obj)) and self._can(request, "view", obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_change_permission(request)) and self._can(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_delete_permission(request)) and self._can(request, "delete", obj)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        if change:
            # Only what was edited: the state may have moved since the form was read.
            versions.save(obj, versions.edited(form), also_links=bool(versions.relinked(form)))
        else:
            obj.owner = request.user
            super().save_model(request, obj, form, change)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is deleted along, or keeps them from it, is counted, not named: some of it may be others'.

        What hangs on the objects (their audience rows, their shares) needs no permission of its own.
        """
        objs = list(objs)
        collector: Any = NestedObjects(using=self.model._default_manager.db)
        collector.collect(objs)
        counts = {model._meta.verbose_name_plural: len(found) for model, found in collector.model_objs.items()}
        may_all = all(self.has_delete_permission(request, obj) for obj in objs)
        protecting = Counter(type(obj) for obj in collector.protected)
        protected = [f"{count} {model_ngettext(model._meta, count)}" for model, count in protecting.items()]
        return [str(obj) for obj in objs[:20]], counts, set() if may_all else {self.opts.verbose_name}, protected

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        if not all(key.isdecimal() for key in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise BadRequest("The selection is not one of this list.")
        response: HttpResponse | None = super().response_action(request, *args, **kwargs)
        return response

    def _can(self, request: HttpRequest, verb: access.Verb, obj: Model | None) -> bool:
        return obj is None or access.can(request.user, verb, obj)


class ReadOnlyAdmin(SturdyList):
    """A noun that people look at and workers write."""

    list_fullwidth = True
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyScoped(Scoped, ReadOnlyAdmin):
    """Such a noun, of which everybody sees what access.visible() gives."""


def person(request: HttpRequest) -> User:
    """Who is at work; the admin lets nobody else in."""
    return cast(User, request.user)


def record(request: HttpRequest, obj: Model, sentence: str) -> None:
    """Write who did what into the object's history."""
    LogEntry.objects.log_actions(person(request).pk, [obj], CHANGE, change_message=sentence, single_object=True)
