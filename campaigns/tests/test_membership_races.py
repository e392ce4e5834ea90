"""Recipients go while others put them into lists and audiences: neither is an error to the other."""

from collections.abc import Callable

import pytest
from django.db import transaction

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns.bulk import work
from campaigns.models import BulkJob, Mailing, Recipient
from campaigns.models.bulk_job import Deed, State
from campaigns.tests import factories
from campaigns.tests.processes import PATIENCE_SECONDS
from campaigns.tests.test_fresh_races import waiting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def three(owner: User) -> list[Recipient]:
    return [factories.recipient(owner, f"{n}@example.com") for n in range(3)]


def into_a_list(owner: User) -> BulkJob:
    return BulkJob(owner=owner, deed=Deed.ADD_TO_LIST, recipient_list=factories.recipient_list(owner, 0))


def into_a_mailing(owner: User) -> BulkJob:
    return BulkJob(owner=owner, deed=Deed.ADD_TO_MAILING, mailing=factories.mailing(owner, 0))


def begun(job: BulkJob) -> BulkJob:
    return work.begin(job, Recipient.objects.filter(owner=job.owner))


@pytest.mark.parametrize("into", [into_a_list, into_a_mailing])
def test_who_is_deleted_meanwhile_is_left_out(
    into: Callable[[User], BulkJob], owner: User, three: list[Recipient]
) -> None:
    job = begun(into(owner))
    with transaction.atomic():
        three[0].delete()
        adding = waiting(lambda: work.carry_out(job.pk))
    adding.result(PATIENCE_SECONDS)
    job.refresh_from_db()
    assert (job.state, job.changed) == (State.DONE, 2)


def test_who_is_added_meanwhile_is_deleted_all_the_same(owner: User, three: list[Recipient]) -> None:
    mailing: Mailing = factories.mailing(owner, 0)
    job = begun(BulkJob(owner=owner, deed=Deed.DELETE))
    with transaction.atomic():
        mailing.add_to_audience(Recipient.objects.filter(pk=three[0].pk))
        deleting = waiting(lambda: work.carry_out(job.pk))
    deleting.result(PATIENCE_SECONDS)
    job.refresh_from_db()
    assert (job.state, job.changed) == (State.DONE, 3)
    assert not mailing.recipients.exists()
