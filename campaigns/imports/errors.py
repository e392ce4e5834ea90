"""What can be wrong with a file or a row. Each carries a sentence for the person who brought it."""

from django.utils.translation import gettext as _


class ImportRefused(Exception):
    """The import can not be done, or not now."""


class UnusableFile(ImportRefused):
    """Nothing of the file can be imported."""


class UnusableRow(Exception):
    """This row can not be imported; the others can."""


class Interrupted(Exception):
    """The import was cancelled, or another process has taken it; nothing of it is written."""


class OwnerBusy(Exception):
    """Another import of the same owner is being written; this one can not be now."""


def in_line(line: int, sentence: str) -> str:
    return _("Line %(line)s: %(what)s") % {"line": line, "what": sentence}
