"""Recipients to CSV and XLSX, through django-import-export.

Its import is not used: it wants the whole file in memory, and looks at one row at a time, which took 100 times as long.
Its pages' address, permission and look are kept; what comes after the upload is work.py's.
"""

from __future__ import annotations

import json
from typing import Any

from import_export import fields, resources, widgets

from campaigns.imports.rows import neutralised
from campaigns.models import Recipient

COLUMNS = ("email", "full_name", "comment", "attributes")


class AttributesWidget(widgets.JSONWidget):
    """JSON that a person can read: letters of any script stand as they are."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return json.dumps(value, ensure_ascii=False) if value else ""


class RecipientResource(resources.ModelResource):
    """What an export holds; importing it again changes nothing. No text of it is a formula to a spreadsheet."""

    attributes = fields.Field(attribute="attributes", column_name="attributes", widget=AttributesWidget())

    class Meta:
        model = Recipient
        fields = COLUMNS
        export_order = COLUMNS

    def export_field(self, field: Any, instance: Recipient, **kwargs: Any) -> str:
        return neutralised(str(super().export_field(field, instance, **kwargs) or ""))
