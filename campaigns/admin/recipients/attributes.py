"""The attributes of a recipient as rows of a form: a name and a value."""

import json
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.imports.columns import attribute_name

# So many empty rows wait to be filled.
SPARE = 3
LONGEST_NAME = 200
# Of more there are no rows.
MOST = 200


class Row(NamedTuple):
    """As it stands in the form."""

    name: str = ""
    value: str = ""


class AttributesWidget(forms.Widget):
    template = "campaigns/attributes.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        columns = [data.getlist(f"{name}-{part}") for part in Row._fields]
        rows = [Row(key.strip(), value.replace("\r\n", "\n")) for key, value in zip(*columns, strict=False)]
        return [row for row in rows if row.name or row.value.strip()]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-name" not in data

    def id_for_label(self, id_: str) -> str:
        return ""  # each control has a name of its own

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        rows = [*(value or ()), *[Row()] * SPARE]
        return render_to_string(self.template, {"name": name, "rows": rows, "longest": LONGEST_NAME})


class AttributesField(forms.Field):
    """Cleans to what the recipient keeps. What is not touched stays as it is in `kept`, also what is no text."""

    widget = AttributesWidget

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Attributes"),
            required=False,
            help_text=gettext_lazy(
                "For what messages say of each recipient: {{ attributes.city }} is the value of city. "
                "Empty a row to take it away. Save and continue editing to have more empty ones."
            ),
        )
        self.kept: dict[str, Any] = {}

    def prepare_value(self, value: Any) -> list[Row]:
        if isinstance(value, dict):
            return [Row(name, _shown(one)) for name, one in value.items()]
        return value if isinstance(value, list) and all(isinstance(row, Row) for row in value) else []

    def to_python(self, value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for row in value or []:
            name = self._name(row)
            if name in found:
                raise ValidationError(_("The attribute “%s” is there twice.") % name)
            found[name] = self._value(name, row.value)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True

    def _name(self, row: Row) -> str:
        if row.name in self.kept:
            return row.name
        # As the header of a column becomes one.
        if name := attribute_name(row.name):
            return name
        raise ValidationError(_("Write the name of the attribute whose value is “%s”.") % row.value)

    def _value(self, name: str, typed: str) -> Any:
        if "\0" in name + typed:
            raise ValidationError(_("Null characters are not allowed."))
        return self.kept[name] if name in self.kept and _shown(self.kept[name]) == typed else typed


def _shown(value: Any) -> str:
    if value is None:
        return ""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return written.replace("\r\n", "\n")
