"""What is asked before something is deleted, and what is said where it can not be."""

import re

import pytest
from django.test import Client

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns.models import Message
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/campaigns/message/"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def heading(page: str) -> str:
    return words(page.split("<h1")[1].split("</h1>")[0].partition(">")[2])


def selected(client: Client, *chosen: Message, **more: str) -> str:
    data = {"action": "delete_selected", "_selected_action": [message.pk for message in chosen], **more}
    return client.post(MESSAGES, data, follow=True).content.decode()


def test_the_heading_says_what_the_page_does(operator: User, client: Client) -> None:
    message = factories.message(operator, subject="Spring")
    page = client.get(f"{MESSAGES}{message.pk}/delete/").content.decode()
    assert heading(page).endswith("Spring chevron_right Delete")
    assert "Delete the message “Spring”?" in page
    assert "Messages: 1" in page


def test_the_heading_of_many_says_it_too(operator: User, client: Client) -> None:
    page = selected(client, factories.message(operator))
    assert heading(page).endswith("Delete multiple objects")
    assert "Delete the selected message?" in page


def test_what_keeps_it_is_told_and_nothing_is_asked(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    page = client.get(f"{MESSAGES}{mailing.message.pk}/delete/").content.decode()
    assert "can not be deleted. This depends on it: 1 mailing" in words(page)
    assert 'name="post"' not in page


def test_what_is_confirmed_is_deleted(operator: User, client: Client) -> None:
    message = factories.message(operator)
    client.post(f"{MESSAGES}{message.pk}/delete/", {"post": "yes"})
    assert not Message.objects.exists()


def test_what_is_selected_and_confirmed_is_deleted(operator: User, client: Client) -> None:
    selected(client, factories.message(operator), factories.message(operator), post="yes")
    assert not Message.objects.exists()
