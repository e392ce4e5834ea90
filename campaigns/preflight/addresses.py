"""Addresses to which the engine would send nothing.

The database picks out those that need a closer look, and what composes letters decides about them.
"""

from collections.abc import Iterator

from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan
from django.utils.translation import ngettext

from campaigns.preflight.audience import Audience
from campaigns.preflight.finding import Finding
from campaigns.sending.letters import addresses
from campaigns.sending.outcomes import NotComposed

# So many are looked at: some 0.3 s.
MOST = 20_000
# Nothing nested is repeated in it, and LIKE asks the rest: a million take 1 s of a processor; as one pattern, 10.
_PLAIN = r"^[a-zA-Z0-9_][a-zA-Z0-9._+-]*@[a-zA-Z0-9][a-zA-Z0-9.-]*\.[a-zA-Z]{2,}$"
_NOT_IN_PLAIN = ("..", ".@", ".-", "-.")
# No part of such a domain can be too long.
_SHORT = 63


def unusual() -> Q:
    """Every address that is none, and some that are."""
    condition = ~Q(email__regex=_PLAIN) | Q(GreaterThan(Length("email"), _SHORT))
    for two in _NOT_IN_PLAIN:
        condition |= Q(email__contains=two)
    return condition


def wrong(audience: Audience) -> list[int]:
    """Who has an address that is none, by their ids; of the first MOST unusual ones."""
    looked_at = audience.letters.filter(unusual()).values_list("pk", "email")[:MOST]
    return [recipient for recipient, email in looked_at if not _is_address(email)]


def findings(audience: Audience, wrong: list[int], unusual: int) -> Iterator[Finding]:
    if wrong:
        sentence = ngettext(
            "%(count)s recipient has an address that is not valid, and gets no letter.",
            "%(count)s recipients have addresses that are not valid, and get no letter.",
            len(wrong),
        )
        rows = audience.letters.filter(pk__in=wrong)
        yield Finding("addresses", len(wrong) == audience.total, sentence % {"count": len(wrong)}, len(wrong), rows)
    if unusual > MOST:
        sentence = ngettext(
            "%(count)s recipient has an unusual address that was not looked at here; a dry run checks it.",
            "%(count)s recipients have unusual addresses that were not looked at here; a dry run checks them.",
            unusual - MOST,
        )
        yield Finding("addresses-unread", False, sentence % {"count": unusual - MOST}, unusual - MOST)


def _is_address(email: str) -> bool:
    try:
        addresses.envelope(email)
    except NotComposed:
        return False
    return True
