"""A limit for files that come in."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class SizeLimit(FileUploadHandler):
    """Keeps nothing more of a file that is larger than IMPORT_MAX_MB, and marks its request with `upload_too_large`.

    The rest of it is read and forgotten: a browser shows an answer only when it has sent all it has.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._marked = request
        self._left = settings.IMPORT_MAX_MB * 1_000_000

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._left -= len(raw_data)
        if self._left < 0:
            self._marked.upload_too_large = True
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers after this one make the file."""
