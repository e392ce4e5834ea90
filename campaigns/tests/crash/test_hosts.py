"""Workers and schedulers on machines of their own, of which the network loses one. docs/scaling.md is about such."""

from django.db import connection

from campaigns.tests.crash.network import Host
from campaigns.tests.crash.rig import CONNECTIONS, Rig, launched, wait_until
from campaigns.tests.crash.test_schedulers import LEADS, STANDS_BY, due, says, the_attempt

AT_WORK = "SELECT count(DISTINCT worker_id) FROM procrastinate_jobs WHERE status = 'doing'"


def test_two_of_three_workers_are_cut_off_and_write_nothing_when_they_come_back(
    hosts: list[Host], bare_rig: Rig
) -> None:
    bare_rig.sink(seconds=0.2)
    attempt = launched(1_200)
    workers = [bare_rig.worker(on=host.prefix) for host in hosts]
    wait_until(lambda: at_work() == len(hosts), bare_rig.logs)
    bare_rig.wait_for(len(bare_rig.taken()) + 200)
    for host in hosts[:2]:
        host.pull_cable()
    wait_until(lambda: at_work() == 1, bare_rig.logs)
    # The third ends its own chunks first, so those of the first are still open when that one wants to go on with them.
    hosts[0].plug_in()
    bare_rig.wait_for_end(attempt)
    assert all(worker.runs for worker in workers)
    assert "its worker is gone" in workers[2].written
    in_doubt = bare_rig.reconcile(attempt, in_doubt=2 * CONNECTIONS)
    # What the second could not say until now is about letters that are in doubt, and stay so.
    hosts[1].plug_in()
    assert [worker.end() for worker in workers] == [0, 0, 0]
    assert bare_rig.reconcile(attempt, in_doubt=2 * CONNECTIONS) == in_doubt


def test_the_leading_scheduler_is_cut_off_and_one_on_another_machine_leads(hosts: list[Host], rig: Rig) -> None:
    rig.worker(on=hosts[2].prefix)
    leader = rig.scheduler(on=hosts[0].prefix)
    says(rig, leader, LEADS)
    standby = rig.scheduler(on=hosts[1].prefix)
    says(rig, standby, STANDS_BY)
    first = the_attempt(rig, due(50))
    hosts[0].pull_cable()
    second = the_attempt(rig, due(50))
    # One that can not reach the database any more does not think that it leads.
    assert leader.status() == 1
    assert standby.end() == 0
    rig.reconcile(first, second)


def at_work() -> int:
    """How many workers have a job."""
    with connection.cursor() as cursor:
        cursor.execute(AT_WORK)
        [number] = cursor.fetchone() or [0]
    return int(number)
