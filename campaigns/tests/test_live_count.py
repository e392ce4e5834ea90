"""The number of letters beside the form of a mailing: what the ledger would have if it were saved and sent."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.admin.mailings import live_count
from campaigns.audience import Audience
from campaigns.models import Mailing
from campaigns.sending.ledger import audience
from campaigns.tests import factories
from campaigns.tests.doors import written
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def count(client: Client, mailing: Mailing | None = None, **typed: Any) -> Any:
    url = reverse("admin:campaigns_mailing_count", query={"mailing": mailing.pk} if mailing else {})
    return client.post(url, typed)


def letters(response: Any) -> int:
    found: int = response.context["letters"]
    return found


def asking(value: str) -> dict[str, Any]:
    return {
        "conditions-field": "email",
        "conditions-name": "",
        "conditions-operator": "contains",
        "conditions-value": value,
    }


def saved(client: Client, **typed: Any) -> Mailing:
    """The mailing that the form makes."""
    times = {"start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "", "repetition": "once"}
    client.post(reverse("admin:campaigns_mailing_add"), {"name": "New", **times, **typed})
    made: Mailing = Mailing.objects.get(name="New")
    return made


def test_what_is_counted_is_what_the_ledger_has_when_it_is_saved(operator: User, client: Client) -> None:
    people = factories.recipients(operator, 12)
    some, gone = factories.recipient_list(operator, people[:4]), factories.recipient_list(operator, people[2:3])
    factories.suppression(operator, people[0].email)
    typed: dict[str, Any] = {
        "message": factories.message(operator).pk,
        "lists": [some.pk],
        "excluded_lists": [gone.pk],
        "add_recipients": [people[5].pk],
        **asking(people[7].email),
    }
    response = count(client, **typed)
    mailing = saved(client, **typed)
    assert letters(response) == audience.count_letters(mailing.pk) == 4
    assert "1 recipient gets none" in response.content.decode()


def test_all_of_the_own_recipients_are_counted_where_they_would_be_added(operator: User, client: Client) -> None:
    factories.recipients(operator, 5)
    factories.recipients(factories.user(), 5)
    assert letters(count(client, add_all="on")) == 5


def test_who_is_in_a_saved_mailing_is_counted(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 3)
    some = factories.recipient_list(operator, 2)
    assert letters(count(client, mailing, lists=[some.pk])) == 5


def test_an_empty_form_has_no_letters(client: Client) -> None:
    assert letters(count(client)) == 0


def test_nothing_is_written(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 3)
    some = factories.recipient_list(operator, 2)
    before = written()
    count(client, mailing, name="Other", lists=[some.pk], **asking("a"))
    assert {table: rows for table, rows in written().items() if rows != before.get(table)} == {}


def test_what_can_not_be_asked_is_told(operator: User, client: Client) -> None:
    assert "Condition 1: Write what the text" in count(client, None, **asking("")).content.decode()


@pytest.mark.parametrize("name", ["lists", "excluded_lists", "add_recipients"])
def test_what_others_own_is_not_counted(name: str, client: Client) -> None:
    stranger = factories.user(OPERATOR)
    theirs = factories.recipient(stranger) if name == "add_recipients" else factories.recipient_list(stranger)
    response = count(client, None, **{name: [theirs.pk]})
    assert "Not counted" in response.content.decode()
    assert "letters" not in response.context


def test_who_may_change_anothers_mailing_can_not_ask_about_its_owners_recipients(operator: User) -> None:
    factories.recipient(operator, "ann@example.com")
    mailing = factories.mailing(operator, 0)
    colleague = factories.user(OPERATOR)
    factories.share(mailing, "change", to=colleague)
    assert letters(count(logged_in(colleague), mailing, **asking("ann"))) == 0


@pytest.mark.parametrize("verb", [None, "view", "send"])
def test_who_may_not_change_the_mailing_counts_nothing(verb: str | None, operator: User) -> None:
    mailing = factories.mailing(operator, 3)
    someone = factories.user(OPERATOR)
    if verb:
        factories.share(mailing, verb, to=someone)
    assert count(logged_in(someone), mailing).status_code == 404
    assert count(logged_in(factories.user(MANAGER)), mailing).status_code == 404


@pytest.mark.parametrize("key", ["abc", "0", "9" * 30, "²"])
def test_a_mailing_that_can_not_be_is_not_found(key: str, client: Client) -> None:
    url = reverse("admin:campaigns_mailing_count") + f"?mailing={key}"
    assert client.post(url).status_code == 404


def slow(_said: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(600)")
    return 0


def test_an_audience_that_takes_too_long_to_count_is_said_to_be_many(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To those who only look, too."""
    mailing, colleague = factories.mailing(operator, 3), factories.user(OPERATOR)
    factories.share(mailing, "view", to=colleague)
    monkeypatch.setattr(live_count, "MOST_MILLISECONDS", 50)
    monkeypatch.setattr(Audience, "count", slow)
    page: Any = logged_in(colleague).get(reverse("admin:campaigns_mailing_change", args=[mailing.pk]))
    assert "Many" in page.content.decode()


def test_what_takes_too_long_to_count_is_said_to_be_many(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_count, "MOST_MILLISECONDS", 50)
    monkeypatch.setattr(audience, "count_letters_to", slow)
    text = count(client, factories.mailing(operator, 3)).content.decode()
    assert "Many" in text
    assert "Send counts them" in text
