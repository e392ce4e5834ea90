"""Several clocks: a mailing that is due is launched once."""

from datetime import timedelta

from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt
from campaigns.tests import factories
from campaigns.tests.crash.process import Process
from campaigns.tests.crash.rig import Rig, wait_until

LEADS, STANDS_BY = "This scheduler leads.", "Another scheduler leads; standing by."


def due(audience: int) -> Mailing:
    mailing = factories.mailing(audience=audience, start_at=timezone.now() - timedelta(minutes=1))
    lifecycle.schedule(mailing)
    return mailing


def the_attempt(rig: Rig, mailing: Mailing) -> MailingAttempt:
    """The one attempt of the mailing, once it has ended."""
    wait_until(lambda: mailing.attempts.filter(finished_at__isnull=False).exists(), rig.logs)
    attempt: MailingAttempt = mailing.attempts.get()
    return attempt


def says(rig: Rig, process: Process, words: str) -> None:
    wait_until(lambda: words in process.written, rig.logs)


def test_two_and_cron_launch_each_due_mailing_once(rig: Rig) -> None:
    rig.worker()
    mailings = [due(2) for _ in range(40)]
    launching = [rig.scheduler(), rig.scheduler(), rig.command("send_due_mailings", "--enqueue")]
    attempts = [the_attempt(rig, mailing) for mailing in mailings]
    assert launching.pop().status() == 0
    assert [scheduler.end() for scheduler in launching] == [0, 0]
    rig.reconcile(*attempts)


def test_the_leader_is_killed_as_it_launches_and_the_other_goes_on(rig: Rig) -> None:
    rig.worker()
    leader = rig.scheduler()
    says(rig, leader, LEADS)
    standby = rig.scheduler()
    says(rig, standby, STANDS_BY)
    first = due(100)
    wait_until(lambda: first.attempts.exists(), rig.logs)
    leader.kill()
    second = due(100)
    rig.reconcile(the_attempt(rig, first), the_attempt(rig, second))
    assert standby.end() == 0
