"""A mail server that is slow, or killed."""

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.tests.crash.rig import CONNECTIONS, Rig, launched, wait_until


def test_one_that_takes_longer_for_a_letter_than_a_dead_worker_has(bare_rig: Rig) -> None:
    bare_rig.sink(seconds=2.5)
    lease = {"STALLED_WORKER_SECONDS": "2"}
    attempt = launched(3 * CONNECTIONS)
    busy = bare_rig.worker(**lease)
    bare_rig.wait_for(1)
    envious = bare_rig.worker(**lease)
    bare_rig.wait_for(CONNECTIONS + 1)
    assert busy.end() == 0
    bare_rig.wait_for_end(attempt)
    assert envious.end() == 0
    bare_rig.reconcile(attempt)


def test_one_that_is_killed_and_comes_back(bare_rig: Rig) -> None:
    sink = bare_rig.sink()
    attempt = launched(600)
    bare_rig.worker()
    bare_rig.wait_for(200)
    sink.kill()
    wait_until(lambda: state(attempt) == MailingAttempt.Status.PAUSED, bare_rig.logs)
    bare_rig.sink()
    lifecycle.resume(attempt.mailing)
    bare_rig.wait_for_end(attempt)
    bare_rig.reconcile(attempt, in_doubt=CONNECTIONS)


def state(attempt: MailingAttempt) -> str:
    return MailingAttempt.objects.values_list("status", flat=True).get(pk=attempt.pk)
