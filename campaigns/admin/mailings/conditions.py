"""The conditions of a saved filter as rows of a form: a field, what is asked of it, and a value."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from campaigns.models import RecipientList
from campaigns.models.conditions import (
    ATTRIBUTE,
    COMMENT,
    CREATED,
    EMAIL,
    FULL_NAME,
    LIST,
    LONGEST,
    MOST,
    OF_LISTS,
    OPERATORS,
    UPDATED,
    WITHOUT_VALUE,
    Condition,
    as_json,
    operators_of,
)

FIELDS = {
    EMAIL: gettext_lazy("E-mail"),
    FULL_NAME: gettext_lazy("Name"),
    COMMENT: gettext_lazy("Comment"),
    ATTRIBUTE: gettext_lazy("Attribute"),
    LIST: gettext_lazy("List"),
    CREATED: gettext_lazy("Created"),
    UPDATED: gettext_lazy("Changed"),
}
# Of a list it is asked by the words of a text.
_OF_LIST = {"is": "in", "is_not": "not_in"}
_SAID_OF_LIST = {stored: said for said, stored in _OF_LIST.items()}
# So many empty rows wait to be filled; the script adds more.
SPARE = 2
# So many lists are offered; others can be typed.
OFFERED = 200


class Row(NamedTuple):
    """As it stands in the form; `name` is that of an attribute."""

    field: str = ""
    name: str = ""
    operator: str = ""
    value: str = ""


class ListNames:
    """Lists as they are typed: by their names, those of others with whose they are."""

    def __init__(self, lists: QuerySet[RecipientList], user: User) -> None:
        self._lists, self._user = lists.select_related("owner"), user

    def __iter__(self) -> Any:
        return (self._name(one) for one in self._lists.order_by("name")[:OFFERED])

    def of(self, key: Any) -> str:
        found = self._lists.filter(pk=key).first() if isinstance(key, int) else None
        return self._name(found) if found else ""

    def key(self, typed: str) -> int:
        """Raises ValidationError, whether there is no such list or it may not be used."""
        name, _separator, whose = typed.removesuffix(")").rpartition(" (")
        named = Q(owner=self._user, name__iexact=typed)
        if name:
            named |= Q(owner__email__iexact=whose, name__iexact=name)
        found = self._lists.filter(named).order_by("pk").first()
        if found is None:
            raise ValidationError(_("There is no list “%s”.") % typed)
        return found.pk

    def _name(self, one: RecipientList) -> str:
        return one.name if one.owner_id == self._user.pk else f"{one.name} ({one.owner.email})"


class ConditionsWidget(forms.Widget):
    """Works without its script, too: what is not wanted is left empty."""

    lists: Iterable[str] = ()
    template = "campaigns/conditions.html"

    class Media:
        js = ("backoffice/conditions.js",)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        columns = [data.getlist(f"{name}-{part}") for part in Row._fields]
        return [Row(*row) for row in zip(*columns, strict=False) if row[0]]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-field" not in data

    def id_for_label(self, id_: str) -> str:
        return ""  # each control has a name of its own

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        context = {
            "name": name,
            "rows": [*(value or ()), *[Row()] * SPARE],
            "fields": [(key, label, " ".join(_said(key))) for key, label in FIELDS.items()],
            "operators": [(key, label) for key, label in OPERATORS.items() if key not in OF_LISTS],
            "lists": self.lists,
            "most": MOST,
            "longest": LONGEST,
        }
        return render_to_string(self.template, context)


class ConditionsField(forms.Field):
    """Cleans to what the mailing keeps. `names` are the lists that may be asked for."""

    widget = ConditionsWidget
    names: ListNames

    def offer(self, names: ListNames) -> None:
        self.names = names
        widget: Any = self.widget
        widget.lists = names

    def prepare_value(self, value: Any) -> list[Row]:
        rows = value or []
        return [row if isinstance(row, Row) else self._shown(row) for row in rows]

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        rows: list[Row] = value or []
        if len(rows) > MOST:
            raise ValidationError(_("A filter has at most %s conditions.") % MOST)
        errors, found = [], []
        for number, row in enumerate(rows, start=1):
            try:
                found.append(self._condition(row))
            except ValidationError as error:
                told = {"number": number, "reason": " ".join(error.messages)}
                errors.append(_("Condition %(number)s: %(reason)s") % told)
        if errors:
            raise ValidationError(errors)
        return as_json(found)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or []))
        except ValidationError:
            return True

    def _condition(self, row: Row) -> Condition:
        value = row.value.strip()
        if row.field == LIST:
            return Condition(LIST, _OF_LIST.get(row.operator, ""), self.names.key(value))
        field = f"{ATTRIBUTE}{row.name.strip()}" if row.field == ATTRIBUTE else row.field
        if field == ATTRIBUTE:
            raise ValidationError(_("Write the name of the attribute."))
        return Condition(field, row.operator, "" if row.operator in WITHOUT_VALUE else value)

    def _shown(self, kept: dict[str, Any]) -> Row:
        field, operator, value = kept["field"], kept["operator"], kept["value"]
        if field == LIST:
            return Row(LIST, "", _SAID_OF_LIST.get(operator, ""), self.names.of(value))
        if field.startswith(ATTRIBUTE):
            return Row(ATTRIBUTE, field.removeprefix(ATTRIBUTE), operator, value)
        return Row(field, "", operator, value)


def _said(field: str) -> Iterable[str]:
    """What can be asked of the field, in the form's words."""
    if field == LIST:
        return _OF_LIST
    return operators_of(f"{ATTRIBUTE}any" if field == ATTRIBUTE else field)


def sentences(kept: list[dict[str, Any]], names: ListNames) -> list[str]:
    """The conditions as a person reads them."""
    found = []
    for one in kept:
        field, operator, value = one["field"], one["operator"], one["value"]
        subject = field.removeprefix(ATTRIBUTE) if field.startswith(ATTRIBUTE) else FIELDS[field]
        value = names.of(value) if field == LIST else value
        found.append(f"{subject} {OPERATORS[operator]}{f' “{value}”' if operator not in WITHOUT_VALUE else ''}")
    return found
