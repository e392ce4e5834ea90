"""Recipient lists: made, shared, filled, deleted, and put into mailings by those who may."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import access, lifecycle
from campaigns.audience import Audience
from campaigns.models import Mailing, Membership, RecipientList
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

CHANGELIST = "/admin/campaigns/recipientlist/"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def colleague() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def page(one: RecipientList, name: str = "change") -> str:
    return reverse(f"admin:campaigns_recipientlist_{name}", args=[one.pk])


def save(client: Client, mailing: Mailing, **changes: Any) -> Any:
    """Post the form of the mailing, with its lists as they are but for the changes."""
    mailing = Mailing.objects.get(pk=mailing.pk)
    keys = {name: [one.pk for one in getattr(mailing, name).all()] for name in ("lists", "excluded_lists")}
    times = {"start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "", "repetition": "once"}
    data = {"name": mailing.name, "message": mailing.message_id, "version": mailing.version, **times, **keys, **changes}
    return client.post(reverse("admin:campaigns_mailing_change", args=[mailing.pk]), data)


def errors(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = response.context["adminform"].form.errors
    return found


# The list itself


def test_who_makes_a_list_owns_it(operator: User, client: Client) -> None:
    client.post(f"{CHANGELIST}add/", {"name": "Readers"})
    assert RecipientList.objects.get().owner == operator


def test_a_name_stands_once_for_each_owner_whatever_its_case(operator: User, colleague: User, client: Client) -> None:
    factories.recipient_list(operator, name="Readers")
    factories.recipient_list(colleague, name="Partners")
    response = client.post(f"{CHANGELIST}add/", {"name": "READERS"})
    assert errors(response)["name"] == ["There is a list with this name already."]
    assert client.post(f"{CHANGELIST}add/", {"name": "Partners"}).status_code == 302


def test_recipients_who_were_searched_for_are_added_once(operator: User, client: Client) -> None:
    one, two, _other = factories.recipients(operator, 3)
    some = factories.recipient_list(operator, [one], name="Readers")
    client.post(page(some), {"name": "Readers", "version": 1, "add_recipients": [one.pk, two.pk]})
    assert set(some.members.all()) == {one, two}


def test_a_recipient_of_another_owner_is_refused(operator: User, colleague: User, client: Client) -> None:
    some = factories.recipient_list(operator, [], name="Readers")
    theirs = factories.recipient(colleague)
    response = client.post(page(some), {"name": "Readers", "version": 1, "add_recipients": [theirs.pk]})
    assert "add_recipients" in errors(response)
    assert not some.members.exists()


def test_the_search_for_members_finds_the_own_only(operator: User, colleague: User) -> None:
    mine = factories.recipient(operator, "anna@example.com")
    factories.share(factories.recipient_list(colleague, 3), "view", to=operator)
    query = {"app_label": "campaigns", "model_name": "recipientlist", "field_name": "members", "term": ""}
    for person in (operator, factories.user(MANAGER)):
        results = logged_in(person).get(reverse("admin:autocomplete", query=query)).json()["results"]
        assert [found["id"] for found in results] == ([str(mine.pk)] if person == operator else [])


def test_pages_name_nobody_of_a_large_list(operator: User, client: Client) -> None:
    some = factories.recipient_list(operator, 500, name="Readers")
    for url in (CHANGELIST, page(some), page(some, "delete")):
        text = client.get(url).content.decode()
        assert "500" in text
        assert "@example.com" not in text


def test_pages_take_as_many_queries_for_many_members_and_lists_as_for_few(operator: User, client: Client) -> None:
    for _ in range(30):
        some = factories.recipient_list(operator, 30)
    for url in (CHANGELIST, page(some), page(some, "delete")):
        with CaptureQueriesContext(connection) as queries:
            client.get(url)
        assert len(queries) < 25, url


def test_the_members_are_shown_by_the_list_of_the_recipients(operator: User, client: Client) -> None:
    some = factories.recipient_list(operator, [factories.recipient(operator, "anna@example.com")])
    factories.recipient(operator, "bob@example.com")
    link = reverse("admin:campaigns_recipient_changelist", query={"lists__id__exact": some.pk})
    assert link in client.get(page(some)).content.decode()
    found = client.get(link).content.decode()
    assert "anna@example.com" in found
    assert "bob@example.com" not in found


# Deleting


def test_a_list_is_deleted_with_its_memberships_in_a_few_statements_and_not_its_members(
    operator: User, client: Client
) -> None:
    some = factories.recipient_list(operator, 500)
    with CaptureQueriesContext(connection) as queries:
        client.post(page(some, "delete"), {"post": "yes"})
    assert (Membership.objects.count(), RecipientList.objects.count(), operator.recipients.count()) == (0, 0, 500)
    assert len(queries) < 40


@pytest.mark.parametrize("name", ["lists", "excluded_lists", "conditions"])
@pytest.mark.parametrize("way", ["page", "action"])
def test_a_list_that_a_mailing_names_is_kept(name: str, way: str, operator: User, client: Client) -> None:
    some = factories.recipient_list(operator)
    mailing = factories.mailing(operator, 0, name="Spring")
    if name == "conditions":
        mailing.conditions = [{"field": "list", "operator": "not_in", "value": some.pk}]
        mailing.save()
    else:
        getattr(mailing, name).add(some)
    selected = {"action": "delete_selected", "_selected_action": [some.pk], "post": "yes"}
    response = (
        client.post(page(some, "delete"), {"post": "yes"}) if way == "page" else client.post(CHANGELIST, selected)
    )
    assert "Mailing “Spring”" in response.content.decode()
    assert RecipientList.objects.filter(pk=some.pk).exists()


def test_others_mailings_that_keep_a_list_are_counted_and_not_named(
    operator: User, colleague: User, client: Client
) -> None:
    some = factories.recipient_list(operator)
    factories.share(some, "view", to=colleague)
    factories.mailing(colleague, 0, name="Secret plan").lists.add(some)
    text = client.post(page(some, "delete"), {"post": "yes"}).content.decode()
    assert "1 mailing more" in text
    assert "Secret plan" not in text


# Sharing


@pytest.mark.parametrize("verb", ["view", "change"])
def test_a_shared_list_can_be_put_into_ones_own_mailing(verb: str, operator: User, colleague: User) -> None:
    some = factories.recipient_list(operator, 3)
    factories.share(some, verb, to=colleague)
    mailing = factories.mailing(colleague, 0)
    assert save(logged_in(colleague), mailing, lists=[some.pk]).status_code == 302
    assert Audience.of(mailing).count() == 3


@pytest.mark.parametrize("name", ["lists", "excluded_lists"])
@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_anothers_list_is_refused(name: str, role: str, operator: User) -> None:
    some = factories.recipient_list(operator, 3)
    someone = factories.user(role)
    mailing = factories.mailing(someone, 0)
    assert name in errors(save(logged_in(someone), mailing, **{name: [some.pk]}))
    assert not getattr(mailing, name).exists()


def test_a_list_that_is_no_longer_shared_stays_in_the_mailing_and_comes_into_no_other(
    operator: User, colleague: User
) -> None:
    some = factories.recipient_list(operator, 3)
    mine, other = factories.mailing(colleague, 0), factories.mailing(colleague, 0)
    mine.lists.add(some)
    client = logged_in(colleague)
    assert save(client, mine, name="Renamed").status_code == 302
    assert list(mine.lists.all()) == [some]
    assert "lists" in errors(save(client, other, lists=[some.pk]))


def test_the_search_for_lists_finds_what_may_be_used(operator: User, colleague: User) -> None:
    mine, shared = factories.recipient_list(operator), factories.recipient_list(colleague)
    factories.recipient_list(colleague)
    factories.share(shared, "view", to=operator)
    query = {"app_label": "campaigns", "model_name": "mailing", "field_name": "lists", "term": ""}
    results = logged_in(operator).get(reverse("admin:autocomplete", query=query)).json()["results"]
    assert {found["id"] for found in results} == {str(mine.pk), str(shared.pk)}


def test_two_who_change_the_lists_do_not_overwrite_each_other_unknowingly(operator: User, client: Client) -> None:
    one, two = factories.recipient_list(operator, name="One"), factories.recipient_list(operator, name="Two")
    mailing = factories.mailing(operator, 0)
    assert save(client, mailing, lists=[one.pk]).status_code == 302
    response = save(client, mailing, lists=[two.pk], version=1)
    assert [(told.label, told.saved, told.typed) for told in response.context["differences"]] == [
        ("Lists", "One", "Two")
    ]
    assert list(mailing.lists.all()) == [one]


# Conditions


def row(field: str = "", name: str = "", operator: str = "is", value: str = "") -> dict[str, str]:
    return {"field": field, "name": name, "operator": operator, "value": value}


def asked(*rows: dict[str, str]) -> dict[str, list[str]]:
    return {f"conditions-{part}": [one[part] for one in rows] for part in ("field", "name", "operator", "value")}


def test_conditions_are_kept_as_they_were_asked(operator: User, client: Client) -> None:
    some = factories.recipient_list(operator, name="Readers")
    mailing = factories.mailing(operator, 0)
    rows = [
        row("email", operator="ends", value=" @example.com "),
        row("attributes.", "city", "is", "Berlin"),
        row(),
        row("list", operator="is_not", value="readers"),
        row("created_at", operator="since", value="2026-03-01"),
        row("comment", operator="empty", value="left over"),
    ]
    assert save(client, mailing, **asked(*rows)).status_code == 302
    mailing.refresh_from_db()
    assert [(one["field"], one["operator"], one["value"]) for one in mailing.conditions] == [
        ("email", "ends", "@example.com"),
        ("attributes.city", "is", "Berlin"),
        ("list", "not_in", some.pk),
        ("created_at", "since", "2026-03-01"),
        ("comment", "empty", ""),
    ]


def test_what_is_kept_comes_back_into_the_form(operator: User, client: Client) -> None:
    some = factories.recipient_list(operator, name="Readers")
    kept = [
        {"field": "list", "operator": "in", "value": some.pk},
        {"field": "attributes.city", "operator": "is", "value": 'B"1'},
    ]
    mailing = factories.mailing(operator, 0, conditions=kept)
    text = client.get(reverse("admin:campaigns_mailing_change", args=[mailing.pk])).content.decode()
    assert 'value="Readers"' in text
    assert 'value="B&quot;1"' in text
    assert (
        save(
            client, mailing, **asked(row("list", value="Readers"), row("attributes.", "city", value='B"1'))
        ).status_code
        == 302
    )
    assert Mailing.objects.get(pk=mailing.pk).version == mailing.version


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (row("email", value=""), "Write what the text is compared with"),
        (row("attributes.", "", value="x"), "Write the name of the attribute."),
        (row("created_at", operator="since", value="soon"), "Write a day as 2026-12-31."),
        (row("created_at", operator="is", value="2026-01-01"), "There is no such condition"),
        (row("password", value="x"), "There is no such condition"),
        (row("list", value="Nobody's"), "There is no list “Nobody&#x27;s”."),
    ],
)
def test_what_is_no_condition_is_told_with_its_number(
    wrong: dict[str, str], sentence: str, operator: User, client: Client
) -> None:
    mailing = factories.mailing(operator, 0)
    response = save(client, mailing, **asked(row("email", value="a@example.com"), wrong))
    assert f"Condition 2: {sentence}" in response.content.decode()
    assert Mailing.objects.get(pk=mailing.pk).conditions == []


def test_anothers_list_can_not_be_asked_for_by_its_name(operator: User, colleague: User, client: Client) -> None:
    factories.recipient_list(colleague, name="Secret")
    mailing = factories.mailing(operator, 0)
    for name in ("Secret", f"Secret ({colleague.email})"):
        assert "conditions" in errors(save(client, mailing, **asked(row("list", value=name))))


def test_a_list_that_is_shared_is_asked_for_with_whose_it_is(operator: User, colleague: User, client: Client) -> None:
    theirs = factories.recipient_list(colleague, name="Readers (2026)")
    factories.recipient_list(operator, name="Readers")
    factories.share(theirs, "view", to=operator)
    mailing = factories.mailing(operator, 0)
    save(client, mailing, **asked(row("list", value=f"Readers (2026) ({colleague.email})")))
    assert Mailing.objects.get(pk=mailing.pk).conditions[0]["value"] == theirs.pk


def test_who_may_change_anothers_mailing_asks_nothing_about_its_owners_recipients(
    operator: User, colleague: User
) -> None:
    kept = [{"field": "email", "operator": "contains", "value": "ann"}]
    mailing = factories.mailing(operator, 0, conditions=kept)
    factories.share(mailing, "change", to=colleague)
    client = logged_in(colleague)
    text = client.get(reverse("admin:campaigns_mailing_change", args=[mailing.pk])).content.decode()
    assert "E-mail contains “ann”" in text
    assert save(client, mailing, **asked(row("email", operator="contains", value="b"))).status_code == 302
    assert Mailing.objects.get(pk=mailing.pk).conditions == kept


# Clones


def test_a_clone_has_the_lists_that_may_be_used_and_every_exclusion(operator: User, colleague: User) -> None:
    one, two, gone = (factories.recipient_list(operator, 2) for _ in range(3))
    kept = [{"field": "email", "operator": "contains", "value": "r"}]
    mailing = factories.mailing(operator, 0, conditions=kept)
    mailing.lists.set([one, two])
    mailing.excluded_lists.set([gone])
    for obj in (mailing.message, one):
        factories.share(obj, "view", to=colleague)
    copy, taken, left_out = lifecycle.clone(mailing, colleague)
    assert (list(copy.lists.all()), list(copy.excluded_lists.all()), copy.conditions) == ([one], [gone], [])
    assert (taken, left_out) == (2, 2)
    own = lifecycle.clone(mailing, operator).mailing
    assert (set(own.lists.all()), own.conditions) == ({one, two}, kept)


def test_a_list_is_seen_by_its_owner_its_sharers_and_managers(operator: User, colleague: User) -> None:
    some = factories.recipient_list(operator)
    assert not access.can(colleague, "view", some)
    factories.share(some, "change", to=colleague)
    assert access.can(colleague, "change", some)
    manager = factories.user(MANAGER)
    assert access.can(manager, "view", some)
    assert not access.can(manager, "change", some)


def test_adding_tells_how_many_were_not_there(operator: User) -> None:
    one, two = factories.recipients(operator, 2)
    some = factories.recipient_list(operator, [one])
    assert some.add_members(operator.recipients.all()) == 1
    assert some.add_members(operator.recipients.none()) == 0
    assert some.remove_members(operator.recipients.filter(pk=two.pk)) == 1
    assert list(some.members.all()) == [one]


def test_the_history_tells_of_a_share(operator: User, colleague: User, client: Client) -> None:
    some = factories.recipient_list(operator, name="Readers")
    response = client.post(page(some, "share"), {"people": [colleague.pk], "may": ["view"]})
    assert sentences(response) == [f"“Readers” is shared with {colleague}."]
    assert "Shared with" in client.get(page(some, "history")).content.decode()
