"""The bytes of a file, in the database: any machine's worker reads what any machine's web process took."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from campaigns.imports.errors import UnusableFile
from campaigns.models import ImportJob, ImportPart
from campaigns.models.import_job import ENDED, UNDER_WAY

PART_BYTES = 1 << 18
# Tried so often, and interrupted each time, the longest import takes hours.
GIVEN_UP_AFTER = timedelta(days=1)


def store(job: ImportJob, file: IO[bytes]) -> None:
    """Keep the file with the job; part of the caller's transaction."""
    file.seek(0)
    number = 0
    while content := file.read(PART_BYTES):
        ImportPart.objects.create(job=job, number=number, content=content)
        number += 1


@contextmanager
def opened(job: ImportJob) -> Iterator[IO[bytes]]:
    """The file, to read and seek in. Raises UnusableFile when it has been removed."""
    # On this machine's disk once it is larger than a part: a connection that copies rows can not read parts meanwhile.
    with tempfile.SpooledTemporaryFile(PART_BYTES) as file:
        for number in range(-(-job.size // PART_BYTES)):
            content = job.parts.filter(number=number).values_list("content", flat=True).first()
            if content is None:
                raise UnusableFile(_("The file has been removed: upload it again."))
            file.write(content)
        file.seek(0)
        yield file


def is_kept(job: ImportJob) -> bool:
    return job.parts.exists()


def remove_old() -> int:
    """Remove files older than IMPORT_KEEP_DAYS, and end the jobs that waited for a person as long; returns how many.

    The jobs stay, with their figures. One that was begun so long ago that nobody can be at it any more is ended, too:
    the command was killed.
    """
    old = Q(created_at__lt=Now() - timedelta(days=settings.IMPORT_KEEP_DAYS))
    waiting = (ImportJob.State.UPLOADED, ImportJob.State.PREVIEWED)
    reason = _("It was not confirmed within %s days.") % settings.IMPORT_KEEP_DAYS
    ImportJob.objects.filter(old, state__in=waiting).cancel(reason)
    # One that still waits for a worker has no lease.
    given_up = Q(work_began_at__lt=Now() - GIVEN_UP_AFTER, lease__gt=0)
    ImportJob.objects.filter(given_up, state__in=UNDER_WAY).fail(_("It was interrupted."))
    done = ImportJob.objects.filter(old, state__in=ENDED, parts__number=0)
    jobs = list(done.values_list("pk", flat=True))
    # What the file said goes with it; figures and names of files stay.
    ImportJob.objects.filter(pk__in=jobs).update(samples=[], preview=[], problems=[])
    ImportPart.objects.filter(job__in=jobs).delete()
    return len(jobs)
