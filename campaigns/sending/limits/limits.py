"""What a worker may begin now: rates, slowed domains and connections, by rules that hold for all workers together.

One task keeps one session with the database: it reads the rules each second, takes tokens and places, and tells the
other workers of slowed domains. While the database is away, nothing that is limited is begun.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

import psycopg

from campaigns.sending.limits import buckets, rules, slowdowns
from campaigns.sending.limits.allowances import Allowances
from campaigns.sending.limits.rules import Rules
from campaigns.sending.limits.session import Session, session
from campaigns.sending.limits.slots import Slots
from campaigns.sending.limits.slowdowns import Slowdowns

logger = logging.getLogger(__name__)

# Every worker knows a new rule within two of these.
READ_SECONDS = 1.0
RECONNECT_SECONDS = 1.0
PRUNE_SECONDS = 3600.0


class Limits:
    """Asked once for each letter before it is begun.

    `changed` is called, in the event loop, when what was refused may be worth another try: tokens have come, a
    domain is slowed no more, the rules are others, there are places for connections, or some were revoked.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        # False: nothing is limited now, and admits() need not be asked.
        self.active = True
        self._woken = asyncio.Event()
        self.slots = Slots(self._woken.set)
        self._allowances = Allowances(self._woken.set)
        self._slowdowns = Slowdowns()
        # Before they are known, nothing may be begun: the limits hold across restarts.
        self._rules: Rules | None = None
        self._read_at = self._prune_at = 0.0
        self._changed = changed
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask the database; until it has answered, nothing is admitted."""
        self._keeper = asyncio.create_task(self._keep(), name="limits")

    async def aclose(self) -> None:
        """Let go of the database, and with it of the places for connections: close those first."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    def admits(self, domain: str) -> bool:
        """Whether a letter to the domain (of domain_of()) may be begun; True has counted it as begun."""
        if not self.active:
            return True
        now = monotonic()
        if self._rules is None or self._slowdowns.until(domain) > now:
            return False
        limited = self._rules.allowance_of(domain)
        return limited is None or self._allowances.spend(limited, now)

    def held_for(self, domain: str) -> float:
        """In how many seconds a letter to the domain may have a chance, as far as is known; 0: perhaps now."""
        if not self.active or self._rules is None:
            return 0.0
        limited = self._rules.allowance_of(domain)
        rate = 0.0 if limited is None else self._allowances.ask_at(limited)
        return max(0.0, max(rate, self._slowdowns.until(domain)) - monotonic())

    def slow(self, domain: str, reason: str) -> None:
        """A server asked for less mail to the domain: nothing is begun to it from now on, soon by no worker."""
        self._slowdowns.hear(domain, reason, monotonic())
        self.active = True
        self._woken.set()

    async def _keep(self) -> None:
        while True:
            try:
                async with session("autosend-limits") as opened:
                    while True:
                        await self._step(opened)
                        await self._rest()
            except Exception as error:
                unexpected = not isinstance(error, (psycopg.Error, OSError))
                logger.warning("The limits can not be asked, trying again: %s", error, exc_info=unexpected)
            finally:
                self.slots.lose()
            self._changed()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _step(self, opened: Session) -> None:
        """Do what is due now, and tell of the news once."""
        now = monotonic()
        reading = now >= self._read_at
        news = await self._read(opened, now) if reading else False
        await self._slowdowns.write(opened, monotonic())
        news |= await self._allowances.lease(opened, monotonic())
        if self._rules and (reading or self.slots.due):
            news |= await self.slots.settle(opened, self._rules.connections)
        if news:
            self._changed()
        if now >= self._prune_at:
            await self._prune(opened, now)

    async def _read(self, opened: Session, now: float) -> bool:
        fresh = await rules.read(opened)
        self._read_at = now + READ_SECONDS
        news = self._slowdowns.accept(fresh.slowed, now)
        if self._rules is None or self._rules.rates != fresh.rates:
            news = True
            self._allowances.forget()
        self._rules = fresh
        self._allowances.tidy(now)
        self.active = bool(fresh.rates or self._slowdowns)
        return news

    async def _prune(self, opened: Session, now: float) -> None:
        self._prune_at = now + PRUNE_SECONDS
        await buckets.prune(opened)
        await slowdowns.prune(opened)

    async def _rest(self) -> None:
        due = min(self._read_at, self._allowances.next_ask())
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - monotonic())):
                await self._woken.wait()
        self._woken.clear()
