"""E-mail addresses as they stand in files, held to what the recipient's form accepts."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from campaigns.imports.errors import UnusableRow

LONGEST = 254
# Addresses that Django's validator accepts for certain: nearly all. Ten times as fast as asking it.
PLAIN = re.compile(
    r"[a-zA-Z0-9_-]++(?:[.+][a-zA-Z0-9_-]++)*+@(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)++[a-zA-Z]{2,63}"
)
# Ann Berg <ann@example.com>
_WITH_NAME = re.compile(r"""\s*["']?(?P<name>[^<>]*?)["']?\s*<\s*(?P<address>[^<>]*?)\s*>""")
# What comes along unseen when an address is copied.
_UNSEEN = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")


def is_plain(text: str) -> bool:
    """Whether it is an address without a closer look."""
    return PLAIN.fullmatch(text) is not None and len(text) <= LONGEST


def is_there(text: str) -> bool:
    """Whether the text is an address, perhaps with a name beside it."""
    found = _WITH_NAME.fullmatch(text)
    return PLAIN.fullmatch(found["address"] if found else text) is not None


def read(text: str) -> tuple[str, str]:
    """The address in a cell, and the name beside it, if there is one. Raises UnusableRow."""
    if found := _WITH_NAME.fullmatch(text):
        return _checked(found["address"]), found["name"].strip()
    return _checked(text), ""


def _checked(text: str) -> str:
    address = text if _is_valid(text) else _bare(text)
    if not address:
        raise UnusableRow(_("there is no e-mail address."))
    if not _is_valid(address):
        raise UnusableRow(_("“%s” is not a valid e-mail address.") % _short(address))
    if len(address) > LONGEST:
        raise UnusableRow(_("the e-mail address is longer than %s characters.") % LONGEST)
    return address


def _bare(text: str) -> str:
    address = _UNSEEN.sub("", text).strip()
    return address[7:] if address[:7].lower() == "mailto:" else address


def _is_valid(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"
