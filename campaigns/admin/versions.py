"""Nobody overwrites unknowingly what somebody else has saved meanwhile.

A form carries the version of what it shows, and what is saved by it is an UPDATE on the condition that it still is
that version. What is only added to, as the audience of a mailing, has no part in it.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import display_for_field
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import F, Model, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

# The hidden fields: the version that is shown, and since when, in seconds of Unix time. No number is longer.
VERSION, OPENED = "version", "opened"
MOST_DIGITS = 10
# So many changes that were made meanwhile are told.
MOST_TOLD = 5


class Outdated(Exception):
    """Somebody else has saved the object since this request has read it."""


class Difference(NamedTuple):
    """A field of which the form has another value than is saved now."""

    label: str
    saved: str
    typed: str


class VersionedForm(forms.ModelForm):
    """Mixed into the form of an object that exists: refuses what would overwrite a version that it does not show."""

    differences: list[Difference]

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] | None = super().clean()
        self.differences = []
        shown = _number(self.data.get(VERSION))
        if shown == self.instance.version:
            return cleaned
        differences = list(self._differences())
        if shown is None or shown > self.instance.version:
            self.differences = differences
            self.add_error(None, _("It was not saved: the form did not tell which version it shows. Save it again."))
        elif differences:
            self.differences = differences
            self.add_error(None, _("It was not saved: somebody has changed it since you opened it."))
        return cleaned

    def _differences(self) -> Iterator[Difference]:
        # Before the values of the form are put into the instance.
        for name in edited(self):
            field = self.instance._meta.get_field(name)
            saved = _shown(getattr(self.instance, name), field)
            typed = _shown(self.cleaned_data.get(name, self.data.get(name)), field)
            if saved.splitlines() != typed.splitlines():
                yield Difference(capfirst(str(self.fields[name].label)), saved, typed)
        for name in relinked(self):
            saved, typed = _names(getattr(self.instance, name).all()), _names(self.cleaned_data.get(name, ()))
            yield Difference(capfirst(str(self.fields[name].label)), saved, typed)


class Versioned(ModelAdmin):
    """Shows the form again, with what was typed and what is saved now, when somebody else was faster."""

    change_form_before_template = "campaigns/version.html"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        return type("VersionedForm", (VersionedForm, form), {}) if obj and change else form

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except Outdated:
            # Between our reading and our writing. Now the form finds that it shows an old version.
            response = super().changeform_view(request, object_id, form_url, extra_context)
        return response

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if obj := kwargs.get("obj"):
            form = context["adminform"].form
            context[VERSION] = obj.version
            context[OPENED] = int(timezone.now().timestamp())
            if differences := getattr(form, "differences", None):
                context |= {"differences": differences, "meanwhile": _meanwhile(request, obj)}
                if set(form.errors) == {NON_FIELD_ERRORS}:
                    context["errors"] = None  # nothing that could be corrected
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response


def edited(form: forms.ModelForm) -> list[str]:
    """The columns of which the form has another value than was read."""
    columns = {field.name for field in form.instance._meta.concrete_fields}
    return [name for name in form.changed_data if name in columns]


def relinked(form: forms.ModelForm) -> list[str]:
    """The many-to-many fields of which the form has other objects than were read."""
    fields = {field.name for field in form.instance._meta.many_to_many}
    return [name for name in form.changed_data if name in fields]


def save(obj: Any, columns: Collection[str], *, also_links: bool = False) -> None:
    """Write these columns and no others, if nobody has saved the object since it was read. Raises Outdated.

    With `also_links`, many-to-many fields are going to be written, and the version tells it.
    """
    if not (columns or also_links):
        return
    same = type(obj)._default_manager.filter(pk=obj.pk, version=obj.version)
    values = {name: getattr(obj, name) for name in columns}
    if not same.update(**values, version=F("version") + 1, updated_at=Now()):
        raise Outdated


def _number(given: str | None) -> int | None:
    return int(given) if given and given.isdecimal() and len(given) <= MOST_DIGITS else None


def _shown(value: Any, field: Any) -> str:
    return str(display_for_field(value, field, "—"))


def _names(objects: Iterable[Any]) -> str:
    return "\n".join(sorted(map(str, objects))) or "—"


def _meanwhile(request: HttpRequest, obj: Model) -> QuerySet[LogEntry]:
    """What its history tells since the form was opened, the latest first."""
    noun = ContentType.objects.get_for_model(obj)
    history = LogEntry.objects.filter(content_type=noun, object_id=str(obj.pk), action_flag=CHANGE)
    opened = datetime.fromtimestamp(_number(request.POST.get(OPENED)) or 0, UTC)
    return history.filter(action_time__gte=opened).select_related("user").order_by("-action_time")[:MOST_TOLD]
