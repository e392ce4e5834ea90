"""Sharing: who may give what to whom, what a share lets the other do, and how it ends."""

import csv
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AnonymousUser, Group
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import access
from campaigns.models import Mailing, Message, Recipient, shares
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

NOUNS = ("mailing", "message", "recipient")


@pytest.fixture
def owner() -> User:
    return factories.user(OPERATOR, full_name="Olga Owner")


@pytest.fixture
def colleague() -> User:
    return factories.user(OPERATOR, full_name="Carl Colleague")


@pytest.fixture
def client(owner: User) -> Client:
    return logged_in(owner)


def made(noun: str, owner: User) -> Any:
    """One object of the owner's; nobody else may see it."""
    if noun == "recipient":
        return factories.recipient(owner, full_name="Secret Sue")
    return factories.message(owner, subject="Secret") if noun == "message" else factories.mailing(owner, name="Secret")


def page(obj: Any, name: str = "share") -> str:
    return reverse(f"admin:campaigns_{obj._meta.model_name}_{name}", args=[obj.pk])


def share(client: Client, obj: Any, *people: User, may: Any = ("view",), **data: Any) -> Any:
    return client.post(page(obj), {"people": [someone.pk for someone in people], "may": list(may), **data})


def revoke(client: Client, obj: Any, grantee: Any) -> Any:
    return client.post(page(obj), {"revoke": shares.Share(grantee, ()).key})


def on_list(client: Client, action: str, *selected: Recipient, **data: Any) -> Any:
    post = {"action": action, "_selected_action": [person.pk for person in selected], **data}
    return client.post(reverse("admin:campaigns_recipient_changelist"), post)


def save(client: Client, mailing: Mailing, **changes: Any) -> Any:
    empty = {"start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "", "repetition": "once"}
    version = Mailing.objects.values_list("version", flat=True).get(pk=mailing.pk)
    data = {"name": mailing.name, "message": mailing.message_id, "version": version, **empty, **changes}
    return client.post(page(mailing, "change"), data)


def may(person: User, obj: Any) -> set[str]:
    fresh = User.objects.get(pk=person.pk)  # permissions are remembered for the length of a request
    verbs: tuple[access.Verb, ...] = ("view", "change", "send", "delete", "share")
    return {verb for verb in verbs if access.can(fresh, verb, obj)}


def history(obj: Any) -> list[str]:
    entries = LogEntry.objects.filter(object_id=obj.pk, content_type__model=obj._meta.model_name).order_by("pk")
    return [entry.get_change_message() for entry in entries]


# Giving


@pytest.mark.parametrize("noun", NOUNS)
def test_what_is_shared_is_seen_by_the_colleague_and_nobody_else(
    noun: str, owner: User, colleague: User, client: Client
) -> None:
    obj, other = made(noun, owner), factories.user(OPERATOR)
    assert share(client, obj, colleague).status_code == 302
    assert (may(colleague, obj), may(other, obj)) == ({"view"}, set())
    assert logged_in(colleague).get(page(obj, "change")).status_code == 200


@pytest.mark.parametrize(
    ("noun", "given", "result"),
    [
        ("mailing", "view", {"view"}),
        ("mailing", "change", {"view", "change"}),
        ("mailing", "send", {"view", "send"}),
        ("message", "change", {"view", "change"}),
        ("recipient", "change", {"view", "change"}),
    ],
)
def test_whoever_may_change_or_send_may_view(
    noun: str, given: str, result: set[str], owner: User, colleague: User, client: Client
) -> None:
    obj = made(noun, owner)
    share(client, obj, colleague, may=[given])
    assert may(colleague, obj) == result
    assert obj in access.visible(colleague, type(obj).objects.all())


@pytest.mark.parametrize("noun", ["message", "recipient"])
def test_only_mailings_are_shared_to_be_sent(noun: str, owner: User, colleague: User, client: Client) -> None:
    obj = made(noun, owner)
    assert share(client, obj, colleague, may=["send"]).status_code == 200
    assert shares.of(obj) == []


def test_nothing_else_can_be_given_by_a_forged_post(owner: User, colleague: User, client: Client) -> None:
    obj = made("mailing", owner)
    share(client, obj, colleague, may=["view", "delete", "disable"])
    assert shares.of(obj) == []


def test_a_group_shares_what_its_members_see_from_then_on(owner: User, colleague: User, client: Client) -> None:
    obj, team = made("message", owner), Group.objects.create(name="team")
    client.post(page(obj), {"groups": [team.pk], "may": ["view"]})
    assert may(colleague, obj) == set()
    colleague.groups.add(team)
    assert may(colleague, obj) == {"view"}


def test_sharing_twice_changes_nothing_and_is_recorded_once(owner: User, colleague: User, client: Client) -> None:
    obj = made("recipient", owner)
    share(client, obj, colleague)
    response = share(client, obj, colleague)
    assert sentences(response)[-1] == "It was shared just so already."
    assert len(history(obj)) == 1


def test_sharing_again_gives_what_was_chosen_last(owner: User, colleague: User, client: Client) -> None:
    obj = made("mailing", owner)
    share(client, obj, colleague, may=["change", "send"])
    share(client, obj, colleague, may=["view"])
    assert may(colleague, obj) == {"view"}


@pytest.mark.parametrize("data", [{}, {"may": ["view"]}])
def test_sharing_with_nobody_is_refused_with_a_sentence(data: dict[str, Any], owner: User, client: Client) -> None:
    response = client.post(page(made("message", owner)), {"people": [], **data})
    assert response.status_code == 200
    assert response.context["form"].errors


def test_opening_the_page_changes_nothing(owner: User, colleague: User, client: Client) -> None:
    obj = made("message", owner)
    client.get(page(obj), {"people": str(colleague.pk), "may": "view"})
    assert shares.of(obj) == []


def test_active_colleagues_are_offered_and_neither_oneself_nor_who_has_left(owner: User, client: Client) -> None:
    factories.user(full_name="Gone Gina", is_active=False)
    factories.user(full_name="Customer Kim", is_staff=False)
    factories.user(full_name="Carl Colleague", email="carl@office.example")
    form = client.get(page(made("message", owner))).context["form"]
    assert [label for _pk, label in form.fields["people"].choices] == ["Carl Colleague <carl@office.example>"]


def test_what_has_an_owner_is_not_shared_with_the_owner(owner: User) -> None:
    obj = made("message", owner)
    response = share(logged_in(factories.user(is_superuser=True)), obj, owner)
    assert response.status_code == 200
    assert shares.of(obj) == []


# Who may share


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("given", ["view", "change", "send"])
def test_what_was_shared_is_not_shared_on(noun: str, given: str, owner: User, colleague: User) -> None:
    obj, third = made(noun, owner), factories.user(OPERATOR)
    if given in shares.SHARED_VERBS[type(obj)]:
        factories.share(obj, given, to=colleague)
    response = share(logged_in(colleague), obj, third)
    assert response.status_code == 404
    assert may(third, obj) == set()


@pytest.mark.parametrize("noun", NOUNS)
def test_a_manager_does_not_share_what_others_own(noun: str, owner: User, colleague: User) -> None:
    obj = made(noun, owner)
    manager = logged_in(factories.user(MANAGER))
    assert share(manager, obj, colleague).status_code == 404
    assert page(obj) not in manager.get(page(obj, "change")).content.decode()
    assert shares.of(obj) == []


def test_a_superuser_shares_everything(owner: User, colleague: User) -> None:
    obj = made("message", owner)
    share(logged_in(factories.user(is_superuser=True)), obj, colleague)
    assert may(colleague, obj) == {"view"}


def test_an_owner_whose_role_knows_no_changes_shares_nothing(owner: User, colleague: User, client: Client) -> None:
    obj = made("message", owner)
    role = Group.objects.get(name=OPERATOR)
    role.permissions.remove(role.permissions.get(codename="change_message"))
    assert share(client, obj, colleague).status_code == 404
    assert shares.of(obj) == []


@pytest.mark.parametrize("noun", NOUNS)
def test_the_owner_finds_the_button_on_the_page(noun: str, owner: User, client: Client) -> None:
    obj = made(noun, owner)
    assert page(obj) in client.get(page(obj, "change")).content.decode()


# Revoking


@pytest.mark.parametrize("noun", NOUNS)
def test_a_revoked_share_ends_with_the_next_request(noun: str, owner: User, colleague: User, client: Client) -> None:
    obj = made(noun, owner)
    share(client, obj, colleague, may=["view", "change"])
    theirs = logged_in(colleague)
    assert theirs.get(page(obj, "change")).status_code == 200
    assert sentences(revoke(client, obj, colleague))[-1] == f"“{obj}” is no longer shared with Carl Colleague."
    assert theirs.get(page(obj, "change")).status_code == 404


def test_revoking_twice_says_so_and_is_recorded_once(owner: User, colleague: User, client: Client) -> None:
    obj = made("message", owner)
    share(client, obj, colleague)
    revoke(client, obj, colleague)
    assert sentences(revoke(client, obj, colleague))[-1] == "It was not shared with them any more."
    assert len(history(obj)) == 2


def test_revoking_one_share_leaves_the_others(owner: User, colleague: User, client: Client) -> None:
    obj, other_obj, other = made("message", owner), made("message", owner), factories.user(OPERATOR)
    share(client, obj, colleague, other)
    share(client, other_obj, colleague)
    revoke(client, obj, colleague)
    assert (may(other, obj), may(colleague, other_obj)) == ({"view"}, {"view"})


@pytest.mark.parametrize("given", ["view", "change"])
def test_a_share_is_not_revoked_by_whoever_has_one(given: str, owner: User, colleague: User) -> None:
    obj, other = made("message", owner), factories.user(OPERATOR)
    factories.share(obj, given, to=colleague)
    factories.share(obj, "view", to=other)
    assert revoke(logged_in(colleague), obj, other).status_code == 404
    assert may(other, obj) == {"view"}


@pytest.mark.parametrize("key", ["", "x", "user-", "user-999999999", "group-1", "user-1 OR 1=1"])
def test_revoking_what_can_not_be_says_so(key: str, owner: User, client: Client) -> None:
    response = client.post(page(made("message", owner)), {"revoke": key})
    assert sentences(response) == ["It was not shared with them any more."]


# What is told


def test_the_page_tells_who_may_do_what_with_a_button_for_each(owner: User, colleague: User, client: Client) -> None:
    obj, team = made("mailing", owner), Group.objects.create(name="team")
    factories.share(obj, "send", to=colleague)
    factories.share(obj, "view", to=team)
    response = client.get(page(obj))
    assert [(item["name"], item["verbs"]) for item in response.context["shares"]] == [
        ("Carl Colleague", ["View", "Send"]),
        ("team", ["View"]),
    ]
    for key in (f"user-{colleague.pk}", f"group-{team.pk}"):
        assert f'name="revoke" value="{key}"' in response.content.decode()


@pytest.mark.parametrize(("is_active", "role"), [(False, OPERATOR), (True, None)])
def test_the_page_tells_when_a_share_lets_nobody_do_anything(
    is_active: bool, role: str | None, owner: User, client: Client
) -> None:
    obj = made("message", owner)
    factories.share(obj, "view", to=factories.user(role, is_active=is_active))
    factories.share(obj, "view", to=factories.user(OPERATOR))
    assert [item["idle"] for item in client.get(page(obj)).context["shares"]] == [True, False]


def test_every_change_stands_in_the_objects_history(owner: User, colleague: User, client: Client) -> None:
    obj = made("message", owner)
    share(client, obj, colleague, may=["change"])
    revoke(client, obj, colleague)
    name = f"Carl Colleague <{colleague.email}>"
    assert history(obj) == [f"Shared with {name}: View, Change.", f"No longer shared with {name}."]
    assert {entry.user for entry in LogEntry.objects.all()} == {owner}


# The role comes first


@pytest.mark.parametrize("noun", NOUNS)
def test_a_share_lets_nobody_do_what_their_role_does_not_know(noun: str, owner: User, colleague: User) -> None:
    obj = made(noun, owner)
    for verb in shares.SHARED_VERBS[type(obj)]:
        factories.share(obj, verb, to=colleague)
    colleague.groups.clear()
    assert may(colleague, obj) == set()
    fresh = User.objects.get(pk=colleague.pk)
    assert not access.visible(fresh, type(obj).objects.all()).exists()
    assert not access.usable(fresh, type(obj).objects.all()).exists()
    assert logged_in(colleague).get(page(obj, "change")).status_code == 404


@pytest.mark.parametrize("noun", NOUNS)
def test_without_a_role_what_is_theirs_is_closed_to_the_owner_too(noun: str, owner: User) -> None:
    obj = made(noun, owner)
    owner.groups.clear()
    assert may(owner, obj) == set()
    assert logged_in(owner).get(page(obj, "change")).status_code == 404


def test_a_share_to_change_does_not_reach_beyond_a_role_that_only_views(owner: User, colleague: User) -> None:
    obj = made("message", owner)
    factories.share(obj, "change", to=colleague)
    role = Group.objects.get(name=OPERATOR)
    role.permissions.remove(role.permissions.get(codename="change_message"))
    assert may(colleague, obj) == {"view"}


# A shared mailing is of use


@pytest.mark.parametrize("given", ["view", "change", "send"])
def test_a_shared_mailing_tells_what_its_message_says_without_opening_it(
    given: str, owner: User, colleague: User
) -> None:
    mailing = factories.mailing(owner, 3, subject="Spring is here", body="Buy now", body_html="<b>Buy</b>")
    factories.share(mailing, given, to=colleague)
    theirs = logged_in(colleague)
    content = theirs.get(page(mailing, "change")).content.decode()
    for told in ("Spring is here", "Buy now", "&lt;b&gt;Buy&lt;/b&gt;", "3 recipients"):
        assert told in content
    assert "@example.com" not in content
    assert page(mailing.message, "change") not in content
    assert not {"view_id_message", "change_id_message"} & set(re.findall(r'id="(\w+)"', content))
    assert theirs.get(page(mailing.message, "change")).status_code == 404


def test_a_colleague_saves_a_mailing_whose_message_is_not_shared(owner: User, colleague: User) -> None:
    mailing = factories.mailing(owner, 0)
    factories.share(mailing, "change", to=colleague)
    assert save(logged_in(colleague), mailing, name="Better").status_code == 302
    mailing.refresh_from_db()
    assert (mailing.name, mailing.owner) == ("Better", owner)


def test_a_colleague_does_not_put_in_another_message_that_is_not_theirs(owner: User, colleague: User) -> None:
    mailing, hidden = factories.mailing(owner, 0), factories.message(owner, subject="Hidden plan")
    factories.share(mailing, "change", to=colleague)
    response = save(logged_in(colleague), mailing, message=hidden.pk)
    assert "message" in response.context["adminform"].form.errors
    assert "Hidden plan" not in response.content.decode()
    mailing.refresh_from_db()
    assert mailing.message != hidden


def test_a_message_known_from_a_shared_mailing_is_not_put_into_an_own_one(owner: User, colleague: User) -> None:
    mailing, mine = factories.mailing(owner, 0), factories.mailing(colleague, 0)
    factories.share(mailing, "change", to=colleague)
    response = save(logged_in(colleague), mine, message=mailing.message_id)
    assert "message" in response.context["adminform"].form.errors


def test_the_owner_saves_a_mailing_into_which_a_colleague_has_put_a_message(
    owner: User, colleague: User, client: Client
) -> None:
    mailing, theirs = factories.mailing(owner, 0), factories.message(colleague, body="Carl's words")
    factories.share(mailing, "change", to=colleague)
    assert save(logged_in(colleague), mailing, message=theirs.pk).status_code == 302
    mailing.refresh_from_db()
    assert "Carl&#x27;s words" in client.get(page(mailing, "change")).content.decode()
    assert save(client, mailing, name="Mine").status_code == 302
    assert client.get(page(theirs, "change")).status_code == 404


def test_a_mailing_shared_to_be_sent_is_sent_by_the_colleague(owner: User, colleague: User) -> None:
    mailing = factories.mailing(owner, 2)
    factories.share(mailing, "send", to=colleague)
    logged_in(colleague).post(page(mailing, "send"), {"_form_submitted": "True"})
    assert mailing.attempts.get().triggered_by == colleague


def test_a_mailing_shared_to_be_seen_is_not_sent_by_the_colleague(owner: User, colleague: User) -> None:
    mailing = factories.mailing(owner, 2)
    factories.share(mailing, "change", to=colleague)
    assert logged_in(colleague).post(page(mailing, "send"), {"_form_submitted": "True"}).status_code == 404
    assert not mailing.attempts.exists()


# The message along with the mailing


def test_the_message_is_shared_along_for_viewing_if_wanted(owner: User, colleague: User, client: Client) -> None:
    wanted, not_wanted = made("mailing", owner), made("mailing", owner)
    share(client, wanted, colleague, may=["change"], with_message="on")
    share(client, not_wanted, colleague, may=["change"])
    assert (may(colleague, wanted.message), may(colleague, not_wanted.message)) == ({"view"}, set())
    assert len(history(wanted.message)) == 1


def test_sharing_the_message_along_is_proposed(owner: User, client: Client) -> None:
    assert client.get(page(made("mailing", owner))).context["form"]["with_message"].initial is True


def test_a_stronger_share_of_the_message_stays_when_the_mailing_is_shared(
    owner: User, colleague: User, client: Client
) -> None:
    mailing = made("mailing", owner)
    factories.share(mailing.message, "change", to=colleague)
    share(client, mailing, colleague, with_message="on")
    assert may(colleague, mailing.message) == {"view", "change"}
    assert history(mailing.message) == []


def test_a_message_of_somebody_else_is_not_shared_along(owner: User, colleague: User, client: Client) -> None:
    theirs, third = factories.message(colleague), factories.user(OPERATOR)
    mailing = factories.mailing(owner, 0, message=theirs)
    share(client, mailing, third, with_message="on")
    assert (may(third, mailing), may(third, theirs)) == ({"view"}, set())
    assert "with_message" not in client.get(page(mailing)).context["form"].fields


# Visible is not usable


@pytest.mark.parametrize("model", [Message, Recipient])
def test_usable_is_what_is_own_or_shared(model: Any, owner: User) -> None:
    noun = model._meta.model_name
    obj, person = made(noun, owner), factories.user(MANAGER)
    mine, shared = made(noun, person), made(noun, owner)
    factories.share(shared, "view", to=person)
    assert set(access.usable(person, model.objects.all())) == {mine, shared}
    assert obj in access.visible(person, model.objects.all())
    assert set(access.usable(factories.user(is_superuser=True), model.objects.all())) == {obj, mine, shared}
    assert not access.usable(factories.user(is_superuser=True, is_active=False), model.objects.all()).exists()
    assert not access.usable(AnonymousUser(), model.objects.all()).exists()


def test_a_manager_does_not_put_what_is_others_into_an_own_mailing(owner: User) -> None:
    manager = factories.user(MANAGER)
    mailing, person, message = factories.mailing(manager, 0), made("recipient", owner), made("message", owner)
    response = save(logged_in(manager), mailing, message=message.pk, add_recipients=[person.pk])
    assert set(response.context["adminform"].form.errors) == {"message", "add_recipients"}
    assert "Secret" not in response.content.decode()
    assert not mailing.recipients.exists()


def test_a_manager_does_not_add_others_recipients_from_their_list(owner: User) -> None:
    manager = factories.user(MANAGER)
    mailing, mine, theirs = factories.mailing(manager, 0), factories.recipient(manager), made("recipient", owner)
    data = {"confirmed": "yes", "mailing": mailing.pk}
    response = on_list(logged_in(manager), "add_to_mailing", mine, theirs, **data)
    assert list(mailing.recipients.all()) == [mine]
    assert "1 of the selected is left out: it is neither yours nor shared with you." in sentences(response)


@pytest.mark.parametrize(("field", "noun"), [("message", "message"), ("recipients", "recipient")])
def test_the_search_of_the_mailings_form_offers_a_manager_what_is_usable(field: str, noun: str, owner: User) -> None:
    manager = factories.user(MANAGER)
    made(noun, owner)
    mine = made(noun, manager)
    query = {"app_label": "campaigns", "model_name": "mailing", "field_name": field, "term": "secret"}
    found = logged_in(manager).get(reverse("admin:autocomplete", query=query)).json()["results"]
    assert [item["id"] for item in found] == [str(mine.pk)]


def test_shared_recipients_and_messages_are_put_into_an_own_mailing(owner: User, colleague: User) -> None:
    mailing, person, message = factories.mailing(colleague, 0), made("recipient", owner), made("message", owner)
    for obj in (person, message):
        factories.share(obj, "view", to=colleague)
    assert save(logged_in(colleague), mailing, message=message.pk, add_recipients=[person.pk]).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.message, list(mailing.recipients.all())) == (message, [person])


def test_a_superuser_puts_everything_into_a_mailing(owner: User) -> None:
    root = factories.user(is_superuser=True)
    mailing, person, message = factories.mailing(root, 0), made("recipient", owner), made("message", owner)
    assert save(logged_in(root), mailing, message=message.pk, add_recipients=[person.pk]).status_code == 302
    assert list(mailing.recipients.all()) == [person]


# Many at once


def test_the_selected_recipients_are_shared_at_once(owner: User, colleague: User, client: Client) -> None:
    one, two, other = factories.recipients(owner, 3)
    data = {"confirmed": "yes", "people": [colleague.pk], "may": ["change"]}
    response = on_list(client, "share_selected", one, two, **data)
    assert sentences(response) == ["The shares of 2 objects were changed."]
    assert set(access.visible(colleague, Recipient.objects.all())) == {one, two}
    assert [len(history(person)) for person in (one, two, other)] == [1, 1, 0]


def test_the_action_asks_with_whom_and_changes_nothing_yet(owner: User, client: Client) -> None:
    one, _two = factories.recipients(owner, 2)
    response = on_list(client, "share_selected", one)
    assert (response.context["count"], response.context["refused"]) == (1, 0)
    assert f'name="_selected_action" value="{one.pk}"' in response.content.decode()
    assert shares.of(one) == []


def test_what_is_not_the_persons_to_share_is_left_and_counted(owner: User, colleague: User, client: Client) -> None:
    mine, theirs, third = factories.recipient(owner), factories.recipient(colleague), factories.user(OPERATOR)
    factories.share(theirs, "change", to=owner)
    assert on_list(client, "share_selected", mine, theirs).context["refused"] == 1
    on_list(client, "share_selected", mine, theirs, confirmed="yes", people=[third.pk], may=["view"])
    assert set(access.visible(third, Recipient.objects.all())) == {mine}


def test_sharing_of_the_selected_ends_for_those_chosen(owner: User, colleague: User, client: Client) -> None:
    one, two = factories.recipients(owner, 2)
    other = factories.user(OPERATOR)
    for person in (colleague, other):
        for recipient in (one, two):
            factories.share(recipient, "view", to=person)
    response = on_list(client, "stop_sharing_selected", one, confirmed="yes", people=[colleague.pk])
    assert sentences(response) == ["The shares of 1 object were changed."]
    assert set(access.visible(colleague, Recipient.objects.all())) == {two}
    assert set(access.visible(other, Recipient.objects.all())) == {one, two}


def test_all_of_the_list_is_shared_in_as_many_queries_as_a_few(
    owner: User, colleague: User, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    first, *_others = factories.recipients(owner, 300)
    data = {"confirmed": "yes", "people": [colleague.pk], "may": ["view"], "select_across": "1"}
    with django_assert_max_num_queries(35):
        on_list(client, "share_selected", first, **data)
    assert access.visible(colleague, Recipient.objects.all()).count() == 300


def test_owners_get_no_shares_of_what_is_theirs(owner: User, colleague: User) -> None:
    hers, his = factories.recipient(owner), factories.recipient(colleague)
    root = logged_in(factories.user(is_superuser=True))
    on_list(root, "share_selected", hers, his, confirmed="yes", people=[colleague.pk], may=["view"])
    assert [len(shares.of(person)) for person in (hers, his)] == [1, 0]


@pytest.mark.parametrize("role", [OPERATOR, MANAGER, None])
def test_the_rows_that_may_be_shared_are_those_of_which_each_may_be(role: str | None, owner: User) -> None:
    person = factories.user(role)
    made("recipient", owner), made("recipient", person)
    factories.share(made("recipient", owner), "change", to=person)
    found = set(access.sharable(person, Recipient.objects.all()))
    assert found == {obj for obj in Recipient.objects.all() if access.can(person, "share", obj)}


# Export


def exported(client: Client) -> set[str]:
    response = client.post(reverse("admin:campaigns_recipient_export"), {"format": "0", "resource": ""})
    return {row["email"] for row in csv.DictReader(StringIO(response.getvalue().decode("utf-8-sig")))}


def test_an_export_has_exactly_what_the_person_may_export(owner: User, colleague: User) -> None:
    factories.recipient(colleague, "own@example.com")
    factories.share(factories.recipient(owner, "shared@example.com"), "view", to=colleague)
    factories.recipient(owner, "hidden@example.com")
    allowed = {person.email for person in Recipient.objects.all() if access.can(colleague, "export", person)}
    assert allowed == {"own@example.com", "shared@example.com"}
    assert exported(logged_in(colleague)) == allowed


def test_an_export_does_not_have_what_is_no_longer_shared(owner: User, colleague: User, client: Client) -> None:
    person = factories.recipient(owner, "shared@example.com")
    share(client, person, colleague)
    revoke(client, person, colleague)
    assert "shared@example.com" not in exported(logged_in(colleague))
