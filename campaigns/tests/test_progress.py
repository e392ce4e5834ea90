"""The part of a mailing's page that follows the attempt."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.scene import logged_in
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def url(mailing: Mailing) -> str:
    return reverse("admin:campaigns_mailing_progress", args=[mailing.pk])


class Words(HTMLParser):
    """The text of a page, in one line."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._found: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self._found += data.split()

    def __str__(self) -> str:
        return " ".join(self._found)


def shown(client: Client, mailing: Mailing) -> tuple[str, bool]:
    """The words, and whether the page will ask again."""
    page = client.get(url(mailing)).content.decode()
    return str(Words(page)), f'hx-get="{url(mailing)}"' in page


def test_a_mailing_that_was_never_sent_says_so_and_is_not_followed(operator: User, client: Client) -> None:
    words, follows = shown(client, factories.mailing(operator))
    assert "Nothing has been sent yet." in words
    assert not follows


def test_a_launched_mailing_is_followed(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 4)
    lifecycle.launch(mailing, operator)
    words, follows = shown(client, mailing)
    assert "0 of 4 (0 %)" in words
    assert follows


def test_the_counters_are_those_of_the_ledger_while_it_runs(operator: User, client: Client, server: MailServer) -> None:
    mailing = factories.mailing(operator, 4)
    bad, doubt, *_good = mailing.recipients.all()
    server.at_rcpt[bad.email] = ["550 no such user"]
    server.at_rcpt[doubt.email] = ["451 busy"]
    attempt = lifecycle.launch(mailing, operator)
    work(until=lambda: MailingAttempt.objects.get(pk=attempt.pk).done == 3 and server.addresses.total() == 2)
    words, follows = shown(client, mailing)
    counted = [attempt.logs.filter(status=status).count() for status in (Status.SENT, Status.ERROR, Status.DEFERRED)]
    assert counted == [2, 1, 1]
    for expected in ("3 of 4 (75 %)", "Sent 2", "Errors 1", "Open 1"):
        assert expected in words
    assert follows


def test_an_attempt_that_has_ended_is_no_longer_followed(operator: User, client: Client, server: MailServer) -> None:
    mailing = factories.mailing(operator, 4)
    lifecycle.launch(mailing, operator)
    work()
    words, follows = shown(client, mailing)
    assert "4 of 4 (100 %)" in words
    assert "Sent 4" in words
    assert "This run has ended" in words
    assert not follows


def test_a_paused_attempt_is_followed_and_says_why(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    lifecycle.pause(mailing)
    words, follows = shown(client, mailing)
    assert "Paused by hand." in words
    assert follows


def test_a_dry_run_is_followed_and_named(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 2)
    lifecycle.launch(mailing, operator, dry_run=True)
    words, follows = shown(client, mailing)
    assert "Dry run: Queued 0 of 2" in words
    assert follows
    work()
    words, follows = shown(client, mailing)
    assert "Composed 2" in words
    assert not follows


def test_what_the_server_said_is_shown_as_text(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    attempt = lifecycle.launch(mailing, operator)
    MailingAttempt.objects.filter(pk=attempt.pk).update(server_response="<script>alert(1)</script>")
    assert "<script>alert" not in client.get(url(mailing)).content.decode()


def test_the_mailings_page_shows_the_same(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 4)
    lifecycle.launch(mailing, operator)
    page = client.get(reverse("admin:campaigns_mailing_change", args=[mailing.pk])).content.decode()
    assert "0 of 4 (0 %)" in str(Words(page))
    assert f'hx-get="{url(mailing)}"' in page


def test_following_is_cheap_however_many_get_the_mail(
    operator: User, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    mailing = factories.mailing(operator, 300)
    lifecycle.launch(mailing, operator)
    with django_assert_max_num_queries(8):
        client.get(url(mailing))


@pytest.mark.parametrize(("person", "status"), [(OPERATOR, 404), (None, 404), (MANAGER, 200)])
def test_who_may_follow(person: Any, status: int, operator: User) -> None:
    mailing = factories.mailing(operator)
    assert logged_in(factories.user(person)).get(url(mailing)).status_code == status


def test_an_owner_who_lost_the_role_can_not_follow() -> None:
    owner = factories.user()
    assert logged_in(owner).get(url(factories.mailing(owner))).status_code == 404
