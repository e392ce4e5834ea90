"""E-mail addresses in the form that SMTP takes."""

import re
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from campaigns import domains
from campaigns.sending.outcomes import NotComposed, readable

LONGEST = 254
# Addresses that need no closer look; all others get Django's.
_PLAIN = re.compile(
    r"[a-zA-Z0-9_-]++(?:[.+][a-zA-Z0-9_-]++)*+@(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)++[a-zA-Z]{2,63}"
)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def envelope(address: str) -> str:
    """The address with its domain in ASCII. Where the result is not ASCII, SMTPUTF8 is needed (RFC 6531).

    Raises NotComposed for what is no address.
    """
    if _PLAIN.fullmatch(address) and len(address) <= LONGEST:
        return address
    local, _at, domain = address.rpartition("@")
    domain = ascii_domain(domain)
    try:
        # RFC 6532, 3.2: any character beyond ASCII may stand where a letter may, in what is before the @.
        validate_email(f"{_BEYOND_ASCII.sub('x', local)}@{domain}")
    except ValidationError as error:
        raise _invalid(address) from error
    written = f"{local}@{domain}"
    if not domain.isascii() or not local.isprintable() or len(written.encode()) > LONGEST:
        raise _invalid(address)
    return written


@lru_cache
def ascii_domain(domain: str) -> str:
    """The domain as DNS has it, an international one as IDNA 2008 writes it: faß.de is not fass.de.

    One that is none comes back as it is.
    """
    return domain if domain.isascii() else domains.ascii_form(domain)


def _invalid(address: str) -> NotComposed:
    return NotComposed(f"“{readable(address)}” is not a valid e-mail address.")
