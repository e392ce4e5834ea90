"""Named places in the sending code where the process ends itself with SIGKILL, so that tests stop it at an exact line.

FAILPOINT=after-reply:37 ends it when it comes to `after-reply` for the 37th time; without a number, at the first.
In production nothing sets the variable, and a place costs one look at a constant.
"""

import asyncio
import itertools
import os
import signal
from collections.abc import Callable

PLACES = (
    "before-claim",  # a chunk is about to be taken
    "after-claim",  # it is taken, and nothing of it is known yet
    "during-data",  # half a letter's body is on its way
    "after-reply",  # the server has answered for a body, and nobody was told
    "before-commit",  # marks and settlements are about to be written
    "after-commit",  # they are committed, and nobody was told
    "mid-expansion",  # a slice of the audience is written, and not committed
)
_wanted, _, _number = os.environ.get("FAILPOINT", "").partition(":")
if _wanted and _wanted not in PLACES:
    raise ValueError(f"FAILPOINT names no such place: {_wanted}. There are {', '.join(PLACES)}.")
ARMED = bool(_wanted)
_times = int(_number or 1)
_count = itertools.count(1)


def reach(place: str) -> None:
    """End the process if this is the place, and the time, that FAILPOINT names. Callers look at ARMED first."""
    if _is_due(place):
        _die()


def tear(place: str, data: bytes, write: Callable[[bytes, int], None]) -> bool:
    """Like reach(), but when the first half of the data has gone out. False: it is another place or time."""
    if not _is_due(place):
        return False
    write(data[: len(data) // 2], 0)
    asyncio.get_running_loop().call_later(0.05, _die)  # uvloop writes when the loop comes round
    return True


def _is_due(place: str) -> bool:
    return place == _wanted and next(_count) == _times


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
