"""The page of a mailing's preflight: who sees it, whom it names, and its CSV files."""

import csv
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, Recipient
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

CITY = "missing-attributes.city"


@pytest.fixture
def owner() -> User:
    return factories.user(OPERATOR)


def citizens(owner: User, number: int, word: str = "citizen") -> list[Recipient]:
    return [factories.recipient(owner, f"{word}{n:03}@example.com", full_name=f"{word} {n}") for n in range(number)]


def to(owner: User, audience: Any) -> Mailing:
    return factories.mailing(owner, audience, body="You live in {{ attributes.city }}.")


def url(mailing: Mailing, part: str = "", **query: Any) -> str:
    return reverse(f"admin:campaigns_mailing_preflight{part}", args=[mailing.pk], query=query)


def shown(client: Client, mailing: Mailing, **query: Any) -> str:
    response = client.get(url(mailing, **query))
    assert response.status_code == 200
    return response.content.decode()


def exported(client: Client, mailing: Mailing, **query: Any) -> list[list[str]]:
    response: Any = client.get(url(mailing, "_export", **query))
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(b"".join(response.streaming_content).decode("utf-8-sig").splitlines()))


def test_the_mailing_leads_to_its_preflight(owner: User) -> None:
    mailing = to(owner, 1)
    page = logged_in(owner).get(reverse("admin:campaigns_mailing_change", args=[mailing.pk])).content.decode()
    assert f'href="{url(mailing)}"' in page


def test_blocking_findings_come_first_with_a_badge_and_names(owner: User) -> None:
    page = shown(logged_in(owner), to(owner, citizens(owner, 3)))
    assert "1 finding stands in the way of sending." in page
    sentences = ("Blocking", "<p>None of the 3 recipients has attributes.city", "Notice", "<p>No dry run has")
    assert sorted(sentences, key=page.index) == list(sentences)
    assert "citizen 1 &lt;citizen001@example.com&gt;" in page


def test_a_mailing_of_which_nothing_is_found_says_so(owner: User) -> None:
    mailing = factories.mailing(owner, 2)
    lifecycle.launch(mailing, owner, dry_run=True)
    attempt = mailing.attempts.get()
    MailingAttempt.objects.filter(pk=attempt.pk).update(status="success", dry_runs=2, finished_at=attempt.created_at)
    assert "Nothing was found." in shown(logged_in(owner), mailing)


def test_the_rows_of_a_finding_are_turned_page_by_page(owner: User) -> None:
    mailing, client = to(owner, citizens(owner, 51)), logged_in(owner)
    assert "Show all 51" in shown(client, mailing)
    first, second = (shown(client, mailing, finding=CITY, page=page) for page in (1, 2))
    assert ("citizen049" in first, "citizen050" in first) == (True, False)
    assert ("citizen049" in second, "citizen050" in second) == (False, True)
    assert "Page 1 of 2" in first


def test_a_finding_that_is_not_there_is_not_found(owner: User) -> None:
    mailing, client = to(owner, 1), logged_in(owner)
    for part in ("", "_export"):
        for code in ("nonsense", "not-composed"):
            assert client.get(url(mailing, part, finding=code)).status_code == 404


def test_whom_the_person_may_not_see_is_counted_and_not_named(owner: User) -> None:
    mine, theirs = factories.user(OPERATOR), citizens(owner, 3)
    mailing = to(owner, [*theirs, *citizens(mine, 1, "mine")])
    factories.share(mailing, "view", to=mine)
    client = logged_in(mine)
    for page in (shown(client, mailing), shown(client, mailing, finding=CITY)):
        assert ("mine000" in page, "citizen" in page) == (True, False)
        assert "3 recipients whom you may not see are counted, and not named." in page
    assert exported(client, mailing, finding=CITY)[1:] == [["mine000@example.com", "mine 0", ""]]


def test_a_manager_reads_all_names(owner: User) -> None:
    mailing = to(owner, citizens(owner, 3))
    page = shown(logged_in(factories.user(MANAGER)), mailing)
    assert "citizen002" in page
    assert "may not see" not in page


@pytest.mark.parametrize("part", ["", "_export"])
def test_who_may_not_see_the_mailing_does_not_find_its_preflight(owner: User, part: str) -> None:
    mailing = to(owner, citizens(owner, 1))
    assert logged_in(factories.user(OPERATOR)).get(url(mailing, part, finding=CITY)).status_code == 404


def test_an_export_has_every_row_and_no_formula(owner: User) -> None:
    names = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", "1=1"]
    audience = [factories.recipient(owner, f"{n}@example.com", full_name=name) for n, name in enumerate(names)]
    lines = exported(logged_in(owner), to(owner, audience), finding=CITY)
    assert lines[0] == ["email", "full_name", "comment"]
    assert [line[1] for line in lines[1:5]] == ["'=1+1", "'+1", "'-1", "'@x"]


@pytest.mark.parametrize(("name", "cell"), [("=1", "'=1"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("a=1", "a=1")])
def test_a_cell_that_a_spreadsheet_would_work_out_is_neutralised(owner: User, name: str, cell: str) -> None:
    factories.recipient(owner, "-ann@example.com", full_name=name)
    response: Any = logged_in(owner).get(url(to(owner, Recipient.objects.all()), "_export", finding=CITY))
    text = b"".join(response.streaming_content).decode()
    assert "\r\n'-ann@example.com," in text
    assert cell in text
    assert f",{name}" not in text or name == cell


def test_an_export_tells_spreadsheets_that_it_is_utf8(owner: User) -> None:
    recipient = factories.recipient(owner, "ann@example.com", full_name="Анна")
    response: Any = logged_in(owner).get(url(to(owner, [recipient]), "_export", finding=CITY))
    assert b"".join(response.streaming_content).startswith("\N{BYTE ORDER MARK}email,".encode())


def test_only_new_recipients_are_looked_at_when_asked(owner: User) -> None:
    mailing, client = to(owner, citizens(owner, 1, "old")), logged_in(owner)
    assert "Only new recipients" not in shown(client, mailing)
    attempt = lifecycle.launch(mailing, owner)
    MailingAttempt.objects.filter(pk=attempt.pk).update(
        status="fail", started_at=attempt.created_at, finished_at=attempt.created_at
    )
    mailing.recipients.add(*citizens(owner, 1, "new"))
    assert "Only new recipients" in shown(client, mailing)
    for page in (shown(client, mailing, new=1), shown(client, mailing, new=1, finding=CITY)):
        assert ("new000" in page, "old000" in page) == (True, False)
    assert len(exported(client, mailing, new=1, finding=CITY)) == 2


def test_no_strange_address_breaks_it(owner: User) -> None:
    mailing, client = to(owner, citizens(owner, 1)), logged_in(owner)
    for query in ({"finding": "a/b"}, {"finding": CITY, "page": "x"}, {"finding": CITY, "page": "-1"}, {"new": ""}):
        assert client.get(url(mailing, **query)).status_code in (200, 404)
