"""Domains of e-mail addresses, written one way: lower case, and ASCII as the mail servers know them."""

import idna


def ascii_form(domain: str) -> str:
    """The domain in lower case, international names as punycode (RFC 5891, UTS 46).

    A name that is none comes back as it is, in lower case: nobody has mail there, and somebody else says so.
    """
    domain = domain.strip().rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return domain


def domain_of(address: str) -> str:
    """The domain of an e-mail address, written as ascii_form() does."""
    domain = address.rpartition("@")[2]
    return domain.lower() if domain.isascii() else ascii_form(domain)
