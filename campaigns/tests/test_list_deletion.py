"""Recipient lists deleted: little at once, much by a worker, all or nothing, and never what a mailing names."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns.bulk import jobs, work
from campaigns.models import BulkJob, Mailing, Membership, RecipientList
from campaigns.models.bulk_job import Deed, State
from campaigns.tests import factories
from campaigns.tests.processes import wait_until
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

CHANGELIST = reverse("admin:campaigns_recipientlist_changelist")
at_once = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has more than two members is for a worker."""
    monkeypatch.setattr(jobs, "INLINE_ROWS", 2)


def delete(client: Client, one: RecipientList) -> Any:
    return client.post(reverse("admin:campaigns_recipientlist_delete", args=[one.pk]), {"post": "yes"})


def delete_selected(client: Client, *lists: RecipientList) -> Any:
    selected = {"action": "delete_selected", "_selected_action": [one.pk for one in lists], "post": "yes"}
    return client.post(CHANGELIST, selected)


def name_it(mailing: Mailing, one: RecipientList, where: str) -> None:
    if where == "conditions":
        mailing.conditions = [{"field": "list", "operator": "not_in", "value": one.pk}]
        mailing.save()
    else:
        getattr(mailing, where).add(one)


def begun(owner: User, one: RecipientList) -> BulkJob:
    return work.begin_deleting(BulkJob(owner=owner, deed=Deed.DELETE_LIST, recipient_list=one, target_name=one.name))


def told(client: Client, job: BulkJob) -> str:
    return client.get(reverse("admin:campaigns_bulkjob_change", args=[job.pk])).content.decode()


def waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        [waiting] = cursor.fetchone()
    return bool(waiting)


# In the request


def test_a_small_list_is_gone_when_the_page_comes(operator: User, client: Client) -> None:
    some = factories.recipient_list(operator, 3)
    assert "was deleted" in " ".join(sentences(delete(client, some)))
    assert (RecipientList.objects.count(), Membership.objects.count(), operator.recipients.count()) == (0, 0, 3)


def test_the_question_says_that_the_members_stay(operator: User, client: Client) -> None:
    url = reverse("admin:campaigns_recipientlist_delete", args=[factories.recipient_list(operator, 3).pk])
    assert "The members stay recipients." in client.get(url).content.decode()


# By a worker


@pytest.mark.usefixtures("in_background")
def test_a_large_list_is_deleted_by_a_worker_whose_page_opens(operator: User, client: Client) -> None:
    some = factories.recipient_list(operator, 3, name="Readers")
    response = delete(client, some)
    job = BulkJob.objects.get()
    assert response.headers["Location"] == reverse("admin:campaigns_bulkjob_change", args=[job.pk])
    assert (job.state, job.total, Membership.objects.count()) == (State.RUNNING, 3, 3)
    assert "The list “Readers” is being deleted." in told(client, job)
    work.carry_out(job.pk)
    assert (RecipientList.objects.count(), Membership.objects.count(), operator.recipients.count()) == (0, 0, 3)
    assert "The list “Readers” was deleted. It had 3 members, who stay." in told(client, job)


@pytest.mark.usefixtures("in_background")
def test_of_selected_lists_each_is_told_by_itself(operator: User, client: Client) -> None:
    small = factories.recipient_list(operator, 1, name="Small")
    large = factories.recipient_list(operator, 3, name="Large")
    response = delete_selected(client, small, large)
    assert sorted(sentences(response)) == [
        "The list “Large” is being deleted.",
        "The list “Small” was deleted. It had 1 member, who stays.",
    ]
    assert list(RecipientList.objects.all()) == [large]


@pytest.mark.usefixtures("in_background")
def test_the_page_says_until_when_a_deletion_can_be_stopped(operator: User, client: Client) -> None:
    delete(client, factories.recipient_list(operator, 3))
    assert "It can be stopped as long as no worker has begun it." in told(client, BulkJob.objects.get())


@pytest.mark.parametrize("where", ["lists", "excluded_lists", "conditions"])
def test_what_a_mailing_names_before_the_worker_comes_keeps_all_its_members(
    where: str, operator: User, client: Client
) -> None:
    some = factories.recipient_list(operator, 3, name="Readers")
    job = begun(operator, some)
    name_it(factories.mailing(operator, 0), some, where)
    work.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, "A mailing names the list “Readers”: it is kept.")
    assert some.members.count() == 3
    assert "“Readers” is kept." in told(client, job)


def test_a_deletion_that_is_stopped_in_time_keeps_the_list(operator: User, client: Client) -> None:
    some = factories.recipient_list(operator, 3, name="Readers")
    job = begun(operator, some)
    client.post(reverse("admin:campaigns_bulkjob_cancel", args=[job.pk]))
    work.carry_out(job.pk)
    assert some.members.count() == 3


def test_who_may_not_delete_the_list_any_more_deletes_nothing(operator: User) -> None:
    some = factories.recipient_list(operator, 3)
    job = begun(operator, some)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    work.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, some.members.count()) == (State.FAILED, 3)


@at_once
def test_who_adds_to_a_list_while_it_is_deleted_is_not_left_behind(operator: User) -> None:
    some, late = factories.recipient_list(operator, 3), factories.recipient(operator)
    job = begun(operator, some)

    def carry_out() -> None:
        work.carry_out(job.pk)
        connection.close()

    thread = threading.Thread(target=carry_out)
    with transaction.atomic():
        some.members.add(late)
        # Its key is held, as the end of the transaction would.
        RecipientList.objects.select_for_update(no_key=True).get(pk=some.pk)
        thread.start()
        wait_until(waits_for_a_row)
    thread.join()
    job.refresh_from_db()
    assert (job.state, job.changed, Membership.objects.count()) == (State.DONE, 4, 0)


# Held by the database


@pytest.mark.parametrize("where", ["lists", "excluded_lists"])
def test_django_refuses_to_delete_a_list_that_a_mailing_names(where: str, operator: User) -> None:
    some = factories.recipient_list(operator, 0)
    name_it(factories.mailing(operator, 0), some, where)
    with pytest.raises(ProtectedError):
        some.delete()


@pytest.mark.parametrize("where", ["lists", "excluded_lists", "conditions"])
def test_the_database_refuses_to_delete_a_list_that_a_mailing_names(where: str, operator: User) -> None:
    some = factories.recipient_list(operator, 0)
    name_it(factories.mailing(operator, 0), some, where)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DELETE FROM campaigns_recipientlist WHERE id = %s", [some.pk])


def test_the_database_refuses_a_condition_on_a_list_that_is_not_there(operator: User) -> None:
    mailing = factories.mailing(operator, 0)
    gone = factories.recipient_list(operator, 0)
    key = gone.pk
    gone.delete()
    mailing.conditions = [{"field": "list", "operator": "in", "value": key}]
    with pytest.raises(IntegrityError), transaction.atomic():
        mailing.save()


@at_once
def test_a_list_is_kept_by_a_mailing_that_is_saved_while_it_is_deleted(operator: User) -> None:
    some = factories.recipient_list(operator, 3)
    mailing, job = factories.mailing(operator, 0), begun(operator, some)

    def carry_out() -> None:
        work.carry_out(job.pk)
        connection.close()

    thread = threading.Thread(target=carry_out)
    with transaction.atomic():
        name_it(mailing, some, "conditions")
        thread.start()
        wait_until(waits_for_a_row)
    thread.join()
    job.refresh_from_db()
    assert (job.state, some.members.count()) == (State.FAILED, 3)


def test_a_mailing_that_names_a_list_which_is_deleted_meanwhile_says_so(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = factories.mailing(operator, 0, name="Spring")

    def gone_meanwhile(*_args: Any, **_given: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(Mailing, "add_to_audience", gone_meanwhile)
    times = {"start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "", "repetition": "once"}
    typed = {"name": "Summer", "message": mailing.message_id, "version": mailing.version, **times}
    response = client.post(reverse("admin:campaigns_mailing_change", args=[mailing.pk]), typed | {"add_all": "on"})
    assert sentences(response) == ["What this mailing names was deleted meanwhile. Nothing was saved: choose again."]
    mailing.refresh_from_db()
    assert mailing.name == "Spring"
