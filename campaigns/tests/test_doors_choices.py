"""What forms and their searches offer, and what a forged request gets in: nothing of others'."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import access
from campaigns.models import Mailing, Message, Recipient, RecipientList
from campaigns.tests import factories
from campaigns.tests.doors import client_of, undone
from campaigns.tests.scene import SECRET, Scene, scene

pytestmark = pytest.mark.django_db

WORD = "plugh"


@pytest.fixture
def client(stranger: User) -> Client:
    scene(stranger, WORD)
    return client_of(stranger)


def search(client: Client, model: str, field: str, app: str = "campaigns", **query: Any) -> Any:
    asked = {"app_label": app, "model_name": model, "field_name": field, "term": "", **query}
    return undone(lambda: client.get(reverse("admin:autocomplete", query=asked)))


def relations() -> list[tuple[str, str, str]]:
    """Each field of each model that leads to another, whoever has pages for it."""
    return [
        (model._meta.app_label, model._meta.model_name or "", field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if field.is_relation
    ]


# The search of a form


@pytest.mark.parametrize("role", [OPERATOR, None])
@pytest.mark.parametrize("query", [{}, {"term": SECRET}, {"page": "2"}])
def test_no_search_finds_what_others_own_whatever_field_it_is_for(
    role: str | None, query: dict[str, str], made: Scene
) -> None:
    client = client_of(factories.user(role))
    answered = {one: search(client, one[1], one[2], one[0], **query) for one in relations()}
    assert {one for one, page in answered.items() if SECRET in page.content.decode()} == set()
    assert {one for one, page in answered.items() if page.status_code >= 500} == set()


def test_the_search_finds_the_own(client: Client) -> None:
    assert WORD in search(client, "mailing", "message").content.decode()


def test_the_pages_of_a_search_hold_the_own_only(stranger: User, client: Client) -> None:
    factories.recipients(factories.user(OPERATOR), 30)
    factories.recipients(stranger, 30)
    found: list[str] = []
    for page in (1, 2, 3, 4):
        answer = search(client, "mailing", "recipients", page=page)
        found += (
            [one["id"] for one in json.loads(answer.content).get("results", [])] if answer.status_code == 200 else []
        )
    assert set(map(int, found)) == set(stranger.recipients.values_list("pk", flat=True))


def test_a_search_for_a_mailing_offers_a_manager_only_what_may_be_used(made: Scene) -> None:
    client = client_of(factories.user(MANAGER))
    for field in ("message", "recipients"):
        assert SECRET not in search(client, "mailing", field).content.decode()


def test_a_search_stops_with_the_role(stranger: User, client: Client) -> None:
    stranger.groups.clear()
    assert search(client, "mailing", "message").status_code == 403


# The fields of a form


def mailing_form(**fields: Any) -> dict[str, Any]:
    times = {f"{name}_at_{part}": "" for name in ("start", "end") for part in (0, 1)}
    return {"name": "Forged", "repetition": "once", **times, **fields}


@pytest.mark.parametrize("query", [{}, {"_popup": "1"}, {"_popup": "1", "_to_field": "id"}])
def test_a_new_mailings_form_offers_nothing_of_others(query: dict[str, str], made: Scene, client: Client) -> None:
    asked = {"message": made.message.pk, "add_recipients": made.recipient.pk, **query}
    assert SECRET not in client.get(reverse("admin:campaigns_mailing_add", query=asked)).content.decode()


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_a_forged_message_is_not_put_into_a_mailing(role: str, made: Scene) -> None:
    client = client_of(factories.user(role))
    answer = client.post(reverse("admin:campaigns_mailing_add"), mailing_form(message=made.message.pk))
    assert not Mailing.objects.filter(name="Forged").exists()
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_forged_recipients_are_not_put_into_a_mailing(role: str, made: Scene) -> None:
    someone = factories.user(role)
    own = factories.message(someone)
    form = mailing_form(message=own.pk, add_recipients=[made.recipient.pk])
    answer = client_of(someone).post(reverse("admin:campaigns_mailing_add"), form)
    assert not Mailing.objects.filter(name="Forged").exists()
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("noun", ["mailing", "message", "recipient"])
def test_an_owner_can_not_be_posted(noun: str, stranger: User, client: Client) -> None:
    other, message = factories.user(OPERATOR), factories.message(stranger)
    data = {
        "mailing": mailing_form(message=message.pk),
        "message": {"subject": "Forged", "body": "", "body_html": ""},
        "recipient": {"email": "forged@example.com", "full_name": "Forged", "comment": "", "attributes": "{}"},
    }[noun]
    client.post(
        reverse(f"admin:campaigns_{noun}_add"), {**data, "owner": other.pk, "owner_id": other.pk, "id": 999_999}
    )
    model: Any = {"mailing": Mailing, "message": Message, "recipient": Recipient}[noun]
    assert model.objects.filter(owner=stranger).latest("pk").pk != 999_999
    assert not model.objects.filter(owner=other).exists()


def test_the_links_beside_a_message_are_for_those_who_may_open_it(made: Scene) -> None:
    """A related field has buttons that lead to the pages of what is chosen."""
    colleague = factories.user(OPERATOR)
    factories.share(made.mailing, "change", to=colleague)
    page = client_of(colleague).get(reverse("admin:campaigns_mailing_change", args=[made.mailing.pk]))
    assert reverse("admin:campaigns_message_change", args=[made.message.pk]) not in page.content.decode()


# The mailing that recipients are added to


def offered(client: Client, field: str = "mailing") -> list[str]:
    return [one["text"] for one in search(client, "bulkjob", field).json()["results"]]


def test_a_manager_is_offered_only_own_mailings_to_add_to(made: Scene) -> None:
    manager = factories.user(MANAGER)
    own = factories.mailing(manager)
    assert offered(client_of(manager)) == [str(own)]


def test_a_colleague_is_offered_what_may_be_changed_and_not_what_may_be_seen(made: Scene) -> None:
    colleague = factories.user(OPERATOR)
    for verb in ("view", "send", "change"):
        factories.share(factories.mailing(made.owner, name=f"Shared to {verb}"), verb, to=colleague)
    assert offered(client_of(colleague)) == [f"Shared to change ({made.owner})"]


def test_a_colleague_is_offered_lists_that_may_be_changed(made: Scene) -> None:
    colleague = factories.user(OPERATOR)
    for verb in ("view", "change"):
        theirs = RecipientList.objects.create(owner=made.owner, name=f"Shared to {verb}")
        factories.share(theirs, verb, to=colleague)
    assert offered(client_of(colleague), "recipient_list") == [f"Shared to change ({made.owner})"]


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_a_mailing_that_was_not_offered_is_refused_without_its_name(role: str, made: Scene) -> None:
    someone = factories.user(role)
    own = factories.recipient(someone)
    data = {"action": "add_to_mailing", "_selected_action": [own.pk], "confirmed": "1", "mailing": made.mailing.pk}
    answer = client_of(someone).post(reverse("admin:campaigns_recipient_changelist"), data)
    assert own not in made.mailing.recipients.all()
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("given", ["view", "change", "send", None])
@pytest.mark.parametrize("role", [OPERATOR, MANAGER, None])
def test_what_is_changeable_is_what_may_be_changed(role: str | None, given: str | None) -> None:
    someone, mailing = factories.user(role), factories.mailing()
    objects: list[Model] = [mailing, mailing.message, mailing.recipients.get(), factories.mailing(someone)]
    for obj in objects[:3]:
        if given and (given != "send" or obj is mailing):
            factories.share(obj, given, to=someone)
    for obj in objects:
        found = access.changeable(someone, type(obj)._default_manager.all())
        assert (obj in found) == access.can(someone, "change", obj), obj
