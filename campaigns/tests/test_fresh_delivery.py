"""What a worker does with letters that it may not begin, or no more, and with the jobs of workers that are gone."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from django.db import OperationalError
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.sending.delivery import Assignment, ChunkDelivery
from campaigns.sending.ledger import chunks, moves
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.limits.limits import Limits
from campaigns.sending.line import Parcel
from campaigns.sending.queue import sweep
from campaigns.sending.recorder import Recorder
from campaigns.tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

type Scene = Callable[[Recorder, Lease, ChunkDelivery], Awaitable[None]]


def play(scene: Scene, *, limited: bool = False) -> MailingAttempt:
    """Run the scene with the delivery of an attempt's one chunk."""
    attempt = lifecycle.launch(factories.mailing(audience=3), None)
    assignment = Assignment(MailingAttempt.objects.select_related("mailing").get(pk=attempt.pk))
    chunk = attempt.chunks.get().pk

    async def run() -> None:
        recorder, limits = Recorder(), Limits(lambda: None)
        limits.active = limited
        try:
            lease = await recorder.call(chunks.take, chunk)
            assert lease
            rows = await recorder.call(chunks.ready, lease)
            await scene(recorder, lease, ChunkDelivery(assignment, lease, rows, recorder, limits))
        finally:
            await recorder.aclose()

    asyncio.run(run())
    attempt.refresh_from_db()
    return attempt


async def granted(parcel: Parcel) -> bool:
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    parcel.mark(told.set_result)
    return parcel.granted(await told)


def test_a_letter_that_no_connection_could_hand_over_before_a_pause_is_not_in_doubt() -> None:
    async def scene(recorder: Recorder, lease: Lease, delivery: ChunkDelivery) -> None:
        parcel = delivery.next()
        assert parcel
        assert await granted(parcel)
        # The connection is lost before the body leaves, and another one has the letter next.
        await recorder.call(moves.pause, lease.attempt)
        assert not await granted(parcel)
        parcel.drop()
        await recorder.flush(lease)

    assert not play(scene).logs.in_flight().exists()


def test_a_delivery_that_leaves_still_knows_when_what_limits_hold_back_has_a_chance() -> None:
    async def scene(_recorder: Recorder, _lease: Lease, delivery: ChunkDelivery) -> None:
        assert delivery.next() is None
        delivery.stop()
        delivery.reconsider()
        assert delivery.held_for() is not None

    play(scene, limited=True)


def dead_workers_job() -> Job:
    """The one job that waits, as it is when the worker that had taken it is gone."""
    job = ProcrastinateJob.objects.get()
    return Job(
        id=job.pk,
        status="doing",
        queue=job.queue_name,
        priority=job.priority,
        lock=job.lock,
        queueing_lock=None,
        task_name=job.task_name,
        task_kwargs=job.args,
    )


@pytest.fixture
def expansion(settings: Settings) -> Job:
    settings.SENDING_INLINE_ROWS = 1
    lifecycle.launch(factories.mailing(audience=3), None)
    return dead_workers_job()


def restarted(job: Job) -> int:
    return sweep._restart([job])


def test_the_job_of_a_dead_worker_has_another_in_its_place(expansion: Job) -> None:
    assert restarted(expansion) == 1
    again = ProcrastinateJob.objects.get()
    assert (again.task_name, again.lock, again.args) == (expansion.task_name, expansion.lock, expansion.task_kwargs)
    assert again.pk != expansion.id


def test_of_two_sweeps_one_restarts_it(expansion: Job) -> None:
    assert [restarted(expansion), restarted(expansion)] == [1, 0]
    assert ProcrastinateJob.objects.count() == 1


def test_a_sweep_that_ends_half_way_loses_no_job(expansion: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_chunks: object) -> None:
        raise OperationalError("the session was ended")

    monkeypatch.setattr(chunks, "fence", killed)
    with pytest.raises(OperationalError):
        restarted(expansion)
    assert ProcrastinateJob.objects.get().pk == expansion.id
