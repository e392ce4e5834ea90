"""An import whose columns are told anew, while a process that counted by the former ones is asleep."""

import pytest

from campaigns.imports import work
from campaigns.imports.errors import Interrupted
from campaigns.imports.watch import Unwatched
from campaigns.models import ImportJob
from campaigns.models.import_job import Mode, State
from campaigns.tests import factories


@pytest.mark.django_db
def test_who_wakes_up_after_a_new_choice_shows_nothing_that_was_counted_before_it() -> None:
    job = factories.import_job(factories.user())
    work.choose(job, job.mapping, Mode.ADD)
    ImportJob.objects.filter(pk=job.pk).take()
    asleep = ImportJob.objects.get(pk=job.pk)
    work.carry_out(job.pk, watched=False)
    work.choose(job, job.mapping, Mode.UPDATE)
    ImportJob.objects.filter(pk=job.pk).take()
    with pytest.raises(Interrupted):
        work._check(asleep, Unwatched(asleep))
    job.refresh_from_db()
    assert (job.state, job.lease) == (State.CHECKING, asleep.lease)
