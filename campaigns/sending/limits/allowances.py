"""What this process may begin: tokens that it has taken from the buckets, and which domains want more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from random import uniform

from campaigns.sending.limits import buckets
from campaigns.sending.limits.buckets import Grant
from campaigns.sending.limits.session import Session

# A bucket that had too little is asked again after so long, by chance: no worker is always the first.
PAUSE_SECONDS = (0.1, 0.2)
# Who has not been asked for a token for so long wants none any more.
INTEREST_SECONDS = 10.0
# Domains that one statement serves, and letters that one lease holds.
MOST_DOMAINS, MOST_LETTERS = 200, 5000


@dataclass(eq=False, slots=True)
class Allowance:
    """Letters to one domain that may be begun now; all domains without limits of their own share one."""

    domain: str
    tokens: int = 0
    leased: int = 0
    good_until: float = 0.0
    ask_at: float = 0.0
    wanted_at: float = 0.0

    def spend(self, now: float) -> bool:
        """Take a token, if there is one."""
        if not self.tokens or now >= self.good_until:
            return False
        self.tokens -= 1
        return True

    def wanted(self) -> int:
        """How much the next lease should hold: what is lost unused is lost for all workers."""
        return min(MOST_LETTERS, max(1, 2 * (self.leased - self.tokens)))


class Allowances:
    """The allowances of a process, and which of them want more. `wake` is called when one begins to."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._of: dict[str, Allowance] = {}
        self._asking: dict[str, Allowance] = {}

    def spend(self, domain: str, now: float) -> bool:
        """Take a token for a letter to the domain; if there is none, the next lease() asks for some."""
        allowance = self._of.get(domain)
        if allowance is None:
            allowance = self._of[domain] = Allowance(domain)
        if allowance.spend(now):
            return True
        allowance.wanted_at = now
        if domain not in self._asking:
            self._asking[domain] = allowance
            self._wake()
        return False

    def ask_at(self, domain: str) -> float:
        """When there may be a token for the domain."""
        allowance = self._of.get(domain)
        return allowance.ask_at if allowance and allowance.domain in self._asking else 0.0

    def next_ask(self) -> float:
        """When lease() has something to do."""
        return min((allowance.ask_at for allowance in self._asking.values()), default=inf)

    def forget(self) -> None:
        """The limits have changed: what was taken under the old ones is not used."""
        self._of.clear()
        self._asking.clear()

    def tidy(self, now: float) -> None:
        """Keep no more than what is in use: an audience may have very many domains."""
        uninterested = [domain for domain, one in self._asking.items() if now - one.wanted_at > INTEREST_SECONDS]
        for domain in uninterested:
            del self._asking[domain]
        self._of = {name: one for name, one in self._of.items() if name in self._asking or now < one.good_until}

    async def lease(self, session: Session, now: float) -> bool:
        """Take tokens for those that want some and are due; returns whether there were any. Raises psycopg.Error."""
        due = [one for one in self._asking.values() if one.ask_at <= now][:MOST_DOMAINS]
        if not due:
            return False
        for one in due:
            one.ask_at = now + uniform(*PAUSE_SECONDS)  # noqa: S311 - chance, not secrecy
        wanted = {one.domain: one.wanted() for one in due}
        grants = await buckets.take(session, wanted)
        for grant in grants:
            self._accept(grant, wanted[grant.domain], now)
        return any(grant.letters for grant in grants)

    def _accept(self, grant: Grant, wanted: int, now: float) -> None:
        allowance = self._of[grant.domain]
        allowance.tokens = allowance.leased = grant.letters
        allowance.good_until = now + grant.good_for
        if grant.letters:
            del self._asking[grant.domain]
        # It has got all it asked for: there is more. Else some time has to pass.
        allowance.ask_at = now if grant.letters == wanted else max(allowance.ask_at, now + grant.more_in)
