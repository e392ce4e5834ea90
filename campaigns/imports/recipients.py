"""Recipients from and to CSV and XLSX, through django-import-export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tablib
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from import_export import fields, resources, widgets
from import_export.results import Result

from accounts.models import User
from campaigns.models import Recipient

COLUMNS = ("email", "full_name", "comment", "attributes")
# Headers of common exporters, in lower case, by our column.
ALIASES = {
    "e-mail": "email",
    "email address": "email",
    "mail": "email",
    "name": "full_name",
    "full name": "full_name",
    "note": "comment",
    "notes": "comment",
}


class NoEmailColumn(ValidationError):
    """The file has no column with e-mail addresses."""


class AttributesWidget(widgets.JSONWidget):
    """JSON that a person can read: letters of any script stand as they are."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return json.dumps(value, ensure_ascii=False) if value else ""


class RecipientResource(resources.ModelResource):
    """A file row is found by its e-mail among the owner's recipients; other columns become attributes.

    Neither owner nor id is a column, and nobody else's recipient is ever touched.
    """

    attributes = fields.Field(attribute="attributes", column_name="attributes", widget=AttributesWidget())

    class Meta:
        model = Recipient
        fields = COLUMNS
        export_order = COLUMNS
        import_id_fields = ("email",)
        use_bulk = True
        skip_unchanged = True
        skip_diff = False
        clean_model_instances = False

    def __init__(self, owner: User | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.owner = owner
        self._known: dict[str, Recipient] = {}

    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        """Bring headers to our names, keep the last row of each address, and load who is known already."""
        dataset.headers = [_column(header) for header in dataset.headers or []]
        if "email" not in dataset.headers:
            raise NoEmailColumn(_("The file has no column “email”. Its first line must name the columns."))
        _keep_last_of_each(dataset)
        emails = [email.lower() for email in dataset["email"]]
        known = Recipient.objects.filter(owner=self.owner).extra(where=["lower(email) = ANY(%s)"], params=[emails])
        self._known = {recipient.email.lower(): recipient for recipient in known}

    def get_instance(self, instance_loader: Any, row: Mapping[str, Any]) -> Recipient | None:
        return self._known.get(row["email"].lower())

    def init_instance(self, row: Any = None) -> Recipient:
        return Recipient(owner=self.owner)

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        extra = {key: value for key, value in row.items() if key not in COLUMNS and value not in (None, "")}
        for key in extra:
            del row[key]
        known = self._known.get(row["email"].lower())
        given = row.get("attributes") or "{}"
        merged = {**(known.attributes if known else {}), **_json_object(given), **extra}
        row["attributes"] = json.dumps(merged)

    def validate_instance(self, instance: Recipient, *args: Any, **kwargs: Any) -> None:
        try:
            validate_email(instance.email)
        except ValidationError as error:
            sentence = _("“%s” is not a valid e-mail address.") % instance.email
            raise ValidationError({"email": sentence}) from error

    def skip_row(
        self, instance: Recipient, original: Recipient, row: Any, import_validation_errors: Any = None
    ) -> bool:
        if import_validation_errors or instance._state.adding:
            return False
        return all(getattr(instance, name) == getattr(original, name) for name in COLUMNS)


def import_file(owner: User, path: Path) -> Result:
    """Import a CSV file (UTF-8) into the owner's recipients. Raises ValidationError for a file that is none."""
    dataset = tablib.Dataset().load(path.read_text(encoding="utf-8-sig"), format="csv")
    return RecipientResource(owner=owner).import_data(dataset, raise_errors=True)


def _column(header: str) -> str:
    name = (header or "").strip().lower()
    return ALIASES.get(name, name.replace(" ", "_"))


def _keep_last_of_each(dataset: tablib.Dataset) -> None:
    position = dataset.headers.index("email")
    rows = list(dataset)
    last = {(row[position] or "").strip().lower(): row for row in rows}
    del dataset[:]
    for row in last.values():
        dataset.append([str(value).strip() if value is not None else "" for value in row])


def _json_object(text: Any) -> dict[str, Any]:
    try:
        value = text if isinstance(text, dict) else json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
