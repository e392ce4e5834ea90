"""Who is in a mailing's audience, and how they come into it and out of it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.audience import Audience
from campaigns.models import Mailing, Recipient
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

CHANGELIST = "/admin/campaigns/recipient/"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def stranger() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def save(client: Client, mailing: Mailing, **changes: Any) -> Any:
    empty = {"start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "", "repetition": "once"}
    version = Mailing.objects.values_list("version", flat=True).get(pk=mailing.pk)
    data = {"name": mailing.name, "message": mailing.message_id, "version": version, **empty, **changes}
    return client.post(reverse("admin:campaigns_mailing_change", args=[mailing.pk]), data)


def on_list(client: Client, action: str, *selected: Recipient, query: str = "", **data: Any) -> Any:
    post = {"action": action, "_selected_action": [person.pk for person in selected], **data}
    return client.post(f"{CHANGELIST}{query}", post)


def audience(mailing: Mailing) -> set[Recipient]:
    return set(mailing.recipients.all())


# On the mailing's page


def test_saving_a_mailing_leaves_its_audience(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 2)
    before = audience(mailing)
    assert save(client, mailing).status_code == 302
    assert audience(mailing) == before


def test_saving_a_mailing_does_not_count_its_audience(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = factories.mailing(operator, 2)
    counted: list[Audience] = []
    monkeypatch.setattr(Audience, "count", counted.append)
    assert save(client, mailing).status_code == 302
    assert counted == []


def test_a_form_that_is_shown_again_has_the_size_of_the_audience(operator: User, client: Client) -> None:
    response = save(client, factories.mailing(operator, 2), name="")
    assert response.status_code == 200
    assert "2 recipients" in response.content.decode()


def test_add_all_adds_all_of_the_own_recipients_and_no_other(operator: User, stranger: User, client: Client) -> None:
    mine = factories.recipients(operator, 3)
    factories.recipients(stranger, 3)
    mailing = factories.mailing(operator, 0)
    save(client, mailing, add_all="on")
    assert audience(mailing) == set(mine)


def test_who_is_in_the_audience_is_added_once(operator: User, client: Client) -> None:
    mine = factories.recipients(operator, 3)
    mailing = factories.mailing(operator, mine[:2])
    save(client, mailing, add_all="on")
    assert mailing.recipients.count() == 3


def test_people_who_were_searched_for_are_added(operator: User, client: Client) -> None:
    one, two, _other = factories.recipients(operator, 3)
    mailing = factories.mailing(operator, 0)
    save(client, mailing, add_recipients=[one.pk, two.pk])
    assert audience(mailing) == {one, two}


def test_a_recipient_of_another_owner_is_refused(operator: User, stranger: User, client: Client) -> None:
    theirs = factories.recipient(stranger)
    mailing = factories.mailing(operator, 0)
    response = save(client, mailing, add_recipients=[theirs.pk])
    assert "add_recipients" in response.context["adminform"].form.errors
    assert audience(mailing) == set()


def test_the_audience_can_not_be_posted_as_a_whole(operator: User, stranger: User, client: Client) -> None:
    theirs = factories.recipient(stranger)
    mailing = factories.mailing(operator, 2)
    before = audience(mailing)
    save(client, mailing, recipients=[theirs.pk])
    assert audience(mailing) == before


def test_the_page_lists_nobody_of_a_large_audience(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 500)
    page = client.get(reverse("admin:campaigns_mailing_change", args=[mailing.pk])).content.decode()
    assert "500 recipients" in page
    assert "@example.com" not in page


def test_the_page_takes_as_many_queries_for_many_as_for_few(
    operator: User, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    mailing = factories.mailing(operator, 500)
    with django_assert_max_num_queries(28):
        client.get(reverse("admin:campaigns_mailing_change", args=[mailing.pk]))


def test_the_search_finds_the_own_recipients_only(operator: User, stranger: User, client: Client) -> None:
    mine = factories.recipient(operator, "anna@example.com")
    factories.recipient(stranger, "anna@example.org")
    query = {"app_label": "campaigns", "model_name": "mailing", "field_name": "recipients", "term": "ANNA"}
    results = client.get(reverse("admin:autocomplete", query=query)).json()["results"]
    assert results == [{"id": str(mine.pk), "text": "anna@example.com"}]


# On the page of the recipients


def test_adding_asks_which_mailing_and_changes_nothing_yet(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 0)
    one, two = factories.recipients(operator, 2)
    response = on_list(client, "add_to_mailing", one, two)
    assert response.context["count"] == 2
    assert 'name="mailing"' in response.content.decode()
    assert audience(mailing) == set()


def test_the_selected_are_added_to_the_mailing_chosen(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 0, name="Spring")
    one, two, _other = factories.recipients(operator, 3)
    response = on_list(client, "add_to_mailing", one, two, confirmed="yes", mailing=mailing.pk)
    assert audience(mailing) == {one, two}
    assert sentences(response) == ["2 recipients were added to “Spring”."]


def test_only_those_who_were_not_there_are_counted(operator: User, client: Client) -> None:
    one, two = factories.recipients(operator, 2)
    mailing = factories.mailing(operator, [one], name="Spring")
    response = on_list(client, "add_to_mailing", one, two, confirmed="yes", mailing=mailing.pk)
    assert sentences(response) == ["1 recipient was added to “Spring”."]


def test_the_selected_are_removed_from_the_mailing_chosen(operator: User, client: Client) -> None:
    one, two, three = factories.recipients(operator, 3)
    mailing, other = factories.mailing(operator, [one, two], name="Spring"), factories.mailing(operator, [one])
    response = on_list(client, "remove_from_mailing", one, three, confirmed="yes", mailing=mailing.pk)
    assert (audience(mailing), audience(other)) == ({two}, {one})
    assert sentences(response) == ["1 recipient was removed from “Spring”."]


@pytest.mark.parametrize(
    ("action", "left"), [("add_to_mailing", {"anna", "anne", "bob"}), ("remove_from_mailing", {"bob"})]
)
def test_all_that_the_search_found_are_taken_and_no_other(
    action: str, left: set[str], operator: User, stranger: User, client: Client
) -> None:
    anna, anne, bob = (factories.recipient(operator, f"{name}@example.com") for name in ("anna", "anne", "bob"))
    factories.recipient(stranger, "anna@example.org")
    mailing = factories.mailing(operator, [anna, bob])
    data = {"confirmed": "yes", "mailing": mailing.pk, "select_across": "1"}
    on_list(client, action, anne, query="?q=ann", **data)
    assert {person.email.partition("@")[0] for person in audience(mailing)} == left
    assert {person.owner for person in audience(mailing)} == {operator}


def test_all_of_another_mailings_audience_can_be_added(operator: User, client: Client) -> None:
    first, second = factories.mailing(operator, 5), factories.mailing(operator, 0)
    data = {"confirmed": "yes", "mailing": second.pk, "select_across": "1"}
    query = f"?mailings__id__exact={first.pk}"
    on_list(client, "add_to_mailing", factories.recipient(operator), query=query, **data)
    assert audience(second) == audience(first)


def test_another_owners_recipients_are_not_added(operator: User, stranger: User, client: Client) -> None:
    theirs = factories.recipient(stranger)
    mailing = factories.mailing(operator, 0)
    on_list(client, "add_to_mailing", theirs, confirmed="yes", mailing=mailing.pk)
    assert audience(mailing) == set()


@pytest.mark.parametrize("action", ["add_to_mailing", "remove_from_mailing"])
def test_another_owners_mailing_is_neither_offered_nor_changed(
    action: str, operator: User, stranger: User, client: Client
) -> None:
    mine = factories.recipient(operator)
    theirs = factories.mailing(stranger, [mine], name="Secret plan")
    assert "Secret plan" not in on_list(client, action, mine).content.decode()
    on_list(client, action, mine, factories.recipient(operator), confirmed="yes", mailing=theirs.pk)
    assert audience(theirs) == {mine}


def test_a_manager_does_not_change_the_audience_of_anothers_mailing(operator: User) -> None:
    manager = factories.user(MANAGER)
    mailing = factories.mailing(operator, 0)
    response = on_list(
        logged_in(manager), "add_to_mailing", factories.recipient(manager), confirmed="yes", mailing=mailing.pk
    )
    assert "Select a valid choice." in response.content.decode()
    assert audience(mailing) == set()


def test_choosing_no_mailing_asks_again(operator: User, client: Client) -> None:
    response = on_list(client, "add_to_mailing", factories.recipient(operator), confirmed="yes", mailing="")
    assert "This field is required." in response.content.decode()


def test_the_question_carries_the_selection(operator: User, client: Client) -> None:
    one, other = factories.recipients(operator, 2)
    page = on_list(client, "add_to_mailing", one).content.decode()
    assert f'name="_selected_action" value="{one.pk}"' in page
    assert f'name="_selected_action" value="{other.pk}"' not in page


def test_a_recipient_can_not_be_given_away_by_a_forged_post(operator: User, stranger: User, client: Client) -> None:
    mine = factories.recipient(operator, "anna@example.com")
    data = {"email": "anna@example.com", "full_name": "Anna", "version": 1, "owner": stranger.pk}
    client.post(f"{CHANGELIST}{mine.pk}/change/", data)
    mine.refresh_from_db()
    assert (mine.full_name, mine.owner) == ("Anna", operator)


def test_an_address_that_is_there_in_other_letter_case_is_refused_with_a_sentence(
    operator: User, client: Client
) -> None:
    factories.recipient(operator, "anna@example.com")
    data = {"email": "ANNA@example.com", "full_name": ""}
    page = client.post(f"{CHANGELIST}add/", data).content.decode()
    assert "There is a recipient with this e-mail already." in page


def test_an_address_is_not_changed_to_one_that_is_there(operator: User, client: Client) -> None:
    factories.recipient(operator, "anna@example.com")
    other = factories.recipient(operator, "bob@example.com")
    data = {"email": "Anna@example.com", "full_name": "", "version": 1}
    assert client.post(f"{CHANGELIST}{other.pk}/change/", data).status_code == 200
    other.refresh_from_db()
    assert other.email == "bob@example.com"


def test_two_owners_may_have_the_same_address(operator: User, stranger: User, client: Client) -> None:
    factories.recipient(stranger, "anna@example.com")
    client.post(f"{CHANGELIST}add/", {"email": "anna@example.com", "full_name": ""})
    assert operator.recipients.count() == 1
