"""What went wrong in a run: errors by reply, and how each domain fares."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import MailingAttempt, MailingLog
from campaigns.models.log import Status
from campaigns.reports import cache, domains, replies
from campaigns.reports.domains import Domain
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.scene import logged_in
from campaigns.tests.test_progress import Words
from campaigns.tests.worker import work

UNKNOWN = "550 5.1.1 <{}>: Recipient address rejected: User unknown (queue 4F3A2B1C9{})"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def attempt_to(owner: User, *addresses: str) -> MailingAttempt:
    people = [factories.recipient(owner, address) for address in addresses]
    return lifecycle.launch(factories.mailing(owner, people), owner)


def settle(attempt: MailingAttempt, *outcomes: tuple[Status, str]) -> None:
    """Give the attempt's rows these ends in their order, and end it if none is left open."""
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    rows = attempt.logs.order_by("pk").values_list("pk", flat=True)
    settlements = [
        Settlement(row, status, detail, 1, 600 if status == Status.DEFERRED else None)
        for row, (status, detail) in zip(rows, outcomes, strict=False)
    ]
    entries.write({lease: Entries(settlements=settlements)})
    chunks.close(lease)
    attempt.refresh_from_db()


def failed(owner: User, number: int = 3) -> MailingAttempt:
    """An ended attempt of which all letters but one were refused, each in words of its own."""
    addresses = [f"a{n}@one.example" for n in range(number)]
    attempt = attempt_to(owner, *addresses, "good@two.example")
    settle(attempt, *((Status.ERROR, UNKNOWN.format(to, n)) for n, to in enumerate(addresses)), (Status.SENT, "250 OK"))
    return attempt


def trouble(client: Client, attempt: MailingAttempt) -> Any:
    return client.get(reverse("admin:campaigns_mailingattempt_trouble", args=[attempt.pk]))


# Replies


@pytest.mark.django_db(transaction=True)
def test_what_the_server_said_is_counted(operator: User, client: Client, server: MailServer) -> None:
    mailing = factories.mailing(operator, 4)
    bad, worse, busy, _good = mailing.recipients.order_by("pk")
    for refused in (bad, worse):
        server.at_rcpt[refused.email] = ["550 5.1.1 no such user"]
    server.at_rcpt[busy.email] = ["451 4.2.2 mailbox full"]
    attempt = lifecycle.launch(mailing, operator)
    work(until=lambda: attempt.logs.filter(tries=1).count() == 4)
    found, others = replies.of_attempt(attempt)
    assert [(reply.status, reply.text, reply.letters) for reply in found] == [
        (Status.ERROR, "550 5.1.1 no such user", 2),
        (Status.DEFERRED, "451 4.2.2 mailbox full", 1),
    ]
    assert others == 0
    assert "no such user" in str(Words(trouble(client, attempt).content.decode()))


@pytest.mark.django_db
def test_replies_that_differ_in_addresses_and_numbers_are_one(operator: User) -> None:
    [reply], _others = replies.of_attempt(failed(operator))
    assert reply.text == "550 5.1.1 … Recipient address rejected: User unknown (queue …"
    assert reply.letters == 3
    assert (reply.email, reply.example) == ("a2@one.example", UNKNOWN.format("a2@one.example", 2))
    assert reply.last_at


@pytest.mark.django_db
def test_a_count_leads_to_its_rows_in_the_ledger(operator: User, client: Client) -> None:
    attempt = attempt_to(operator, *(f"a{n}@one.example" for n in range(4)))
    settle(
        attempt,
        (Status.ERROR, UNKNOWN.format("a0@one.example", 0)),
        (Status.ERROR, UNKNOWN.format("a1@one.example", 1)),
        (Status.ERROR, "552 5.2.2 over quota"),
        (Status.UNCONFIRMED, UNKNOWN.format("a3@one.example", 3)),
    )
    page = trouble(client, attempt)
    [reply] = [reply for reply in page.context["replies"] if reply.letters == 2]
    asked = {"attempt__id__exact": attempt.pk, "status__exact": reply.status, "reply": reply.text}
    ledger = reverse("admin:campaigns_mailinglog_changelist", query=asked)
    assert ledger.replace("&", "&amp;") in page.content.decode()
    listed = client.get(ledger).context["cl"].result_list
    assert {log.email for log in listed} == {"a0@one.example", "a1@one.example"}


@pytest.mark.django_db
def test_rare_replies_are_only_counted(operator: User) -> None:
    words = [f"550 reason {'abcdefghijklmno'[n]}" for n in range(15)]
    attempt = attempt_to(operator, *(f"a{n}@one.example" for n in range(15)))
    settle(attempt, *((Status.ERROR, word) for word in words))
    found, others = replies.of_attempt(attempt)
    assert (len(found), others) == (10, 5)


@pytest.mark.django_db
def test_what_the_server_said_is_shown_as_text(operator: User, client: Client) -> None:
    attempt = attempt_to(operator, "a@one.example")
    settle(attempt, (Status.ERROR, '550 <script src="x">"alert(1)'))
    assert "<script" not in trouble(client, attempt).content.decode()


@pytest.mark.django_db
def test_an_attempt_without_errors_says_so(operator: User, client: Client) -> None:
    attempt = attempt_to(operator, "a@one.example")
    settle(attempt, (Status.SENT, "250 OK"))
    assert "No letter has failed" in trouble(client, attempt).content.decode()


# Domains


@pytest.mark.django_db
def test_each_domain_is_counted_and_trouble_comes_first(operator: User) -> None:
    attempt = attempt_to(
        operator, "a@Good.example", "b@good.example", "c@good.example", "d@bad.example", "e@bad.example"
    )
    settle(attempt, *[(Status.SENT, "")] * 2, (Status.PENDING, ""), (Status.ERROR, "550"), (Status.UNCONFIRMED, "lost"))
    assert domains.of_attempt(attempt) == [
        Domain("bad.example", 1, total=2, sent=0, errors=1, unconfirmed=1, open=0, trouble=2),
        Domain("good.example", 1, total=3, sent=2, errors=0, unconfirmed=0, open=1, trouble=0),
    ]


@pytest.mark.django_db
def test_the_rest_of_the_domains_is_one_line_and_nobody_is_left_out(operator: User) -> None:
    attempt = attempt_to(operator, *(f"a@d{n}.example" for n in range(14)), "b@d7.example")
    found = domains.of_attempt(attempt)
    assert len(found) == 11
    assert found[0].name == "d7.example"
    assert (found[-1].name, found[-1].domains) == ("", 4)
    assert sum(domain.total for domain in found) == attempt.total


@pytest.mark.django_db
def test_the_letters_of_a_dry_run_are_counted(operator: User) -> None:
    attempt = attempt_to(operator, "a@one.example")
    settle(attempt, (Status.DRY_RUN, ""))
    assert domains.of_attempt(attempt)[0].sent == 1


# Computed once


@pytest.mark.django_db
def test_while_a_run_is_open_it_is_counted_once_in_ten_seconds(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    attempt = attempt_to(operator, "a@one.example", "b@one.example")
    assert trouble(client, attempt).context["domains"][0].open == 2
    settle(attempt, (Status.SENT, ""))
    with django_assert_num_queries(0):
        assert domains.of_attempt(attempt)[0].open == 2
    assert cache.WHILE_OPEN_SECONDS == 10


@pytest.mark.django_db
def test_the_end_of_a_run_is_seen_at_once(operator: User) -> None:
    attempt = attempt_to(operator, "a@one.example")
    assert domains.of_attempt(attempt)[0].open == 1
    settle(attempt, (Status.ERROR, "550 no"))
    assert domains.of_attempt(attempt)[0].errors == 1
    assert replies.of_attempt(attempt)[0][0].letters == 1


@pytest.mark.django_db
def test_what_a_person_has_resolved_is_seen_at_once(operator: User) -> None:
    attempt = attempt_to(operator, "a@one.example")
    settle(attempt, (Status.UNCONFIRMED, "lost"))
    assert domains.of_attempt(attempt)[0].unconfirmed == 1
    lifecycle.confirm_unconfirmed(attempt.mailing, operator)
    attempt.refresh_from_db()
    assert domains.of_attempt(attempt)[0].sent == 1


@pytest.mark.django_db
def test_the_page_opens_while_redis_can_not_be_reached(operator: User, client: Client, settings: Settings) -> None:
    attempt = failed(operator)
    settings.CACHES = {
        "default": {
            "BACKEND": "backoffice.caching.FailSafeRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
        }
    }
    page = trouble(client, attempt)
    assert (page.status_code, page.context["domains"][0].errors) == (200, 3)


# Who may see it


@pytest.mark.django_db
@pytest.mark.parametrize(("role_name", "status"), [(OPERATOR, 404), (None, 404), (MANAGER, 200)])
@pytest.mark.parametrize("page", ["mailing_trouble", "mailing_attempts", "mailing_timeline", "mailingattempt_progress"])
def test_who_may_look(page: str, role_name: Any, status: int, operator: User) -> None:
    attempt = failed(operator)
    which = attempt.pk if "attempt_" in page else attempt.mailing_id
    client = logged_in(factories.user(role_name))
    assert client.get(reverse(f"admin:campaigns_{page}", args=[which])).status_code == status


@pytest.mark.django_db
def test_who_was_given_the_mailing_to_view_may_look(operator: User) -> None:
    attempt = failed(operator)
    colleague = factories.user(OPERATOR)
    factories.share(attempt.mailing, "view", to=colleague)
    assert "one.example" in trouble(logged_in(colleague), attempt).content.decode()


@pytest.mark.django_db
def test_an_attempts_trouble_is_its_own(operator: User, client: Client) -> None:
    first = failed(operator)
    failed(factories.user(OPERATOR))
    assert MailingLog.objects.filter(status=Status.ERROR).count() == 6
    assert trouble(client, first).context["domains"][0].errors == 3
