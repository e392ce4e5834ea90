"""The pages of the reports: what they tell whom, in which order, and what their files hold."""

import csv
import re
from datetime import timedelta
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.lifecycle.pruning import prune_logs
from campaigns.models import Mailing, MailingAttempt, Tally
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.scene import logged_in
from campaigns.tests.test_statistics import delivered

pytestmark = pytest.mark.django_db

STATISTICS, MINE = "/mailings/stats/", "/mailings/reports/"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def sent(owner: User, name: str, *outcomes: Status, audience: int = 2, days_ago: int = 0) -> Mailing:
    mailing = factories.mailing(owner, audience, name=name)
    attempt = delivered(mailing, *(outcomes or (Status.SENT,)))
    if days_ago:
        earlier = timezone.now() - timedelta(days=days_ago)
        MailingAttempt.objects.filter(pk=attempt.pk).update(created_at=earlier)
        attempt.logs.exclude(settled_at=None).update(settled_at=earlier)
        Tally.objects.filter(attempt=attempt).update(minute=earlier.replace(second=0, microsecond=0))
    return mailing


def page(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def names(text: str) -> list[str]:
    """The mailings of the table, in its order."""
    return re.findall(r"/admin/campaigns/mailing/\d+/report/\">([^<]+)</a>", text)


def tiles(text: str) -> dict[str, str]:
    found = re.findall(r"<dt>([^<]+)</dt>\s*<dd>\s*([^<]+?)\s*<", text)
    return dict(found)


def before(text: str) -> list[str]:
    return [value.strip() for value in re.findall(r"<small>before: ([^<]+)</small>", text)]


# What they tell whom


def test_statistics_are_about_what_the_person_may_see(operator: User, client: Client) -> None:
    sent(operator, "Own")
    factories.share(sent(factories.user(OPERATOR), "Shared"), "view", to=operator)
    sent(factories.user(OPERATOR), "Theirs")
    assert set(names(page(client, STATISTICS))) == {"Own", "Shared"}
    assert tiles(page(client, STATISTICS))["Sent"] == "4"


def test_a_manager_sees_everybodys_statistics_and_may_choose_an_owner(operator: User) -> None:
    sent(operator, "Own")
    sent(factories.user(OPERATOR), "Theirs")
    client = logged_in(factories.user(MANAGER))
    assert set(names(page(client, STATISTICS))) == {"Own", "Theirs"}
    assert names(page(client, STATISTICS, owner=operator.pk)) == ["Own"]


def test_nobody_else_may_choose_an_owner(operator: User, client: Client) -> None:
    other = factories.user(OPERATOR, full_name="Somebody Else")
    sent(operator, "Own")
    sent(other, "Theirs")
    assert "Somebody Else" not in page(client, STATISTICS)
    assert names(page(client, STATISTICS, owner=other.pk)) == ["Own"]


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_my_report_is_about_the_own_mailings_alone(role: str) -> None:
    someone = factories.user(role)
    sent(someone, "Own")
    factories.share(sent(factories.user(OPERATOR), "Shared"), "view", to=someone)
    assert names(page(logged_in(someone), MINE)) == ["Own"]


def test_failures_are_named_only_to_who_may_see_the_log(operator: User) -> None:
    mailing = sent(operator, "Own", Status.ERROR)
    address = mailing.recipients.values_list("email", flat=True)[0]
    assert address in page(logged_in(operator), MINE)
    group = operator.groups.get()
    group.permissions.remove(group.permissions.get(codename="view_mailinglog"))
    assert address not in page(logged_in(User.objects.get(pk=operator.pk)), MINE)


def test_a_mailings_report_is_about_that_mailing(operator: User, client: Client) -> None:
    mailing = sent(operator, "Own", Status.SENT, Status.ERROR, audience=4)
    sent(operator, "Other")
    text = page(client, reverse("admin:campaigns_mailing_report", args=[mailing.pk]))
    assert (tiles(text)["Sent"], tiles(text)["Errors"], tiles(text)["Success"]) == ("2", "2", "50.0 %")


@pytest.mark.parametrize("key", ["0", "999999999", "99999999999999999999", "x", "1%00"])
def test_there_is_no_report_of_a_mailing_that_is_not_there(key: str, client: Client) -> None:
    assert client.get(f"/admin/campaigns/mailing/{key}/report/").status_code in (400, 404)


def test_they_stand_in_the_navigation_of_who_may_open_them(operator: User, client: Client) -> None:
    for path in (STATISTICS, MINE):
        assert f'href="{path}"' in page(client, "/admin/")
        assert f'href="{path}"' not in page(logged_in(factories.user()), "/admin/")


def test_the_page_of_a_mailing_leads_to_its_report(operator: User, client: Client) -> None:
    mailing = sent(operator, "Own")
    text = page(client, reverse("admin:campaigns_mailing_change", args=[mailing.pk]))
    assert reverse("admin:campaigns_mailing_report", args=[mailing.pk]) in text


def test_without_a_letter_they_say_so(client: Client) -> None:
    assert "No letter of these days." in page(client, STATISTICS)
    assert tiles(page(client, MINE))["Success"] == "—"


def test_a_name_is_text(operator: User, client: Client) -> None:
    sent(operator, "<b>Spring</b>")
    assert "<b>Spring</b>" not in page(client, STATISTICS)


# Days


def test_my_report_has_the_last_days_beside_those_before(operator: User, client: Client) -> None:
    sent(operator, "Now", audience=5)
    sent(operator, "Before", audience=3, days_ago=10)
    sent(operator, "Long ago", audience=2, days_ago=20)
    text = page(client, MINE, period="7")
    assert (names(text), tiles(text)["Sent"], before(text)[0]) == (["Now"], "5", "3")


def test_days_are_chosen(operator: User, client: Client) -> None:
    sent(operator, "Then", days_ago=10)
    sent(operator, "Now")
    day = timezone.localdate() - timedelta(days=10)
    assert names(page(client, STATISTICS, period="chosen", first=day, last=day)) == ["Then"]


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("", "", "Enter both days"),
        ("2026-02-02", "2026-02-01", "before the first"),
        ("1999-01-01", "2026-01-01", "since the year 2000"),
        ("2026-01-01", "9999-12-31", "since the year 2000"),
        ("x", "2026-01-01", "Enter a valid date"),
    ],
)
def test_days_that_can_not_be_are_refused(first: str, last: str, told: str, client: Client) -> None:
    assert told in page(client, STATISTICS, period="chosen", first=first, last=last)


def test_an_address_that_asks_for_nonsense_has_an_answer(operator: User, client: Client) -> None:
    sent(operator, "Own")
    nonsense = {"period": "x", "status": "x", "owner": "x", "sort": "x", "page": "x", "table": "x"}
    assert names(page(client, STATISTICS, **nonsense)) == ["Own"]


# Order


def test_rows_are_in_the_order_asked_for(operator: User, client: Client) -> None:
    sent(operator, "b", audience=2)
    sent(operator, "A", audience=4)
    sent(operator, "c", audience=3)
    assert names(page(client, STATISTICS, sort="name")) == ["A", "b", "c"]
    assert names(page(client, STATISTICS, sort="-sent")) == ["A", "c", "b"]
    assert 'aria-sort="descending"' in page(client, STATISTICS, sort="-sent")


def test_a_state_is_filtered_by(operator: User, client: Client) -> None:
    sent(operator, "Finished")
    Mailing.objects.filter(pk=sent(operator, "Disabled").pk).update(status=Mailing.Status.DISABLED)
    assert names(page(client, STATISTICS, status="disabled")) == ["Disabled"]


def test_many_rows_are_turned_page_by_page(operator: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.admin.reports.view.PER_PAGE", 2)
    for name in "abc":
        sent(operator, name)
    assert names(page(client, STATISTICS, sort="name")) == ["a", "b"]
    assert names(page(client, STATISTICS, sort="name", page=2)) == ["c"]


def test_many_failures_are_turned_page_by_page_and_a_file_has_them_all(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.admin.reports.view.PER_PAGE", 2)
    mailing = sent(operator, "Own", Status.ERROR, audience=5)
    addresses = set(mailing.recipients.values_list("email", flat=True))
    pages = [page(client, MINE, failures=number) for number in (1, 2, 3)]
    shown = [{address for address in addresses if address in text} for text in pages]
    assert [len(each) for each in shown] == [2, 2, 1]
    assert set.union(*shown) == addresses
    assert {row[0] for row in lines(client, MINE, table="failures")[1:]} == addresses


def test_failures_whose_log_has_been_removed_are_counted(operator: User, client: Client) -> None:
    mailing = sent(operator, "Own", Status.ERROR)
    assert prune_logs(timezone.now() + timedelta(days=1)).rows == 2
    text = page(client, MINE)
    assert "2 letters can not be listed: the log of their attempts has been removed." in text
    assert tiles(text)["Errors"] == "2"
    assert names(text) == [mailing.name]


def test_a_mailing_without_an_attempt_has_a_report(operator: User, client: Client) -> None:
    text = page(client, reverse("admin:campaigns_mailing_report", args=[factories.mailing(operator).pk]))
    assert "No letter of these days." in text
    assert "No attempt has ended." in text
    assert "No letter has failed, and none is in doubt." in text


# Files


def lines(client: Client, path: str, **query: Any) -> list[list[str]]:
    answer: Any = client.get(path, {"export": "csv", **query})
    assert answer.streaming
    return list(csv.reader(StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_a_csv_has_the_rows_of_the_page(operator: User, client: Client) -> None:
    sent(operator, "Own", Status.SENT, Status.ERROR, audience=4)
    head, row = lines(client, STATISTICS)
    found = dict(zip(head, row, strict=True))
    assert [found[name] for name in ("Mailing", "Recipients", "Sent", "Errors", "Success")] == [
        *("Own", "4", "2", "2", "50.0"),
    ]


def test_each_table_is_a_csv(operator: User, client: Client) -> None:
    sent(operator, "Own", Status.SENT, Status.ERROR)
    for table in ("mailings", "days", "outcomes", "domains", "replies", "failures"):
        assert len(lines(client, MINE, table=table)) > 1
    assert client.get(MINE, {"export": "csv", "table": "x"}).status_code == 404
    assert client.get(MINE, {"export": "pdf"}).status_code == 404


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(name: str, operator: User, client: Client) -> None:
    sent(operator, name)
    assert lines(client, STATISTICS)[1][0] == f"'{name}"
    answer = client.get(STATISTICS, {"export": "xlsx"})
    cell = openpyxl.load_workbook(BytesIO(answer.content)).worksheets[0]["A2"]
    assert (cell.value, cell.data_type) == (name, "s")


def test_a_workbook_has_a_sheet_for_each_table(operator: User, client: Client) -> None:
    sent(operator, "Own", Status.SENT, Status.ERROR, audience=4)
    book = openpyxl.load_workbook(BytesIO(client.get(MINE, {"export": "xlsx"}).content))
    assert book.sheetnames == ["Mailings", "Days", "Outcomes", "Domains", "Replies to what failed", "Failures"]
    assert [cell.value for cell in book["Mailings"][2]][:5] == ["Own", "Finished", 1, 4, 2]


def test_a_file_has_nothing_of_others(operator: User, client: Client) -> None:
    theirs = sent(factories.user(OPERATOR), "Theirs")
    assert len(lines(client, STATISTICS)) == 1
    report = reverse("admin:campaigns_mailing_report", args=[theirs.pk])
    assert client.get(report, {"export": "csv"}).status_code == 404


def test_a_file_has_all_rows_and_not_those_of_one_page(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.admin.reports.view.PER_PAGE", 1)
    for name in "abc":
        sent(operator, name)
    assert [row[0] for row in lines(client, STATISTICS, sort="name")] == ["Mailing", "a", "b", "c"]


def test_no_file_is_kept(client: Client) -> None:
    assert "no-store" in client.get(STATISTICS, {"export": "csv"}).headers["Cache-Control"]
