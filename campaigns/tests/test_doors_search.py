"""The command palette: it finds what the person may open now, in any model, and remembers nothing."""

from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns.tests import factories
from campaigns.tests.doors import client_of
from campaigns.tests.scene import SECRET, Scene, scene

pytestmark = pytest.mark.django_db

# No part of an address of the admin, or of a word of its pages.
WORD = "plugh"
MODELS = ["campaigns.mailing", "campaigns.message", "campaigns.recipient", "campaigns.mailingattempt", "accounts.user"]


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture(params=[True, MODELS], ids=["every model", "chosen models"])
def in_models(request: pytest.FixtureRequest, settings: Settings) -> None:
    """The palette searches the objects, too, as unfold can be told to."""
    unfold: Any = deepcopy(settings.UNFOLD)
    settings.UNFOLD = {**unfold, "COMMAND": {"search_models": request.param}}


def found(client: Client, term: str, **query: Any) -> str:
    page = client.get(reverse("admin:search", query={"s": term, **query}))
    assert page.status_code == 200
    return str(page.content.decode())


def test_a_page_that_the_person_may_open_is_found(operator: User) -> None:
    assert reverse("admin:campaigns_mailing_changelist") in found(client_of(operator), "mailing")


def test_a_page_that_the_person_may_not_open_is_not_found(operator: User) -> None:
    assert reverse("admin:accounts_user_changelist") not in found(client_of(operator), "user")


def test_what_was_found_is_gone_with_the_role(operator: User) -> None:
    client = client_of(operator)
    assert reverse("admin:campaigns_mailing_changelist") in found(client, "mailing")
    operator.groups.clear()
    assert reverse("admin:campaigns_mailing_changelist") not in found(client, "mailing")


@pytest.mark.usefixtures("in_models")
def test_objects_are_found_by_their_owner(operator: User) -> None:
    scene(operator, WORD)
    assert f"{WORD} mailing" in found(client_of(operator), WORD)


@pytest.mark.usefixtures("in_models")
@pytest.mark.parametrize("role", [OPERATOR, None])
def test_nothing_of_others_is_found(role: str | None, made: Scene) -> None:
    client = client_of(factories.user(role))
    assert SECRET not in found(client, SECRET.upper()).replace(SECRET.upper(), "")


@pytest.mark.usefixtures("in_models")
def test_a_shared_object_is_found_until_the_share_is_revoked(operator: User, made: Scene) -> None:
    factories.share(made.mailing, "view", to=operator)
    client = client_of(operator)
    assert f"{SECRET} mailing" in found(client, SECRET)
    made.mailing.user_shares.all().delete()
    assert f"{SECRET} mailing" not in found(client, SECRET)


@pytest.mark.usefixtures("in_models")
def test_the_objects_are_gone_with_the_role(operator: User) -> None:
    scene(operator, WORD)
    client = client_of(operator)
    found(client, WORD)
    operator.groups.clear()
    assert f"{WORD} mailing" not in found(client, WORD)


@pytest.mark.parametrize("page", ["x", "0", "-1", "999", "1.5", "²", ""])
def test_a_page_that_is_none_is_not_found(page: str, operator: User) -> None:
    assert client_of(operator).get(reverse("admin:search", query={"s": "mailing", "page": page})).status_code == 404


@pytest.mark.usefixtures("in_models")
def test_the_second_page_holds_the_rest(operator: User) -> None:
    people = factories.recipients(operator, 120)
    client = client_of(operator)
    both = found(client, "person") + found(client, "person", page=2)
    assert all(reverse("admin:campaigns_recipient_change", args=[person.pk]) in both for person in people)


@pytest.mark.parametrize("term", ["", " ", "%", "'", "<script>alert(1)</script>", "m" * 5000])
def test_no_term_is_an_error_or_stands_unescaped(term: str, operator: User) -> None:
    page = client_of(operator).get(reverse("admin:search", query={"s": term}))
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
