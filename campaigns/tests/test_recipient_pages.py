"""The list of recipients: its pages go on from a row, its search is by trigrams, its numbers are honest."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.models import RecipientList
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

LIST = reverse("admin:campaigns_recipient_changelist")
NEWEST: dict[str, str] = {}
BY_EMAIL, BY_EMAIL_DOWN = {"o": "1"}, {"o": "-1"}


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.admin.recipients.recipient.RecipientAdmin.list_per_page", 4)


def open_list(client: Client, query: dict[str, str]) -> Any:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return response


def shown(response: Any) -> list[str]:
    return [recipient.email for recipient in response.context["cl"].result_list]


def link(response: Any, which: str) -> dict[str, str] | None:
    """The query of the link to the next or the previous page."""
    found = re.search(rf'rel="{which}" href="([^"]+)"', response.content.decode())
    if not found:
        return None
    return {key: values[0] for key, values in parse_qs(urlsplit(found[1].replace("&amp;", "&")).query).items()}


def pages(client: Client, query: dict[str, str], which: str = "next") -> Iterator[list[str]]:
    following: dict[str, str] | None = query
    while following is not None:
        response = open_list(client, following)
        yield shown(response)
        following = link(response, which)


def rows(turned: Iterator[list[str]]) -> list[str]:
    return list(chain.from_iterable(turned))


def people(owner: User, *names: str) -> None:
    for name in names:
        factories.recipient(owner, f"{name}@example.com")


def named(*names: str) -> list[str]:
    return [f"{name}@example.com" for name in names]


# Pages


@pytest.mark.parametrize(
    ("order", "expected"), [(NEWEST, "gbfdaec"), (BY_EMAIL, "abcdefg"), (BY_EMAIL_DOWN, "gfedcba")]
)
def test_the_pages_together_hold_each_row_once_and_in_order(
    order: dict[str, str], expected: str, operator: User, client: Client
) -> None:
    people(operator, *"ceadfbg")
    assert list(pages(client, order)) == [named(*expected[:4]), named(*expected[4:])]


@pytest.mark.parametrize("order", [NEWEST, BY_EMAIL, BY_EMAIL_DOWN])
def test_the_way_back_shows_the_same_pages(order: dict[str, str], operator: User, client: Client) -> None:
    people(operator, *"abcdefghijkl")
    forth = list(pages(client, order))
    *_, last = (link(open_list(client, order), "next"),)
    while (following := link(open_list(client, last or {}), "next")) is not None:
        last = following
    assert list(pages(client, last or {}, "prev")) == forth[::-1]


@pytest.mark.parametrize("order", [NEWEST, BY_EMAIL, BY_EMAIL_DOWN])
def test_no_row_comes_twice_or_is_missed_while_others_are_added_and_deleted(
    order: dict[str, str], operator: User, client: Client
) -> None:
    people(operator, *"bdfhjlnp")
    before = set(named(*"bdfhjlnp"))
    seen = []
    for number, page in enumerate(pages(client, order)):
        seen += page
        people(operator, f"a{number}", f"k{number}", f"z{number}")
        operator.recipients.filter(email=page[0]).delete()
    assert before <= set(seen)
    assert len(seen) == len(set(seen))


def test_own_and_shared_recipients_stand_in_one_order(operator: User, client: Client) -> None:
    other = factories.user(OPERATOR)
    for number, name in enumerate("abcdefghij"):
        recipient = factories.recipient(other if number % 3 else operator, f"{name}@example.com")
        if number % 3:
            factories.share(recipient, "view", to=operator)
            factories.share(recipient, "change", to=operator)
    assert rows(pages(client, BY_EMAIL)) == named(*"abcdefghij")
    assert rows(pages(client, NEWEST)) == named(*"jihgfedcba")


def test_the_same_address_of_several_owners_is_no_tie_that_loses_rows() -> None:
    for _ in range(7):
        factories.recipient(factories.user(OPERATOR), "same@example.com")
    client = logged_in(factories.user(MANAGER))
    assert [len(page) for page in pages(client, BY_EMAIL)] == [4, 3]


def test_a_page_behind_the_last_row_leads_to_the_first(operator: User, client: Client) -> None:
    people(operator, "anna")
    response = open_list(client, {"p": "after-0-"})
    assert shown(response) == []
    assert "First page" in response.content.decode()


@pytest.mark.parametrize("place", ["after", "after-x-", "before--1-", "sideways-1-", "after-" + "9" * 40])
def test_a_place_that_can_not_be_leads_to_the_first_page(place: str, client: Client) -> None:
    response = client.get(f"{LIST}?p={place}")
    assert (response.status_code, response.headers["Location"]) == (302, f"{LIST}?e=1")


def test_a_page_of_numbers_opens_the_first(operator: User, client: Client) -> None:
    people(operator, "anna")
    assert shown(open_list(client, {"p": "7"})) == named("anna")


def test_the_list_is_not_sorted_by_what_no_index_knows(operator: User, client: Client) -> None:
    people(operator, "anna", "bob")
    columns = open_list(client, {}).context["cl"].list_display
    by_change = {"o": str(columns.index("updated_at"))}
    assert shown(open_list(client, by_change)) == named("bob", "anna")


def test_nobody_turns_to_others_recipients(operator: User, client: Client) -> None:
    people(factories.user(OPERATOR), *"abcdefgh")
    people(operator, "mine")
    assert shown(open_list(client, {"p": "after-999999999999-"})) == named("mine")


# Filters


def test_a_filter_by_list_holds_on_all_pages(operator: User, client: Client) -> None:
    people(operator, *"abcdefghij")
    chosen = RecipientList.objects.create(owner=operator, name="Some")
    chosen.members.set(operator.recipients.filter(email__in=named(*"bdfhij")))
    found = rows(pages(client, {"lists__id__exact": str(chosen.pk)}))
    assert found == named(*"jihfdb")


def test_somebody_elses_list_finds_nobody(operator: User, client: Client) -> None:
    people(operator, "anna")
    theirs = RecipientList.objects.create(owner=factories.user(OPERATOR), name="Secret")
    theirs.members.set(operator.recipients.all())
    response = open_list(client, {"lists__id__exact": str(theirs.pk)})
    assert shown(response) == []
    assert "Secret" not in response.content.decode()


# Search


@pytest.fixture
def several(operator: User) -> None:
    for email, name in (
        ("anna@example.com", "Anna Smith"),
        ("j.smith@example.org", "Jan Novák"),
        ("joanna@example.com", ""),
        ("100%off@example.com", "Sale_now"),
        ("saleynow@example.com", ""),
    ):
        factories.recipient(operator, email, full_name=name)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("ANNA", {"anna", "joanna"}),
        ("smith", {"anna", "j.smith"}),
        ("smith jan", {"j.smith"}),
        ("anna smith", {"anna"}),
        ('"anna smith"', {"anna"}),
        ('"smith anna"', set()),
        ("nov", {"j.smith"}),
        ("an", {"anna"}),
        ("ja", {"j.smith"}),
        ("sm", {"anna"}),
        ("no", {"j.smith"}),
        ("example.org", {"j.smith"}),
        ("100%", {"100%off"}),
        ("0%o", {"100%off"}),
        ("sale_now", {"100%off"}),
        ("nobody", set()),
        ("% anna smith", {"anna"}),
    ],
)
def test_the_search_finds_each_word_in_address_or_name(
    term: str, found: set[str], several: None, client: Client
) -> None:
    listed = rows(pages(client, {"q": term}))
    assert {email.partition("@")[0] for email in listed} == found


def test_the_search_holds_on_all_pages(operator: User, client: Client) -> None:
    people(operator, *(f"{name}{n}" for n in range(6) for name in ("anna", "bob")))
    assert rows(pages(client, {"q": "anna"})) == named(*(f"anna{n}" for n in range(5, -1, -1)))


# Numbers


def test_many_are_said_to_be_more_than_are_counted(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.reports.counts.MOST", 5)
    people(operator, *"abcdef")
    page = open_list(client, {}).content.decode()
    assert "More than 5 recipients" in page
    assert "Select all recipients, more than 5" in page


def test_few_are_counted(operator: User, client: Client) -> None:
    people(operator, *"abcdef")
    page = open_list(client, {}).content.decode()
    assert "Select all 6 recipients" in page


def test_no_recipient_is_a_choice_on_the_page(operator: User, client: Client) -> None:
    people(operator, "anna")
    page = open_list(client, {}).content.decode()
    assert not re.search(r"<option[^>]*>[^<]*anna", page)
    assert "anna@example.com" in page


def test_a_filter_by_list_reads_from_its_first_member_to_its_last(operator: User, client: Client) -> None:
    _older, first, last, _newer = factories.recipients(operator, 4)
    some = factories.recipient_list(operator, [first, last])
    with CaptureQueriesContext(connection) as queries:
        assert shown(open_list(client, {"lists__id__exact": str(some.pk)})) == [last.email, first.email]
    reading = [query["sql"] for query in queries if "ORDER BY" in query["sql"] and "membership" in query["sql"]]
    assert reading
    assert all(f">= {first.pk}" in sql and f"<= {last.pk}" in sql for sql in reading)


def test_a_filter_by_a_list_without_members_finds_nobody(operator: User, client: Client) -> None:
    factories.recipient(operator)
    assert shown(open_list(client, {"lists__id__exact": str(factories.recipient_list(operator, 0).pk)})) == []
