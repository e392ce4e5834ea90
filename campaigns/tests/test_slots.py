"""The places for connections, of which all workers together have no more than the limit allows."""

import asyncio
from collections.abc import Callable
from time import monotonic

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.models import SendingLimit
from campaigns.sending.limits.limits import Limits
from campaigns.sending.limits.slots import SPACE
from campaigns.tests import factories
from campaigns.tests.limited import Unit, Worker, database, end_sessions, limit, play
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import wait_until
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


async def connect_until(holds: Callable[[], bool], wanted: dict[Worker, int], most: int = 1000) -> None:
    """Let the workers connect as they want until it holds; there are never more connections than `most`."""
    while not holds():
        for worker, connections in wanted.items():
            worker.connects(connections)
        assert sum(len(worker.open) for worker in wanted) <= most
        numbers = [slot.number for worker in wanted for slot in worker.open if slot.number]
        assert len(numbers) == len(set(numbers))
        await asyncio.sleep(0.02)


def test_without_a_limit_there_are_places_for_all() -> None:
    async def scene(worker: Worker) -> None:
        await worker.begins()
        assert worker.connects(100) == 100

    play(scene)


def test_there_are_none_before_the_limit_is_known() -> None:
    assert Limits(lambda: None).slots.take() is None


def test_a_worker_that_is_alone_may_have_all_and_no_more() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(worker: Worker) -> None:
        await connect_until(lambda: len(worker.open) == 10, {worker: 16}, most=10)
        await asyncio.sleep(1.2)
        assert worker.connects(16) == 10

    play(scene)


def test_workers_share_the_places_evenly_and_never_have_more_together() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(first: Worker, second: Worker, third: Worker) -> None:
        await connect_until(lambda: len(first.open) == 10, {first: 16}, most=10)
        wanted = {first: 16, second: 16, third: 16}

        def shared() -> bool:
            counts = [len(worker.open) for worker in wanted]
            return sum(counts) == 10 and max(counts) == 4

        await connect_until(shared, wanted, most=10)

    play(scene, workers=3)


def test_who_wants_few_leaves_the_rest_of_its_share_until_it_wants_more() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(first: Worker, second: Worker) -> None:
        await connect_until(lambda: len(first.open) == 1, {first: 1}, most=10)
        assert await database(places) == 2  # and the one that workers share
        await connect_until(lambda: len(second.open) == 5, {first: 1, second: 16}, most=10)
        await connect_until(lambda: len(first.open) == 5, {first: 16, second: 16}, most=10)

    play(scene, workers=2)


def test_who_has_nothing_to_send_leaves_all_places_to_the_others() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(first: Worker, second: Worker) -> None:
        await connect_until(lambda: len(first.open) == 10, {first: 16}, most=10)
        await connect_until(lambda: len(second.open) == 10, {first: 0, second: 16}, most=10)

    play(scene, workers=2)


def test_who_closes_connections_leaves_their_places() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(first: Worker, second: Worker) -> None:
        await connect_until(lambda: len(first.open) == 10, {first: 16}, most=10)
        await connect_until(lambda: len(second.open) == 5, {first: 5, second: 5}, most=10)

    play(scene, workers=2)


def test_who_waits_is_told_of_a_place_and_who_has_one_that_it_is_revoked() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(worker: Worker) -> None:
        worker.limits.slots.want(10)
        await worker.waits_until(lambda: worker.connects(10) == 10)
        await database(lambda: SendingLimit.objects.update(maximum=9))
        await worker.waits_until(lambda: any(slot.revoked for slot in worker.open))

    play(scene)


def test_the_places_of_a_worker_that_is_gone_are_free() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(worker: Worker) -> None:
        await connect_until(lambda: len(worker.open) == 10, {worker: 16}, most=10)

    play(scene)
    wait_until(lambda: places() == 0)
    play(scene)


def places() -> int:
    """How many places are taken, as PostgreSQL says."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE locktype = 'advisory' AND classid = %s AND datname = current_database()",
            [SPACE],
        )
        return int(cursor.fetchone()[0])


def test_who_loses_the_session_gives_up_its_places_and_gets_others() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(worker: Worker) -> None:
        await connect_until(lambda: len(worker.open) == 10, {worker: 16}, most=10)
        former = list(worker.open)
        await database(end_sessions)
        await worker.waits_until(lambda: all(slot.revoked for slot in former))
        await connect_until(
            lambda: len(worker.open) == 10 and set(worker.open).isdisjoint(former), {worker: 16}, most=10
        )
        assert await database(places) == 11  # and the one that workers share

    play(scene)


def test_fewer_places_close_the_connections_that_are_too_many() -> None:
    limit(10, Unit.CONNECTIONS)

    async def scene(worker: Worker) -> None:
        await connect_until(lambda: len(worker.open) == 10, {worker: 16})
        await database(lambda: SendingLimit.objects.update(maximum=3))
        await connect_until(lambda: len(worker.open) == 3, {worker: 16})
        while await database(places) != 4:
            await asyncio.sleep(0.05)

    play(scene)


def test_a_new_limit_holds_for_connections_that_are_open_already() -> None:
    async def scene(worker: Worker) -> None:
        await worker.begins()
        worker.connects(8)
        await database(lambda: limit(3, Unit.CONNECTIONS))
        await connect_until(lambda: len(worker.open) == 3, {worker: 8})
        assert all(slot.number for slot in worker.open)

    play(scene)


def test_without_the_limit_there_are_places_for_all_again() -> None:
    limit(3, Unit.CONNECTIONS)

    async def scene(worker: Worker) -> None:
        await connect_until(lambda: len(worker.open) == 3, {worker: 8})
        await database(SendingLimit.objects.all().delete)
        await connect_until(lambda: len(worker.open) == 8, {worker: 8})
        assert await database(places) <= 3

    play(scene)


def test_a_mailing_goes_on_after_its_workers_places_were_lost(server: MailServer) -> None:
    limit(2, Unit.CONNECTIONS)
    server.open.clear()
    ended: list[float] = []
    lifecycle.launch(factories.mailing(audience=40), None)

    def held() -> bool:
        """Let the server answer once the worker's session has been another for a while."""
        if server.waiting.is_set() and not ended:
            end_sessions()
            ended.append(monotonic())
        if ended and monotonic() > ended[0] + 2:
            server.open.set()
        return len(server.taken) == 40

    work(held)
    assert set(server.addresses.values()) == {1}
