"""The kinds of file that recipients go to: django-import-export's, written as streams."""

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet
from import_export.formats import base_formats

from campaigns.imports import export
from campaigns.models import Recipient

__all__ = ["CSV", "XLSX"]


class CSV(base_formats.CSV):
    CONTENT_TYPE = "text/csv; charset=utf-8"

    def pieces(self, parts: Sequence[QuerySet[Recipient]]) -> Iterator[bytes]:
        return export.as_csv(parts)


class XLSX(base_formats.XLSX):
    def pieces(self, parts: Sequence[QuerySet[Recipient]]) -> Iterator[bytes]:
        """Raises ExportRefused."""
        return export.as_workbook(parts)
