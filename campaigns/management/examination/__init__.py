"""What an installation is examined for: what is well, and what to mend."""

from collections.abc import Iterator

from backoffice.health import Finding
from campaigns.management.examination import cache, database, machine, mail


def findings() -> Iterator[Finding]:
    """All findings, each as soon as it is known. Sends nothing, and changes nothing."""
    yield from machine.findings()
    yield from cache.findings()
    yield from database.findings()
    yield from mail.findings()
