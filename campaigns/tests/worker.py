"""A worker in this process."""

from collections.abc import Callable
from time import monotonic

from procrastinate.contrib.django.models import ProcrastinateJob

from campaigns.models import Chunk, MailingAttempt
from campaigns.sending.queue import worker


def work(until: Callable[[], bool] | None = None, seconds: float = 120) -> None:
    """Run a worker here until `until()`, or else until nothing more can be done now."""
    deadline = monotonic() + seconds

    def enough() -> bool:
        assert monotonic() < deadline, "The worker took too long."
        return (until or _idle)()

    worker.run(enough)


def _idle() -> bool:
    """No attempt is under way that could go on, and no job waits."""
    if ProcrastinateJob.objects.filter(status__in=("todo", "doing")).exists():
        return False
    open_now = MailingAttempt.objects.unfinished().exclude(status=MailingAttempt.Status.PAUSED)
    return not Chunk.objects.filter(attempt__in=open_now, closed_at=None).exists()
