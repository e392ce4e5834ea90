"""The part of a mailing's page that follows the attempt."""

import json
import re
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
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
    with django_assert_max_num_queries(9):
        client.get(url(mailing))


# What the browser has already is not sent again


def asked(client: Client, mailing: Mailing, answer: Any, **values: str) -> Any:
    """What the page asks for after that answer."""
    return client.get(url(mailing), values, headers={"If-None-Match": answer.headers["ETag"], "HX-Request": "true"})


def test_who_has_seen_the_state_gets_nothing(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    again = asked(client, mailing, client.get(url(mailing)))
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_asks_with_the_state_that_it_shows(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    page = client.get(reverse("admin:campaigns_mailing_change", args=[mailing.pk])).content.decode()
    sent = json.loads(unescape(re.findall('hx-headers="(.*?)"', page)[0]))
    assert client.get(url(mailing), headers=sent).status_code == 304


@pytest.mark.parametrize(
    "change", [{"sent": 1}, {"errors": 1}, {"total": 5}, {"status": "paused"}, {"server_response": "No connection."}]
)
def test_whatever_changes_is_sent(change: dict[str, Any], operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 4)
    attempt = lifecycle.launch(mailing, operator)
    before = client.get(url(mailing))
    MailingAttempt.objects.filter(pk=attempt.pk).update(**change)
    assert asked(client, mailing, before).status_code == 200


def test_another_person_who_has_logged_in_meanwhile_gets_the_own_page(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    other = logged_in(factories.user(MANAGER))
    assert asked(other, mailing, client.get(url(mailing))).status_code == 200


def test_another_language_is_another_page(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    before = client.get(url(mailing))
    User.objects.filter(pk=operator.pk).update(time_zone="Asia/Tokyo")
    assert asked(client, mailing, before).status_code == 200


def test_a_stranger_who_knows_the_state_gets_a_404(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    assert asked(logged_in(factories.user(OPERATOR)), mailing, client.get(url(mailing))).status_code == 404


def test_only_the_browser_may_keep_the_answer_and_asks_each_time(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    assert set(client.get(url(mailing)).headers["Cache-Control"].split(", ")) == {"private", "no-cache"}


def test_nothing_but_the_counters_is_read_before_the_comparison(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 300)
    lifecycle.launch(mailing, operator)
    before = client.get(url(mailing))
    with CaptureQueriesContext(connection) as queries:
        assert asked(client, mailing, before).status_code == 304
    said = [query["sql"] for query in queries]
    assert not [sql for sql in said if "campaigns_tally" in sql or "campaigns_mailinglog" in sql]
    assert len([sql for sql in said if 'FROM "campaigns_mailingattempt"' in sql]) == 1
    assert len(said) <= 7


def test_other_parts_hear_of_what_has_moved_and_of_another_state(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    attempt = lifecycle.launch(mailing, operator)
    seen = {"shown": f"{attempt.pk} queued"}
    assert client.get(url(mailing), seen).headers["HX-Trigger"] == "run-moved"
    lifecycle.pause(mailing)
    assert client.get(url(mailing), seen).headers["HX-Trigger"] == "run-moved, run-turned"


def test_who_sees_the_buttons_of_another_state_is_told(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    hint = "The state has changed"
    assert hint not in client.get(url(mailing), {"opened": "running"}).content.decode()
    lifecycle.pause(mailing)
    assert hint in client.get(url(mailing), {"opened": "running"}).content.decode()


# What it tells beyond the counters


def test_a_run_tells_its_rate_and_when_it_ends(operator: User, client: Client, server: MailServer) -> None:
    mailing = factories.mailing(operator, 4)
    server.at_rcpt[mailing.recipients.latest("pk").email] = ["451 busy"]
    attempt = lifecycle.launch(mailing, operator)
    work(
        until=lambda: MailingAttempt.objects.get(pk=attempt.pk).done == 3 and attempt.logs.filter(tries=1).count() == 4
    )
    MailingAttempt.objects.update(status="running", started_at=Now() - timedelta(seconds=30))
    attempt.logs.update(retry_at=Now())
    words, _follows = shown(client, mailing)
    assert "letters a minute" in words
    assert "Done at this rate in less than a minute" in words


def test_a_paused_run_tells_neither(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    attempt = lifecycle.launch(mailing, operator)
    MailingAttempt.objects.update(started_at=Now() - timedelta(seconds=30))
    attempt.tallies.create(minute=timezone.now().replace(second=0, microsecond=0), sent=50)
    lifecycle.pause(mailing)
    words, _follows = shown(client, mailing)
    assert "Rate" not in words
    assert "Done at this rate" not in words


def test_a_launch_that_is_held_tells_when_it_starts(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    MailingAttempt.objects.update(held_until=Now() + timedelta(seconds=600))
    words, follows = shown(client, mailing)
    told = re.search(r"Starts in (\d+) seconds\.", words)
    assert told
    assert 500 < int(told[1]) <= 600
    assert follows


def test_a_launch_that_was_held_waits_for_a_worker(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    MailingAttempt.objects.update(held_until=Now() - timedelta(seconds=1))
    words, _follows = shown(client, mailing)
    assert "Starts in" not in words
    assert "as soon as a worker is free" in words


def test_a_test_letter_is_no_run_of_the_mailing(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    attempt = lifecycle.launch(mailing, operator)
    MailingAttempt.objects.filter(pk=attempt.pk).update(test=True)
    words, _follows = shown(client, mailing)
    assert "Nothing has been sent yet." in words


def test_a_real_run_is_watched_rather_than_a_dry_run_beside_it(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    lifecycle.launch(mailing, operator, dry_run=True)
    assert "Sending: Queued" in shown(client, mailing)[0]


def test_large_numbers_are_grouped(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    MailingAttempt.objects.update(total=1_234_567, sent=1_000_000)
    words, _follows = shown(client, mailing)
    assert "1,000,000 of 1,234,567 (81 %)" in words
    assert "Open 234,567" in words


def test_an_attempts_page_follows_that_attempt(operator: User, client: Client) -> None:
    attempt = lifecycle.launch(factories.mailing(operator, 4), operator)
    page = client.get(reverse("admin:campaigns_mailingattempt_change", args=[attempt.pk])).content.decode()
    assert "0 of 4 (0 %)" in str(Words(page))
    assert f'hx-get="{reverse("admin:campaigns_mailingattempt_progress", args=[attempt.pk])}"' in page


@pytest.mark.parametrize(("person", "status"), [(OPERATOR, 404), (None, 404), (MANAGER, 200)])
def test_who_may_follow(person: Any, status: int, operator: User) -> None:
    mailing = factories.mailing(operator)
    assert logged_in(factories.user(person)).get(url(mailing)).status_code == status


def test_an_owner_who_lost_the_role_can_not_follow() -> None:
    owner = factories.user()
    assert logged_in(owner).get(url(factories.mailing(owner))).status_code == 404


def test_before_its_audience_is_written_down_nothing_of_a_run_is_done(client: Client, operator: User) -> None:
    mailing = factories.mailing(operator)
    attempt = MailingAttempt.objects.create(mailing=mailing, held_until=None)
    shown = str(Words(client.get(url(mailing)).content.decode()))
    assert attempt.percent == 0
    assert "there will be more letters" in shown
