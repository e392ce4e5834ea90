"""With a million rows in the ledger and 20,000 attempts, the lists and the first page read what they show."""

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR, role
from campaigns.tests.million import Million, million_rows
from campaigns.tests.plans import LEDGER, indexes, scans_of
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

ATTEMPTS, LOG = "campaigns_mailingattempt", "/admin/campaigns/mailinglog/"


@pytest.fixture(scope="module", params=[False, True], ids=["old statistics", "new statistics"])
def million(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, request: pytest.FixtureRequest
) -> Iterator[Million]:
    with django_db_blocker.unblock(), million_rows(analyzed=request.param) as million:
        yield million


@pytest.fixture(params=[OPERATOR, MANAGER])
def client(million: Million, request: pytest.FixtureRequest) -> Client:
    return logged_in(with_role(million.owner, request.param))


def with_role(user: User, name: str) -> User:
    user.groups.set([role(name)])
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "p=2",
        "status__exact=0",
        "status__exact=3",
        "status__exact=4",
        "status__exact=8",
        "q=user777@example.com",
        "q=user777",
        "attempt__mailing__id__exact={mailing}",
        "attempt__id__exact={attempt}",
        "attempt__id__exact={attempt}&q=777",
        "attempt__id__exact={attempt}&status__exact=3",
    ],
)
def test_the_list_of_the_ledger_never_reads_all_of_it(million: Million, client: Client, query: str) -> None:
    url = f"{LOG}?{query.format(mailing=million.mailing.pk, attempt=million.ended.pk)}"
    scans = scans_of(lambda: client.get(url), LEDGER)
    assert not {"Seq Scan", "Parallel Seq Scan"} & indexes(scans)
    assert all(scan.condition for scan in scans), scans


@pytest.mark.parametrize("page", ["/admin/", "/admin/?days=30", "/admin/campaigns/mailing/running/"])
def test_the_first_page_reads_no_attempts_but_those_it_shows(client: Client, page: str) -> None:
    assert not {"Seq Scan", "Parallel Seq Scan"} & indexes(scans_of(lambda: client.get(page), ATTEMPTS))


@pytest.mark.parametrize("noun", ["mailing", "mailingattempt"])
def test_the_attempts_of_a_page_are_found_by_an_index(client: Client, noun: str) -> None:
    scans = scans_of(lambda: client.get(f"/admin/campaigns/{noun}/"), ATTEMPTS)
    assert scans and not {"Seq Scan", "Parallel Seq Scan"} & indexes(scans)
