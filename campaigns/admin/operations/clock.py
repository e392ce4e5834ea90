"""What pages say of the scheduler: who leads, and that it has not looked for too long."""

from django.http import HttpRequest

from backoffice import clock
from backoffice.clock import Clock

SEES = "django_apscheduler.view_djangojob"


def late(request: HttpRequest) -> Clock | None:
    """The clock when it is late, for a person who may see the scheduler's jobs."""
    if not request.user.has_perm(SEES):
        return None
    seen = clock.look()
    return seen if seen.is_late else None
