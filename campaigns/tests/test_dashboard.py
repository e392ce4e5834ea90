"""The first page: what it tells whom."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.models.attempt import Status
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

LISTS = ("recipient", "message", "mailing", "mailingattempt", "mailinglog")
INDEX = "/admin/"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def ended(owner: User, name: str, status: Status, **fields: Any) -> MailingAttempt:
    mailing = factories.mailing(owner, 0, name=name)
    made: MailingAttempt = MailingAttempt.objects.create(
        mailing=mailing,
        status=status,
        finished_at=timezone.now(),
        total=2,
        subject="News",
        from_email="a@b.c",
        **fields,
    )
    return made


def section(client: Client, name: str) -> list[str]:
    """The names of the mailings in that part of the page."""
    return [str(getattr(item, "mailing", item)) for item in client.get(INDEX).context[name]]


def test_everything_is_counted_for_its_owner_alone(operator: User, client: Client) -> None:
    factories.mailing(operator, 3)
    factories.mailing(factories.user(OPERATOR), 5)
    assert client.get(INDEX).context["counted"] == {"recipients": 3, "messages": 1, "mailings": 1}


def test_a_manager_sees_what_everybody_does(operator: User) -> None:
    factories.mailing(operator, 3, name="Spring")
    lifecycle.launch(operator.mailings.get(), operator)
    client = logged_in(factories.user(MANAGER))
    assert client.get(INDEX).context["counted"] == {"recipients": 3, "messages": 1, "mailings": 1}
    assert section(client, "active") == ["Spring"]


def test_what_is_being_sent_is_shown_to_its_owner_alone(operator: User, client: Client) -> None:
    lifecycle.launch(factories.mailing(operator, name="Spring"), operator)
    lifecycle.launch(factories.mailing(name="Theirs"), None)
    factories.mailing(operator, name="Draft")
    assert section(client, "active") == ["Spring"]


def test_what_failed_or_waits_for_a_person_is_shown(operator: User, client: Client) -> None:
    for name, status in (("failed", Status.FAIL), ("in part", Status.PARTIAL), ("well", Status.SUCCESS)):
        ended(operator, name, status)
    ended(operator, "dry", Status.FAIL, dry_run=True)
    ended(factories.user(OPERATOR), "theirs", Status.FAIL)
    assert set(section(client, "wanting")) == {"failed", "in part"}


def test_what_goes_out_next_comes_first(operator: User, client: Client) -> None:
    for hours in (3, 1, 2):
        mailing = factories.mailing(operator, name=f"in {hours}", start_at=timezone.now() + timedelta(hours=hours))
        lifecycle.schedule(mailing)
    assert section(client, "upcoming") == ["in 1", "in 2", "in 3"]


def test_what_was_sent_lately_is_shown_without_dry_runs(operator: User, client: Client) -> None:
    ended(operator, "sent", Status.SUCCESS, sent=2)
    ended(operator, "dry", Status.SUCCESS, dry_run=True)
    assert section(client, "recent") == ["sent"]
    assert "2 of 2 sent" in client.get(INDEX).content.decode()


def test_who_begins_is_told_how(client: Client) -> None:
    assert "Your first mailing" in client.get(INDEX).content.decode()


def test_who_has_a_mailing_is_not_told_how_to_begin(operator: User, client: Client) -> None:
    factories.mailing(operator)
    assert "Your first mailing" not in client.get(INDEX).content.decode()


def test_the_sidebar_leads_only_where_the_person_may_go(client: Client) -> None:
    page = client.get(INDEX).content.decode()
    assert all(f'href="/admin/campaigns/{noun}/"' in page for noun in LISTS)
    for hidden in ("accounts/user", "auth/group", "procrastinate/", "django_apscheduler/"):
        assert f'href="/admin/{hidden}' not in page


def test_a_superusers_sidebar_leads_everywhere() -> None:
    page = logged_in(factories.user(is_superuser=True)).get(INDEX).content.decode()
    for shown in ("accounts/user", "auth/group", "procrastinate/procrastinatejob", "django_apscheduler/djangojob"):
        assert f'href="/admin/{shown}/"' in page


def test_it_takes_as_many_queries_for_many_as_for_few(
    operator: User, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(8):
        lifecycle.launch(factories.mailing(operator), operator)
        ended(operator, "failed", Status.FAIL)
    with django_assert_max_num_queries(30):
        client.get(INDEX)


@pytest.mark.parametrize("path", [INDEX, *(f"{INDEX}campaigns/{noun}/" for noun in LISTS), f"{INDEX}search/?s=mail"])
def test_pages_open_while_redis_can_not_be_reached(path: str, operator: User, settings: Settings) -> None:
    lifecycle.launch(factories.mailing(operator), operator)
    settings.CACHES = {
        "default": {
            "BACKEND": "backoffice.caching.FailSafeRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
        }
    }
    assert logged_in(operator).get(path).status_code == 200
