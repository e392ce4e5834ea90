"""The attributes of a recipient in its form: as rows of names and values."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns.admin.recipients.attributes import MOST
from campaigns.models import Recipient
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

ADD = "admin:campaigns_recipient_add"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def form(*rows: tuple[str, str], **fields: Any) -> dict[str, Any]:
    names, values = zip(*rows, strict=True) if rows else ((), ())
    typed = {"email": "anna@example.com", "full_name": "", "comment": "", **fields}
    return typed | {"attributes-name": names, "attributes-value": values}


def address(recipient: Recipient) -> str:
    return reverse("admin:campaigns_recipient_change", args=[recipient.pk])


def edited(client: Client, recipient: Recipient, *rows: tuple[str, str]) -> Any:
    """The attributes after the form was sent with these rows."""
    client.post(address(recipient), form(*rows, email=recipient.email, version=recipient.version))
    recipient.refresh_from_db()
    return recipient.attributes


def shown(client: Client, recipient: Recipient) -> list[tuple[str, str]]:
    """The rows that the form shows, without the empty ones."""
    field = client.get(address(recipient)).context["adminform"].form["attributes"]
    return [tuple(row) for row in field.value()]


def test_what_is_typed_becomes_attributes_and_empty_rows_are_left_out(client: Client, operator: User) -> None:
    client.post(reverse(ADD), form(("city", "Rome"), ("", ""), ("plan", ""), ("", " ")))
    assert operator.recipients.get().attributes == {"city": "Rome", "plan": ""}


def test_no_attributes_are_none(client: Client, operator: User) -> None:
    client.post(reverse(ADD), form())
    assert operator.recipients.get().attributes == {}


def test_a_name_becomes_what_it_would_as_the_header_of_a_column(client: Client, operator: User) -> None:
    client.post(reverse(ADD), form((" Home City ", "Rome"), ("Город", "Рим")))
    assert operator.recipients.get().attributes == {"home_city": "Rome", "город": "Рим"}


def test_what_is_not_touched_stays_as_it_is(client: Client, operator: User) -> None:
    kept = {"n": 3, "tags": ["a", "ä"], "none": None, "flag": True, "text": "two\nlines", "odd name": "x", "": "y"}
    recipient = factories.recipient(operator, attributes=kept)
    rows = shown(client, recipient)
    assert dict(rows) == {
        "n": "3",
        "tags": '["a", "ä"]',
        "none": "",
        "flag": "true",
        "text": "two\nlines",
        "odd name": "x",
        "": "y",
    }
    as_sent_by_browsers = [(name, value.replace("\n", "\r\n")) for name, value in rows]
    assert edited(client, recipient, *as_sent_by_browsers, ("city", "Rome")) == kept | {"city": "Rome"}


def test_a_form_that_is_sent_as_it_was_changes_nothing(client: Client, operator: User) -> None:
    recipient = factories.recipient(operator, attributes={"n": 3, "text": "two\nlines"})
    edited(client, recipient, *shown(client, recipient))
    assert recipient.version == 1


def test_a_row_that_is_emptied_is_taken_away(client: Client, operator: User) -> None:
    recipient = factories.recipient(operator, attributes={"city": "Rome", "plan": "gold"})
    assert edited(client, recipient, ("", ""), ("plan", "silver")) == {"plan": "silver"}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("", "Rome")], "Write the name of the attribute whose value is “Rome”."),
        ([("City", "Rome"), ("city", "Bari")], "The attribute “city” is there twice."),
        ([("city", "Ro\0me")], "Null characters are not allowed."),
    ],
)
def test_what_can_not_be_kept_is_refused_with_a_sentence_and_still_there(
    client: Client, rows: list[tuple[str, str]], sentence: str
) -> None:
    response = client.post(reverse(ADD), form(*rows))
    found = response.context["adminform"].form
    assert found.errors["attributes"] == [sentence]
    assert [tuple(row) for row in found["attributes"].value()] == rows


def test_a_form_without_the_rows_leaves_the_attributes_alone(client: Client, operator: User) -> None:
    recipient = factories.recipient(operator, attributes={"city": "Rome"})
    client.post(address(recipient), {"email": recipient.email, "full_name": "Anna", "version": 1})
    recipient.refresh_from_db()
    assert (recipient.full_name, recipient.attributes) == ("Anna", {"city": "Rome"})


def test_more_attributes_than_a_form_can_carry_are_only_shown(client: Client, operator: User) -> None:
    kept = {f"a{number}": "x" for number in range(MOST + 1)}
    recipient = factories.recipient(operator, attributes=kept)
    assert "attributes" not in client.get(address(recipient)).context["adminform"].form.fields
    assert edited(client, recipient, ("city", "Rome")) == kept
