"""What the database says about sending at this moment, in one small query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings

from campaigns.models.limit import EACH_DOMAIN, EVERYBODY
from campaigns.sending.limits.session import Session


@dataclass(frozen=True)
class Rules:
    """The limits in force, and the slowed domains with the seconds that are left.

    `rates` holds (domain, letters, period in seconds) of each limit; "" is all mail, "*" each domain.
    """

    rates: frozenset[tuple[str, int, int]]
    connections: int | None
    slowed: Mapping[str, float]

    def allowance_of(self, domain: str) -> str | None:
        """Whose allowance a letter to the domain takes from: its own, or that of all mail (""); None: no limit."""
        if domain in self._limited or EACH_DOMAIN in self._limited:
            return domain
        return EVERYBODY if EVERYBODY in self._limited else None

    @cached_property
    def _limited(self) -> frozenset[str]:
        return frozenset(domain for domain, _letters, _seconds in self.rates)


async def read(session: Session) -> Rules:
    """The rules as they are now. Raises psycopg.Error."""
    cursor = await session.execute(_RULES, {"longest": settings.SENDING_SLOWDOWN_MAX_SECONDS}, prepare=True)
    [(limits, slowed)] = await cursor.fetchall()
    rates = frozenset((domain, maximum, unit) for domain, maximum, unit in limits if unit)
    [connections] = [maximum for _domain, maximum, unit in limits if not unit] or [None]
    return Rules(rates, connections, slowed)


# A slow-down longer than the longest is none: the clock has been set back.
_RULES = """
SELECT (SELECT coalesce(jsonb_agg(jsonb_build_array(domain, maximum, unit)), '[]') FROM campaigns_sendinglimit),
       (SELECT coalesce(jsonb_object_agg(domain, extract(epoch FROM until - now())), '{}')
        FROM campaigns_domainslowdown
        WHERE until BETWEEN now() AND now() + %(longest)s * interval '1 second')
"""
