"""When a deferred letter is tried again (RFC 5321, 4.5.4.1)."""

import random

from django.conf import settings

# Letters that were put off together do not come back together.
JITTER = 0.2


def pause_after(tries: int) -> float | None:
    """Seconds from the failed try of that number, counted from 1, to the next one; None: there is none.

    Each pause is twice the one before. A letter is given up after SENDING_TRIES, or when the pauses together
    would be longer than SENDING_LIFETIME_HOURS. Time that an attempt spends paused does not count.
    """
    first, lifetime = settings.SENDING_RETRY_SECONDS, 3600 * settings.SENDING_LIFETIME_HOURS
    if tries >= settings.SENDING_TRIES or first * (2**tries - 1) > lifetime:
        return None
    return first * 2.0 ** (tries - 1) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nobody need not guess it
