"""What is dear to compute about an attempt is computed once, and again when it may have changed."""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache

from campaigns.models import MailingAttempt
from campaigns.models.attempt import FINAL_COUNTERS

WHILE_OPEN_SECONDS = 10
ENDED_SECONDS = 24 * 3600


def remembered(attempt: MailingAttempt, what: str, compute: Callable[[], Any]) -> Any:
    """What `compute` returns, kept until the ended attempt's counters change, or for 10 seconds while it runs.

    Plain tuples and lists, please: a class may look otherwise when it is read back. Without Redis it is computed
    each time.
    """
    if attempt.finished_at is None:
        return cache.get_or_set(f"attempt:{attempt.key}:{what}", compute, WHILE_OPEN_SECONDS)
    counters = ",".join(str(getattr(attempt, name)) for name in FINAL_COUNTERS)
    return cache.get_or_set(f"attempt:{attempt.key}:{what}:{counters}", compute, ENDED_SECONDS)
