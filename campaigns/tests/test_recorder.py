"""The writer that all connections of a worker share, on a real database."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from django.db import OperationalError, connection

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.models.log import Status
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Settlement
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.recorder import LeaseLost, Recorder
from campaigns.tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

type Scene = Callable[[Recorder, Lease], Awaitable[None]]


def play(scene: Scene, audience: int = 20) -> MailingAttempt:
    """Run the scene with a recorder and the lease of an attempt's one chunk."""
    attempt = lifecycle.launch(factories.mailing(audience=audience), None)
    chunk = attempt.chunks.get().pk

    async def run() -> None:
        recorder = Recorder()
        try:
            lease = await recorder.call(chunks.take, chunk)
            assert lease
            await scene(recorder, lease)
        finally:
            await recorder.aclose()

    asyncio.run(run())
    attempt.refresh_from_db()
    return attempt


async def marked(recorder: Recorder, lease: Lease, row: int) -> bool:
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    recorder.mark(lease, row, told.set_result)
    return await told


def test_what_is_handed_in_together_is_committed_together() -> None:
    async def scene(recorder: Recorder, lease: Lease) -> None:
        rows = range(lease.first, lease.last + 1)
        write, groups = entries.write, []

        def counted(entries: dict[Lease, entries.Entries]) -> dict[Lease, entries.Written]:
            groups.append(entries)
            return write(entries)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(entries, "write", counted)
            assert all(await asyncio.gather(*(marked(recorder, lease, row) for row in rows)))
        assert len(groups) <= 2

    assert play(scene).logs.in_flight().count() == 20


def test_a_mark_is_committed_when_it_is_confirmed() -> None:
    async def scene(recorder: Recorder, lease: Lease) -> None:
        assert await marked(recorder, lease, lease.first)
        other = Recorder()  # another connection sees it
        assert await other.call(lambda: chunks._rows(lease).in_flight().count()) == 1
        await other.aclose()

    play(scene)


def test_all_that_was_settled_is_committed_when_flush_returns() -> None:
    async def scene(recorder: Recorder, lease: Lease) -> None:
        for row in range(lease.first, lease.last + 1):
            recorder.settle(lease, Settlement(row, Status.SENT))
        await recorder.flush(lease)
        assert await recorder.call(chunks._rows(lease).filter(status=Status.SENT).count) == 20

    assert play(scene).sent == 20


def test_a_worker_whose_chunk_was_taken_may_send_nothing_and_is_told_at_the_flush() -> None:
    async def scene(recorder: Recorder, lease: Lease) -> None:
        await recorder.call(chunks.take, lease.chunk)
        assert not await marked(recorder, lease, lease.first)
        recorder.settle(lease, Settlement(lease.first, Status.SENT))
        with pytest.raises(LeaseLost):
            await recorder.flush(lease)

    assert play(scene).sent == 0


def test_a_lost_chunk_does_not_stop_the_marks_of_another() -> None:
    async def scene(recorder: Recorder, lost: Lease) -> None:
        held = await recorder.call(chunks.take, lost.chunk)
        assert held
        marks = await asyncio.gather(marked(recorder, lost, lost.first), marked(recorder, held, held.last))
        assert list(marks) == [False, True]

    play(scene)


def test_entries_are_written_again_when_the_answer_to_a_commit_was_lost() -> None:
    async def scene(recorder: Recorder, lease: Lease) -> None:
        write, answers = entries.write, iter([OperationalError("the answer was lost")])

        def unlucky(entries: dict[Lease, entries.Entries]) -> dict[Lease, entries.Written]:
            written = write(entries)
            for error in answers:
                raise error
            return written

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(entries, "write", unlucky)
            recorder.settle(lease, Settlement(lease.first, Status.SENT))
            assert await marked(recorder, lease, lease.last)

    attempt = play(scene)
    assert attempt.sent == 1
    assert attempt.logs.in_flight().count() == 1


def test_a_broken_connection_is_replaced_and_nothing_is_lost() -> None:
    async def scene(recorder: Recorder, lease: Lease) -> None:
        assert await marked(recorder, lease, lease.first)
        pid = await recorder.call(_pid)
        other = Recorder()
        await other.call(_terminate, pid)
        await other.aclose()
        assert await marked(recorder, lease, lease.last)

    assert play(scene).logs.in_flight().count() == 2


def test_a_letter_whose_outcome_could_not_be_written_stays_in_doubt_and_is_not_sent_again() -> None:
    async def scene(recorder: Recorder, lease: Lease) -> None:
        assert await marked(recorder, lease, lease.first)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("campaigns.sending.recorder.PATIENCE_SECONDS", -1)
            patch.setattr(entries, "write", away)
            recorder.settle(lease, Settlement(lease.first, Status.SENT))
            recorder.settle(lease, Settlement(lease.first + 1, Status.SKIPPED))
            with pytest.raises(OperationalError):
                await recorder.flush(lease)
        assert await marked(recorder, lease, lease.last)

    attempt = play(scene)
    first, last = attempt.logs.earliest("pk"), attempt.logs.latest("pk")
    assert set(attempt.logs.in_flight()) == {first, last}


def away(_entries: object) -> None:
    raise OperationalError("the database is away")


def _pid() -> int:
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def _terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
