"""Domains whose servers asked for less mail: for a while, no worker begins a letter to them."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from campaigns.sending.limits.session import Session

REASON_LENGTH = 500


class Slowdowns:
    """The slowed domains as this process knows them, by the event loop's clock."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._heard: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._until)

    def until(self, domain: str) -> float:
        """Until when nothing may be begun to the domain; a time that has passed: it may."""
        return self._until.get(domain, 0.0)

    def hear(self, domain: str, reason: str, now: float) -> None:
        """A server asked for less mail to the domain: it holds here at once, and for all workers after write()."""
        if self.until(domain) <= now:
            self._until[domain] = now + settings.SENDING_SLOWDOWN_SECONDS
            self._heard[domain] = reason[:REASON_LENGTH]

    async def write(self, session: Session, now: float) -> None:
        """Tell all workers what was heard. Raises psycopg.Error; then the next call tells it."""
        for domain, reason in list(self._heard.items()):
            left = await _slow(session, domain, reason)
            del self._heard[domain]
            self._until[domain] = now + left

    def accept(self, left: Mapping[str, float], now: float) -> bool:
        """Take over what the database says, in seconds from now; returns whether a domain is slowed no more."""
        until = {domain: now + seconds for domain, seconds in left.items()}
        until |= {domain: self._until[domain] for domain in self._heard}
        ended = bool(self._until.keys() - until.keys())
        self._until = until
        return ended


async def prune(session: Session) -> None:
    """Forget what is long over. Raises psycopg.Error."""
    await session.execute("DELETE FROM campaigns_domainslowdown WHERE until < now() - interval '1 day'")


async def _slow(session: Session, domain: str, reason: str) -> float:
    pauses = {"first": settings.SENDING_SLOWDOWN_SECONDS, "longest": settings.SENDING_SLOWDOWN_MAX_SECONDS}
    cursor = await session.execute(_SLOW, {"domain": domain, "reason": reason, **pauses})
    [(left,)] = await cursor.fetchall()
    return float(left)


# Replies that come while the domain is slowed were on their way before: they count once. After a time as long as the
# longest pause without such a reply, the next pause is a first one again. A pause that would last longer than the
# longest is none: the clock has been set back.
_SLOW = """
INSERT INTO campaigns_domainslowdown AS s (domain, until, step, reason, updated_at)
VALUES (%(domain)s, now() + least(%(first)s, %(longest)s) * interval '1 second', 1, %(reason)s, now())
ON CONFLICT (domain) DO UPDATE SET (until, step, reason, updated_at) = (
    SELECT CASE WHEN slowed THEN s.until
                ELSE now() + least(%(first)s * 2 ^ before, %(longest)s) * interval '1 second' END,
           CASE WHEN slowed THEN s.step ELSE before + 1 END,
           excluded.reason,
           CASE WHEN slowed THEN s.updated_at ELSE now() END
    FROM (SELECT s.until BETWEEN now() AND now() + %(longest)s * interval '1 second' AS slowed,
                 CASE WHEN s.until > now() - %(longest)s * interval '1 second' THEN least(s.step, 20) ELSE 0 END
                 AS before) AS known
)
RETURNING extract(epoch FROM s.until - now())
"""
