"""A bulk change by a worker: killed, taken over, and done by two at once."""

import signal
import threading
from pathlib import Path

import pytest
from django.db import connection, transaction

from accounts.models import User
from campaigns.bulk import jobs, work
from campaigns.models import BulkJob, Mailing, Membership, Recipient, RecipientList
from campaigns.models.bulk_job import Deed, State
from campaigns.models.shares import RecipientUserShare
from campaigns.tests import factories
from campaigns.tests.processes import running, somebody_waits_for_a_lock, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = jobs.INLINE_ROWS + 2_000


@pytest.fixture
def owner() -> User:
    return factories.user("operator")


@pytest.fixture
def many(owner: User) -> list[int]:
    """The ids of more recipients than a request changes, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO campaigns_recipient
                   (owner_id, email, full_name, comment, attributes, created_at, updated_at)
               SELECT %s, 'user' || n || '@example.com', '', '', '{}', now(), now() FROM generate_series(1, %s) n""",
            [owner.pk, ROWS],
        )
    return list(owner.recipients.order_by("pk").values_list("pk", flat=True))


def started(owner: User, deed: Deed, **target: object) -> BulkJob:
    return jobs.start(BulkJob(owner=owner, deed=deed, **target), owner.recipients.all())


def state(job: BulkJob) -> str:
    job.refresh_from_db(fields=["state", "position", "changed", "refused"])
    return job.state


def test_a_killed_worker_leaves_whole_slices_and_the_next_goes_on_there(
    owner: User, many: list[int], tmp_path: Path
) -> None:
    job = started(owner, Deed.DELETE)
    with running(tmp_path, "run_worker", "--skip-checks") as worker, transaction.atomic():
        # Somebody edits one of the second slice, so that it is killed in the middle of that.
        Recipient.objects.select_for_update().get(pk=many[work.SLICE_ROWS + 1000])
        wait_until(somebody_waits_for_a_lock)
        worker.send(signal.SIGKILL)
        worker.end()
    wait_until(lambda: not somebody_waits_for_a_lock())
    assert (state(job), job.position, owner.recipients.count()) == (
        State.RUNNING,
        work.SLICE_ROWS,
        ROWS - work.SLICE_ROWS,
    )
    work.carry_out(job.pk)
    assert (state(job), job.changed, owner.recipients.count()) == (State.DONE, ROWS, 0)


def test_the_job_of_a_dead_worker_is_taken_over(owner: User, many: list[int], tmp_path: Path) -> None:
    news = RecipientList.objects.create(owner=owner, name="News")
    job = started(owner, Deed.ADD_TO_LIST, recipient_list=news, target_name="News")
    with connection.cursor() as cursor:
        # A worker that has been gone for a minute holds it.
        cursor.execute(
            "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '1 minute') RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', worker_id = w.id FROM w"
        )
    with running(tmp_path, "run_worker", "--skip-checks"):
        wait_until(lambda: state(job) == State.DONE, seconds=60)
    assert (job.changed, news.members.count()) == (ROWS, ROWS)


def test_two_at_once_do_each_slice_once(owner: User, many: list[int]) -> None:
    news = RecipientList.objects.create(owner=owner, name="News")
    job = started(owner, Deed.ADD_TO_LIST, recipient_list=news, target_name="News")

    def carry_out() -> None:
        work.carry_out(job.pk)
        connection.close()

    threads = [threading.Thread(target=carry_out) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (state(job), job.position, job.changed) == (State.DONE, ROWS, ROWS)


def test_what_hangs_on_the_deleted_goes_with_them(owner: User, many: list[int]) -> None:
    colleague, news = factories.user("operator"), RecipientList.objects.create(owner=owner, name="News")
    mailing = factories.mailing(owner, 0)
    mailing.add_to_audience(owner.recipients.all())
    news.add_members(owner.recipients.all())
    factories.share(Recipient.objects.get(pk=many[0]), "view", to=colleague)
    job = started(owner, Deed.DELETE)
    assert state(job) == State.RUNNING
    work.carry_out(job.pk)
    assert state(job) == State.DONE
    left = (Recipient, Membership, Mailing.recipients.through, RecipientUserShare)
    assert [model._default_manager.count() for model in left] == [0, 0, 0, 0]
