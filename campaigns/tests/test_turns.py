"""Whose letters come first when several mailings are under way."""

from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.tests import factories


@pytest.fixture(autouse=True)
def _small_chunks(settings: Any) -> None:
    settings.SENDING_CHUNK_ROWS = 10


def turns() -> list[int]:
    """The attempts of the chunks that wait, in the order in which workers take them."""
    jobs = ProcrastinateJob.objects.filter(task_name="deliver_chunk", status="todo").order_by("-priority", "id")
    attempts = dict(MailingAttempt.objects.values_list("chunks", "pk"))
    return [attempts[job.args["chunk"]] for job in jobs]


@pytest.mark.django_db
def test_a_small_mailing_does_not_wait_for_all_of_a_large_one() -> None:
    large = lifecycle.launch(factories.mailing(audience=40), None)
    small = lifecycle.launch(factories.mailing(audience=10), None)
    assert turns() == [large.pk, small.pk, large.pk, large.pk, large.pk]


@pytest.mark.django_db
def test_one_that_is_resumed_takes_its_turns_too() -> None:
    paused = lifecycle.launch(factories.mailing(audience=40), None)
    lifecycle.pause(paused.mailing)
    ProcrastinateJob.objects.all().delete()
    other = lifecycle.launch(factories.mailing(audience=30), None)
    lifecycle.resume(paused.mailing)
    assert turns() == [paused.pk, other.pk, paused.pk, other.pk, paused.pk, other.pk, paused.pk]
