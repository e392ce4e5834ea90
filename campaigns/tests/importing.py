"""Bringing files in, without the pages."""

from io import BytesIO
from pathlib import Path
from typing import Any

from accounts.models import User
from campaigns.imports import work
from campaigns.models import ImportJob
from campaigns.models.import_job import Mode

FILES = Path(__file__).parent / "import_files"


def received(owner: User, content: str | bytes, name: str = "people.csv") -> ImportJob:
    """An import that waits for a person to tell what the columns are. Raises UnusableFile."""
    return work.receive(owner, name, BytesIO(content.encode() if isinstance(content, str) else content))


def checked(owner: User, content: str | bytes, mode: str = Mode.ADD_AND_UPDATE) -> ImportJob:
    """An import whose rows were counted, with the columns as they were guessed."""
    job = received(owner, content)
    work.choose(job, job.mapping, mode)
    return carried_out(job)


def imported(owner: User, content: str | bytes, mode: str = Mode.ADD_AND_UPDATE) -> ImportJob:
    """An import that was confirmed and carried out."""
    job = checked(owner, content, mode)
    if job.state == ImportJob.State.PREVIEWED:
        work.confirm(job, owner)
        carried_out(job)
    return job


def carried_out(job: ImportJob) -> ImportJob:
    work.carry_out(job.pk, watched=False)
    job.refresh_from_db()
    return job


def stored(owner: User) -> list[tuple[Any, ...]]:
    return list(owner.recipients.order_by("email").values_list("email", "full_name", "comment", "attributes"))
