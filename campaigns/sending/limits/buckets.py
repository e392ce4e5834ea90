"""The buckets of the sending limits: tokens, one for each letter that may be begun, which all workers take from.

A limit of `maximum` letters in `unit` seconds has a rate of maximum / unit letters a second. Its bucket fills at that
rate and holds at most a quarter of a second's worth, but at least one token. What a worker has taken and not used is
lost after half a second, or after half the time between two letters where that is longer, and never given back.

So, however many workers there are, and whenever they are killed and started: in any period no more letters are begun
than the limit allows for it, and one second's worth more, or one letter more where a second is worth less than one.
(Begun in T seconds is what was taken in T + 0.5 of them, and a full bucket: rate * (T + 0.5 + 0.25).)

No clock counts but the database's. When it is set back, a bucket goes on with what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.sending.limits.session import Session


@dataclass(frozen=True)
class Grant:
    """What a domain got, for how many seconds it is good, and in how many there may be more."""

    domain: str
    letters: int
    good_for: float
    more_in: float


async def take(session: Session, wanted: Mapping[str, int]) -> list[Grant]:
    """Take tokens for so many letters to each domain, or as many as there are; those named first come first.

    The domain "" stands for all that have no limit of their own. A letter takes one token of each limit that holds
    for it, or none at all. A domain without any limit is left out of the answer. Raises psycopg.Error.
    """
    asked = {"domains": list(wanted), "wanted": list(wanted.values())}
    await session.execute(_OPEN, asked, prepare=True)
    rows = await (await session.execute(_TAKE, asked, prepare=True)).fetchall()
    return [Grant(*row) for row in rows]


async def prune(session: Session) -> None:
    """Forget the buckets that have been full for a while: a new one is full as well. Raises psycopg.Error."""
    await session.execute(_PRUNE)


# Which buckets each of the domains takes from. A limit of each domain ("*") has a bucket for every domain without a
# rate of its own.
_APPLIES = """
WITH asked AS (
    SELECT domain, wanted, position
    FROM unnest(%(domains)s::text[], %(wanted)s::int[]) WITH ORDINALITY AS a(domain, wanted, position)
), applies AS (
    SELECT a.position, a.domain AS asked, a.wanted, l.id AS limit_id, l.domain = '' AS shared,
           CASE l.domain WHEN '*' THEN a.domain ELSE l.domain END AS domain,
           l.maximum::float8 / l.unit AS rate, greatest(1, 0.25 * l.maximum / l.unit)::float8 AS capacity
    FROM asked a JOIN campaigns_sendinglimit l ON l.unit > 0 AND (
        l.domain IN ('', a.domain)
        OR l.domain = '*' AND a.domain <> ''
           AND NOT EXISTS (SELECT FROM campaigns_sendinglimit own WHERE own.unit > 0 AND own.domain = a.domain))
)
"""

# In a statement of its own: the one that takes must see the row to lock it.
_OPEN = (
    _APPLIES
    + """
INSERT INTO campaigns_limitbucket (limit_id, domain, tokens, refilled_at)
SELECT DISTINCT limit_id, domain, capacity, now() FROM applies a
WHERE NOT EXISTS (SELECT FROM campaigns_limitbucket b WHERE b.limit_id = a.limit_id AND b.domain = a.domain)
ORDER BY limit_id, domain
ON CONFLICT DO NOTHING
"""
)

# All workers lock buckets in the same order. A statement that has waited for a lock may be older than the last refill.
_TAKE = (
    _APPLIES  # noqa: S608 - both are constants
    + """
, locked AS (
    SELECT b.limit_id, b.domain, a.rate,
           least(a.capacity, b.tokens + a.rate * extract(epoch FROM greatest(now() - b.refilled_at, '0'))) AS tokens,
           CASE WHEN b.refilled_at > now() + interval '1 minute' THEN now()
                ELSE greatest(b.refilled_at, now()) END AS refilled_at
    FROM campaigns_limitbucket b
    JOIN (SELECT DISTINCT limit_id, domain, rate, capacity FROM applies) a USING (limit_id, domain)
    ORDER BY b.limit_id, b.domain FOR NO KEY UPDATE OF b
), possible AS (
    -- What its own buckets have for the domain, and what those that it shares with others have for all. One that has
    -- been pruned this moment has nothing.
    SELECT a.position, a.asked,
           least(a.wanted, coalesce(floor(min(coalesce(b.tokens, 0)) FILTER (WHERE NOT a.shared)), a.wanted)) AS own,
           floor(min(coalesce(b.tokens, 0)) FILTER (WHERE a.shared)) AS shared,
           min(greatest(0.5, 0.5 / a.rate)) AS good_for
    FROM applies a LEFT JOIN locked b USING (limit_id, domain) GROUP BY a.position, a.asked, a.wanted
), granted AS (
    SELECT position, asked, good_for,
           CASE WHEN shared IS NULL THEN own
                ELSE least(own, greatest(0, shared - (sum(own) OVER (ORDER BY position) - own))) END AS letters
    FROM possible
), used AS (
    SELECT a.limit_id, a.domain, sum(g.letters) AS letters
    FROM applies a JOIN granted g USING (position) GROUP BY a.limit_id, a.domain
), rest AS (
    SELECT limit_id, domain, rate, b.tokens - u.letters AS tokens, b.refilled_at
    FROM locked b JOIN used u USING (limit_id, domain)
), written AS (
    UPDATE campaigns_limitbucket b SET tokens = rest.tokens, refilled_at = rest.refilled_at
    FROM rest WHERE b.limit_id = rest.limit_id AND b.domain = rest.domain
)
SELECT g.asked, g.letters::int, g.good_for::float8, coalesce(max(greatest(0, (1 - r.tokens) / r.rate)), 0)::float8
FROM granted g JOIN applies a USING (position) LEFT JOIN rest r USING (limit_id, domain)
GROUP BY g.position, g.asked, g.letters, g.good_for ORDER BY g.position
"""
)

_PRUNE = """
DELETE FROM campaigns_limitbucket b USING campaigns_sendinglimit l
WHERE l.id = b.limit_id AND b.refilled_at < now() - greatest(interval '1 hour', l.unit * interval '2 seconds')
"""
