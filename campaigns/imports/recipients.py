"""Recipients from and to CSV and XLSX, through django-import-export."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import tablib
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from import_export import fields, resources, widgets
from import_export.results import Error, Result

from accounts.models import User
from campaigns.models import Recipient

logger = logging.getLogger(__name__)

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


class UnusableFile(Exception):
    """Nothing of the file can be imported; the text says why to the person who uploaded it."""


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
        self._lines: list[int] = []

    def import_data(self, dataset: tablib.Dataset, *args: Any, **kwargs: Any) -> Result:
        """Import all of the dataset or nothing; what is wrong with it is in the result."""
        try:
            return super().import_data(dataset, *args, rollback_on_validation_errors=True, **kwargs)
        except DatabaseError:
            logger.exception("An import was refused by the database")
            result = Result()
            result.append_base_error(Error(UnusableFile(_("The file could not be stored: upload it again."))))
            return result

    def handle_import_error(self, result: Result, error: Exception, raise_errors: bool = False) -> None:
        if isinstance(error, DatabaseError):
            raise error  # the transaction is lost, and must be left by an exception
        super().handle_import_error(result, error, raise_errors)

    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        """Bring headers to our names, keep the last row of each address, and load who is known already."""
        headers, rows = [_column(header) for header in dataset.headers or []], _filled(dataset)
        dataset.wipe()  # a file that is refused here has no rows that could be wrong, too
        if "email" not in headers:
            raise UnusableFile(_("The file has no column “email”. Its first line must name the columns."))
        if any("\0" in text for text in (*headers, *chain.from_iterable(rows.values()))):
            raise UnusableFile(_("The file has NUL characters in it: it is damaged, or not what its name says."))
        position = headers.index("email")
        last = {row[position].lower(): line for line, row in rows.items()}
        dataset.headers, self._lines = headers, sorted(last.values())
        dataset.extend(rows[line] for line in self._lines)
        known = Recipient.objects.filter(owner=self.owner).extra(where=["lower(email) = ANY(%s)"], params=[list(last)])
        self._known = {recipient.email.lower(): recipient for recipient in known}

    def after_import(self, dataset: tablib.Dataset, result: Result, **kwargs: Any) -> None:
        """Number what is wrong by the lines of the file, not of what was left of it."""
        for row in (*result.invalid_rows, *result.error_rows):
            row.number = self._lines[row.number - 1]

    def get_instance(self, instance_loader: Any, row: Mapping[str, Any]) -> Recipient | None:
        return self._known.get(row["email"].lower())

    def init_instance(self, row: Any = None) -> Recipient:
        return Recipient(owner=self.owner)

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        extra = {key: value for key, value in row.items() if key not in COLUMNS and value and key}
        for key in row.keys() - set(COLUMNS):
            del row[key]
        known = self._known.get(row["email"].lower())
        for name in ("full_name", "comment"):
            # Files lose ends of lines and spaces around a text: that is no change.
            if known and name in row and _tidy(row[name]) == _tidy(getattr(known, name)):
                row[name] = getattr(known, name)
        given = row.get("attributes") or "{}"
        merged = {**(known.attributes if known else {}), **_json_object(given), **extra}
        row["attributes"] = json.dumps(merged)

    def validate_instance(self, instance: Recipient, *args: Any, **kwargs: Any) -> None:
        try:
            validate_email(instance.email)
        except ValidationError as error:
            sentence = _("“%s” is not a valid e-mail address.") % instance.email
            raise ValidationError({"email": sentence}) from error
        instance.clean_fields(exclude={field.name for field in Recipient._meta.fields} - {"email", "full_name"})

    def skip_row(
        self, instance: Recipient, original: Recipient, row: Any, import_validation_errors: Any = None
    ) -> bool:
        if import_validation_errors or instance._state.adding:
            return False
        return all(getattr(instance, name) == getattr(original, name) for name in COLUMNS)


def problems(result: Result) -> list[str]:
    """What is wrong with the file, in sentences; nothing of it was imported then."""
    rows = [(row.number, row.error.messages) for row in result.invalid_rows]
    rows += [(row.number, [str(error.error) for error in row.errors]) for row in result.error_rows]
    of_rows = [_("Line %(line)s: %(what)s") % {"line": line, "what": " ".join(what)} for line, what in sorted(rows)]
    return [str(error.error) for error in result.base_errors] + of_rows


def import_file(owner: User, path: Path) -> QuerySet[Recipient]:
    """Import a CSV file (UTF-8) into the owner's recipients; returns the people in it.

    Raises ValidationError for a file that is none, or that has a row that can not be imported.
    """
    try:
        dataset = tablib.Dataset().load(path.read_text(encoding="utf-8-sig"), format="csv")
    except (UnicodeDecodeError, csv.Error, tablib.InvalidDimensions) as error:
        raise ValidationError(unreadable(error)) from error
    result = RecipientResource(owner=owner).import_data(dataset)
    if wrong := problems(result):
        raise ValidationError(wrong)
    emails = [email.lower() for email in dataset["email"]]
    return Recipient.objects.alias(lower_email=Lower("email")).filter(owner=owner, lower_email__in=emails)


def unreadable(error: Exception) -> str:
    """Why a file could not be read, as a sentence."""
    if isinstance(error, UnicodeDecodeError):
        return _("The file is not text in UTF-8: save it as “CSV UTF-8”, and check that the format chosen is its own.")
    if isinstance(error, tablib.InvalidDimensions):
        return _("A row has more cells than the first line, which names the columns.")
    return _("The file can not be read: check that the format chosen is its own.")


def _column(header: Any) -> str:
    name = _text(header).lower()
    return ALIASES.get(name, name.replace(" ", "_"))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _tidy(text: str) -> str:
    return "\n".join(text.splitlines()).strip()


def _filled(dataset: tablib.Dataset) -> dict[int, list[str]]:
    """The rows that have something in them, as text, by their lines; the headers stand in line 1."""
    rows = {line: [_text(value) for value in row] for line, row in enumerate(dataset, start=2)}
    return {line: row for line, row in rows.items() if any(row)}


def _json_object(text: Any) -> dict[str, Any]:
    try:
        value = text if isinstance(text, dict) else json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
