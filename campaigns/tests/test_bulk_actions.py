"""Many recipients at once, from their list: the selected, or all that match; strangers' are left out and counted."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.bulk import deeds, jobs, work
from campaigns.bulk.deeds import Outcome, Recipients
from campaigns.bulk.errors import BulkRefused
from campaigns.models import BulkJob, Mailing, MailingLog, Recipient, RecipientList
from campaigns.models.bulk_job import Deed, State
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, scene, sentences

pytestmark = pytest.mark.django_db

LIST = reverse("admin:campaigns_recipient_changelist")


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def stranger() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is more than two is for a worker."""
    monkeypatch.setattr(jobs, "INLINE_ROWS", 2)


def ask(client: Client, action: str, *selected: Recipient, query: str = "", **data: Any) -> Any:
    post = {"action": action, "_selected_action": [one.pk for one in selected], **data}
    return client.post(f"{LIST}{query}", post)


def do(client: Client, action: str, *selected: Recipient, query: str = "", **data: Any) -> Any:
    return ask(client, action, *selected, query=query, confirmed="yes", **data)


def list_of(owner: User, *members: Recipient, name: str = "News") -> RecipientList:
    made = RecipientList.objects.create(owner=owner, name=name)
    made.members.set(members)
    return made


def members(one: RecipientList) -> set[Recipient]:
    return set(one.members.all())


# Lists


def test_the_selected_come_into_the_list(operator: User, client: Client) -> None:
    one, two, _three = factories.recipients(operator, 3)
    news = list_of(operator, one)
    response = do(client, "add_to_list", one, two, recipient_list=news.pk)
    assert members(news) == {one, two}
    assert sentences(response) == ["1 recipient was added to “News”."]


def test_the_selected_come_into_a_new_list(operator: User, client: Client) -> None:
    one, two = factories.recipients(operator, 2)
    do(client, "add_to_list", one, two, new_list="Spring")
    made = operator.recipient_lists.get()
    assert (made.name, members(made)) == ("Spring", {one, two})


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({}, "Choose a list, or name a new one."),
        ({"new_list": "NEWS"}, "There is a list with this name already."),
        ({"new_list": "Other", "recipient_list": "news"}, "Choose a list, or name a new one."),
    ],
)
def test_without_one_clear_list_it_is_asked_again(
    chosen: dict[str, Any], sentence: str, operator: User, client: Client
) -> None:
    [one] = factories.recipients(operator, 1)
    news = list_of(operator)
    data: dict[str, Any] = {key: news.pk if value == "news" else value for key, value in chosen.items()}
    response = do(client, "add_to_list", one, **data)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert (members(news), operator.recipient_lists.count()) == (set(), 1)


def test_the_selected_leave_the_list(operator: User, client: Client) -> None:
    one, two, three = factories.recipients(operator, 3)
    news = list_of(operator, one, two)
    response = do(client, "remove_from_list", one, three, recipient_list=news.pk)
    assert members(news) == {two}
    assert sentences(response) == ["1 recipient was removed from “News”."]


@pytest.mark.parametrize("action", ["add_to_list", "remove_from_list"])
def test_a_strangers_list_is_neither_offered_nor_changed(
    action: str, operator: User, stranger: User, client: Client
) -> None:
    one, two = factories.recipients(operator, 2)
    theirs = list_of(stranger, one, name="Secret plan")
    assert "Secret plan" not in ask(client, action, one, two).content.decode()
    do(client, action, one, two, recipient_list=theirs.pk)
    assert members(theirs) == {one}


def test_a_manager_puts_nobody_elses_recipients_into_lists(operator: User) -> None:
    manager = factories.user(MANAGER)
    news, mine, theirs = list_of(manager), factories.recipient(manager), factories.recipient(operator)
    response = do(logged_in(manager), "add_to_list", mine, theirs, recipient_list=news.pk)
    assert members(news) == {mine}
    assert sentences(response) == [
        "1 of the selected is left out: it is neither yours nor shared with you.",
        "1 recipient was added to “News”.",
    ]


def test_no_recipient_is_an_option_of_a_question(operator: User, client: Client) -> None:
    one, two = factories.recipients(operator, 2)
    for action in ("add_to_list", "remove_from_list", "add_to_mailing", "remove_from_mailing", "delete_selected"):
        page = ask(client, action, one, two, select_across="1").content.decode()
        assert one.email not in page


# All that match


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(
    ("action", "expected", "changed"),
    [
        ("add_to_list", {"anna", "anne", "annika", "bob"}, 2),
        ("remove_from_list", {"bob"}, 1),
        ("add_to_mailing", {"anna", "anne", "annika", "bob"}, 2),
        ("remove_from_mailing", {"bob"}, 1),
    ],
)
def test_all_that_match_are_taken_and_no_other(
    action: str,
    expected: set[str],
    changed: int,
    background: bool,
    operator: User,
    stranger: User,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if background:
        monkeypatch.setattr(jobs, "INLINE_ROWS", 2)
        monkeypatch.setattr(work, "SLICE_ROWS", 2)
    anna, _anne, _annika, bob, _carl = (
        factories.recipient(operator, f"{name}@example.com") for name in ("anna", "anne", "annika", "bob", "carl")
    )
    factories.recipient(stranger, "anna@example.org")
    news, mailing = list_of(operator, anna, bob), factories.mailing(operator, [anna, bob])
    target = {"recipient_list": news.pk} if "list" in action else {"mailing": mailing.pk}
    do(client, action, anna, query="?q=ann", select_across="1", **target)
    job = BulkJob.objects.get()
    if background:
        assert (job.state, job.total) == (State.RUNNING, 3)
        work.carry_out(job.pk)
    there = members(news) if "list" in action else set(mailing.recipients.all())
    assert {one.email.partition("@")[0] for one in there} == expected
    job.refresh_from_db()
    assert (job.state, job.changed, job.refused) == (State.DONE, changed, 0)


def test_who_comes_into_the_list_later_was_not_selected(operator: User, client: Client, in_background: None) -> None:
    before = factories.recipients(operator, 3)
    news = list_of(operator)
    do(client, "add_to_list", before[0], select_across="1", recipient_list=news.pk)
    factories.recipient(operator)
    work.carry_out(BulkJob.objects.get().pk)
    assert members(news) == set(before)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (BulkRefused("The list is gone."), "The list is gone."),
        (IntegrityError(), "The database refused it. Nothing was changed."),
    ],
)
def test_what_is_refused_in_the_request_changes_nothing(
    error: Exception, sentence: str, operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = factories.recipients(operator, 2)
    news = list_of(operator)
    add = deeds.do

    def refuse_the_second(job: BulkJob, some: Recipients) -> Outcome:
        if members(news):
            raise error
        return add(job, some)

    monkeypatch.setattr(work, "SLICE_ROWS", 1)
    monkeypatch.setattr(deeds, "do", refuse_the_second)
    response = do(client, "add_to_list", one, two, recipient_list=news.pk)
    assert members(news) == set()
    assert sentences(response) == [sentence]


def test_a_list_that_was_to_be_made_for_what_is_refused_is_not_made(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_job: BulkJob, _some: Recipients) -> Outcome:
        raise BulkRefused("No.")

    monkeypatch.setattr(deeds, "do", refuse)
    do(client, "add_to_list", *factories.recipients(operator, 2), new_list="Spring")
    assert not operator.recipient_lists.exists()


# Deleting


def test_the_selected_are_deleted_and_the_ledger_keeps_their_address() -> None:
    made = scene()
    client = logged_in(made.owner)
    list_of(made.owner, made.recipient)
    factories.share(made.recipient, "view", to=factories.user(OPERATOR))
    response = do(client, "delete_selected", made.recipient)
    assert sentences(response) == ["1 recipient was deleted."]
    assert not made.owner.recipients.exists()
    assert not made.mailing.recipients.exists()
    assert MailingLog.objects.get(pk=made.log.pk).email == made.recipient.email


def test_deleting_asks_first(operator: User, client: Client) -> None:
    one, _two = factories.recipients(operator, 2)
    response = ask(client, "delete_selected", one)
    assert "1 recipient is selected." in response.content.decode()
    assert operator.recipients.count() == 2


def test_whoever_may_only_see_or_change_them_deletes_none(operator: User, stranger: User, client: Client) -> None:
    [mine] = factories.recipients(operator, 1)
    theirs = factories.recipient(stranger)
    factories.share(theirs, "change", to=operator)
    response = do(client, "delete_selected", mine, theirs)
    assert list(Recipient.objects.all()) == [theirs]
    assert sentences(response)[0] == "1 of the selected is left out: only its owner may delete it."


def test_a_manager_deletes_none_of_others(operator: User) -> None:
    factories.recipients(operator, 3)
    mine = factories.recipient(manager := factories.user(MANAGER))
    do(logged_in(manager), "delete_selected", mine, select_across="1")
    assert operator.recipients.count() == 3
    assert not manager.recipients.exists()


def test_a_superuser_deletes_all_of_one_owner(operator: User, stranger: User, in_background: None) -> None:
    one, *_rest = factories.recipients(operator, 5)
    factories.recipients(stranger, 2)
    client = logged_in(factories.user(is_superuser=True))
    do(client, "delete_selected", one, query=f"?owner__id__exact={operator.pk}", select_across="1")
    work.carry_out(BulkJob.objects.get().pk)
    assert (operator.recipients.count(), stranger.recipients.count()) == (0, 2)


@pytest.mark.parametrize("action", ["add_to_list", "add_to_mailing", "delete_selected"])
def test_forged_ids_of_strangers_are_not_selected(action: str, operator: User, stranger: User, client: Client) -> None:
    mine, theirs = factories.recipient(operator), factories.recipient(stranger)
    news, mailing = list_of(operator), factories.mailing(operator, 0)
    do(client, action, mine, theirs, recipient_list=news.pk, mailing=mailing.pk)
    assert not {theirs} & (members(news) | set(mailing.recipients.all()))
    assert Recipient.objects.filter(pk=theirs.pk).exists()


# In the background


def test_many_are_left_to_a_worker_and_a_page_shows_how_far_it_is(
    operator: User, client: Client, in_background: None
) -> None:
    one, *_others = factories.recipients(operator, 3)
    response = do(client, "add_to_list", one, select_across="1", new_list="News")
    job = BulkJob.objects.get()
    page = reverse("admin:campaigns_bulkjob_change", args=[job.pk])
    assert response.headers["Location"] == page
    assert "0 of 3" in client.get(page).content.decode()
    work.carry_out(job.pk)
    assert "3 recipients were added to “News”." in client.get(page).content.decode()


def test_the_page_is_loaded_anew_when_it_has_ended(operator: User, client: Client, in_background: None) -> None:
    one, *_others = factories.recipients(operator, 3)
    do(client, "delete_selected", one, select_across="1")
    url = reverse("admin:campaigns_bulkjob_progress", args=[BulkJob.objects.get().pk])
    assert "HX-Refresh" not in client.get(url).headers
    work.carry_out(BulkJob.objects.get().pk)
    assert client.get(url).headers["HX-Refresh"] == "true"


def test_a_stopped_change_goes_no_further(
    operator: User, client: Client, in_background: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SLICE_ROWS", 1)
    one, *_others = factories.recipients(operator, 3)
    do(client, "delete_selected", one, select_across="1")
    job = BulkJob.objects.get()
    work.carry_out(job.pk, stop=lambda: True)
    client.post(reverse("admin:campaigns_bulkjob_cancel", args=[job.pk]))
    work.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.changed, operator.recipients.count()) == (State.CANCELLED, 1, 2)
    page = client.get(reverse("admin:campaigns_bulkjob_change", args=[job.pk])).content.decode()
    assert "It ended after 1 of 3 selected." in page


def test_a_colleague_neither_sees_nor_stops_it(operator: User, stranger: User, client: Client) -> None:
    job = BulkJob.objects.create(owner=operator, deed=Deed.DELETE, total=5)
    theirs = logged_in(stranger)
    assert theirs.get(reverse("admin:campaigns_bulkjob_change", args=[job.pk])).status_code == 404
    assert theirs.post(reverse("admin:campaigns_bulkjob_cancel", args=[job.pk])).status_code == 404
    manager = logged_in(factories.user(MANAGER))
    assert manager.get(reverse("admin:campaigns_bulkjob_change", args=[job.pk])).status_code == 200
    assert manager.post(reverse("admin:campaigns_bulkjob_cancel", args=[job.pk])).status_code == 404


@pytest.mark.parametrize("what", ["deleted", "given up"])
def test_a_target_that_is_lost_meanwhile_ends_it_with_a_reason(
    what: str, operator: User, stranger: User, client: Client, in_background: None
) -> None:
    one, *_others = factories.recipients(operator, 3)
    mailing = factories.mailing(operator, 0, name="Spring")
    do(client, "add_to_mailing", one, select_across="1", mailing=mailing.pk)
    if what == "deleted":
        mailing.delete()
    else:
        Mailing.objects.filter(pk=mailing.pk).update(owner=stranger)
    work.carry_out(BulkJob.objects.get().pk)
    job = BulkJob.objects.get()
    assert (job.state, job.changed) == (State.FAILED, 0)
    assert job.reason == "The mailing “Spring” is gone, or you may not change it any more."


def test_a_share_that_ends_meanwhile_is_left_out(
    operator: User, stranger: User, client: Client, in_background: None
) -> None:
    mine, theirs = factories.recipients(operator, 2), factories.recipient(stranger)
    factories.share(theirs, "view", to=operator)
    do(client, "add_to_list", theirs, select_across="1", new_list="News")
    theirs.user_shares.all().delete()
    work.carry_out(BulkJob.objects.get().pk)
    job = BulkJob.objects.get()
    assert (job.total, job.changed, job.refused) == (3, 2, 1)
    assert members(operator.recipient_lists.get()) == set(mine)
