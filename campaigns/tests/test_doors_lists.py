"""Lists, their searches, filters and addresses: nothing of what a person may not see is read or guessed there."""

from functools import partial
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.models import Mailing, Recipient
from campaigns.tests import factories
from campaigns.tests.doors import client_of, undone
from campaigns.tests.scene import SECRET, Scene, scene

pytestmark = pytest.mark.django_db

NOUNS = ("mailing", "message", "recipient", "mailingattempt", "mailinglog")
WORD = "plugh"
# The searches have not the whole word: what is searched for stands on the page again.


@pytest.fixture
def own(stranger: User) -> Scene:
    return scene(stranger, WORD)


@pytest.fixture
def client(stranger: User, own: Scene) -> Client:
    return client_of(stranger)


def url(noun: str, **query: Any) -> str:
    return reverse(f"admin:campaigns_{noun}_changelist", query=query)


def read(client: Client, address: str) -> str:
    return str(client.get(address, follow=True).content.decode())


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("query", [{}, {"all": ""}, {"q": SECRET[:-1]}, {"o": "1"}, {"e": "1"}])
def test_a_list_holds_nothing_of_others(noun: str, query: dict[str, str], made: Scene, client: Client) -> None:
    assert SECRET not in read(client, url(noun, **query))


def test_a_whole_address_finds_no_letter_of_others(made: Scene, client: Client) -> None:
    link = reverse("admin:campaigns_mailinglog_change", args=[made.log.pk])
    assert link not in read(client, url("mailinglog", q=made.log.email))
    assert link in read(client_of(made.owner), url("mailinglog", q=made.log.email))


@pytest.mark.parametrize("noun", NOUNS)
def test_a_list_holds_the_own(noun: str, made: Scene, client: Client) -> None:
    assert WORD in read(client, url(noun))


@pytest.mark.parametrize("noun", NOUNS)
def test_a_search_finds_what_is_the_persons_own(noun: str, made: Scene, client: Client) -> None:
    term = f"{WORD}@example.com" if noun == "mailinglog" else WORD
    assert f"/{noun}/" in read(client, url(noun, q=term))
    assert read(client, url(noun, q=term)).count(WORD) > 1


@pytest.mark.parametrize("noun", ["mailing", "message", "recipient"])
def test_asked_for_by_its_owner_or_id_it_is_not_listed(noun: str, made: Scene, client: Client) -> None:
    for query in ({"owner__id__exact": made.owner.pk}, {"owner": made.owner.pk}, {"id": getattr(made, noun).pk}):
        assert SECRET not in read(client, url(noun, **query))


@pytest.mark.parametrize("role", [OPERATOR, None])
def test_the_filters_do_not_name_colleagues_to_those_who_see_only_the_own(role: str | None, made: Scene) -> None:
    someone = factories.user(role)
    for noun in NOUNS:
        assert made.owner.full_name not in read(client_of(someone), url(noun))


def filters() -> list[tuple[str, str]]:
    """Each filter by a related object that any list has for a superuser, by the noun and the parameter."""
    request: Any = type("Request", (), {"user": factories.user(is_superuser=True), "GET": {}})()
    found = []
    for noun in NOUNS:
        model_admin: Any = next(one for model, one in admin.site._registry.items() if model._meta.model_name == noun)
        paths = [each[0] for each in model_admin.get_list_filter(request) if isinstance(each, tuple)]
        found += [(noun, path) for path in paths]
    return found


def test_no_filter_names_what_others_own_for_its_id(made: Scene, client: Client) -> None:
    """The label of an autocomplete filter is made of the id in the address."""
    keys = {"mailing": made.mailing.pk, "mailings": made.mailing.pk, "message": made.message.pk}
    asked = [
        url(noun, **{parameter: key})
        for noun, path in filters()
        for key in {keys.get(path.rpartition("__")[2]), made.mailing.pk} - {None}
        for parameter in (f"{path}__id__exact", path)
    ]
    assert {address for address in asked if SECRET in read(client, address)} == set()


def test_a_filter_by_a_mailing_that_is_not_seen_finds_nothing(stranger: User, own: Scene, made: Scene) -> None:
    """Else it would tell whom of the shared recipients somebody writes to."""
    made.mailing.recipients.add(own.recipient)
    text = read(client_of(stranger), url("recipient", mailings__id__exact=made.mailing.pk))
    assert f"{WORD} name" not in text


def test_a_filter_by_a_mailing_that_is_seen_finds_its_recipients(client: Client, own: Scene) -> None:
    factories.recipient(own.owner, full_name="Somebody Else")
    text = read(client, url("recipient", mailings__id__exact=own.mailing.pk))
    assert f"{WORD} name" in text
    assert "Somebody Else" not in text


# By what is guessed in an address, the own rows would tell of what hangs on them.
GUESSES = {
    "mailing": (
        "message__body__contains",
        "message__body_html__contains",
        "message__owner__password__startswith",
        "owner__password__startswith",
        "owner__email__startswith",
        "owner__last_login__gt",
        "recipients__email__startswith",
        "recipients__comment__contains",
        "recipients__owner__email",
        "recipients__attributes__city",
        "attempts__server_response__contains",
        "attempts__triggered_by__password__startswith",
        "attempts__logs__email__startswith",
        "user_shares__user__email",
        "group_shares__group__name",
    ),
    "message": (
        "owner__password__startswith",
        "mailings__name__contains",
        "mailings__owner__email",
        "mailings__recipients__email",
        "user_shares__user__email",
    ),
    "recipient": (
        "owner__password__startswith",
        "mailings__name__contains",
        "mailings__message__body__contains",
        "mailings__owner__email__startswith",
        "mailings__attempts__id",
        "user_shares__permission__codename",
    ),
    "mailingattempt": (
        "mailing__owner__password__startswith",
        "mailing__message__body__contains",
        "mailing__recipients__comment__contains",
        "triggered_by__password__startswith",
        "triggered_by__email",
        "logs__email__startswith",
    ),
    "mailinglog": (
        "attempt__mailing__owner__password__startswith",
        "attempt__mailing__message__body__contains",
        "attempt__triggered_by__password__startswith",
        "attempt__body__contains",
        "attempt__server_response__contains",
    ),
}


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
@pytest.mark.parametrize("noun", GUESSES)
def test_what_is_guessed_in_an_address_is_refused(noun: str, role: str) -> None:
    someone = factories.user(role)
    scene(someone, WORD)
    client = client_of(someone)
    answered = {guess: undone(partial(client.get, url(noun, **{guess: "a"}))) for guess in GUESSES[noun]}
    assert {guess: page.status_code for guess, page in answered.items() if page.status_code not in (302, 400)} == {}


def test_the_export_refuses_what_the_list_refuses(client: Client) -> None:
    for guess in GUESSES["recipient"]:
        export = reverse("admin:campaigns_recipient_export", query={guess: "a"})
        try:
            answered = undone(partial(client.post, export, {"format": "0", "resource": ""}))
        except IncorrectLookupParameters:  # pragma: no cover
            pytest.fail(f"{guess} is not answered")
        assert answered.status_code in (302, 400), guess


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("field", ["password", "owner", "body", "email", "owner__password"])
def test_a_popup_for_a_field_that_nothing_refers_to_is_refused(noun: str, field: str, client: Client) -> None:
    assert client.get(url(noun, _popup=1, _to_field=field)).status_code == 400


@pytest.mark.parametrize("noun", NOUNS)
def test_a_popup_holds_nothing_of_others(noun: str, made: Scene, client: Client) -> None:
    assert SECRET not in read(client, url(noun, _popup=1))
    assert SECRET not in read(client, url(noun, _popup=1, _to_field="id"))


def test_nothing_can_be_edited_in_a_list(made: Scene, client: Client) -> None:
    """Forged rows of a formset change nothing: no list has fields."""
    forged = {
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "1",
        "form-0-id": str(made.recipient.pk),
        "form-0-full_name": "Mine",
        "_save": "Save",
    }
    client.post(url("recipient"), forged)
    assert not Recipient.objects.filter(full_name="Mine").exists()


def test_the_periods_above_a_list_are_those_of_the_own(made: Scene, client: Client) -> None:
    Mailing.objects.filter(pk=made.mailing.pk).update(created_at="1999-01-01T00:00:00Z")
    assert "1999" not in read(client, url("mailing"))
