"""What the page of a mailing tells of its past: attempts, and who did what when."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt
from campaigns.sending import stop
from campaigns.tests import factories
from campaigns.tests.scene import logged_in
from campaigns.tests.test_progress import Words

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR, full_name="Olga Operator")


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def part(client: Client, name: str, mailing: Mailing, page: int = 1) -> Any:
    return client.get(reverse(f"admin:campaigns_mailing_{name}", args=[mailing.pk]), {"page": page})


def told(client: Client, mailing: Mailing) -> list[str]:
    return [event.sentence for event in part(client, "timeline", mailing).context["events"]]


def test_what_people_and_attempts_did_is_told_the_newest_first(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    attempt = lifecycle.launch(mailing, operator)
    ended = {"status": "partial", "started_at": Now(), "finished_at": Now() + timedelta(hours=1)}
    MailingAttempt.objects.filter(pk=attempt.pk).update(**ended, server_response="Nobody knows.")
    entry = LogEntry.objects.log_actions(operator.pk, [mailing], CHANGE, change_message="It is paused.")[0]
    LogEntry.objects.filter(pk=entry.pk).update(action_time=timezone.now() + timedelta(minutes=30))
    assert told(client, mailing) == [
        f"{attempt} ended: Partial. Nobody knows.",
        "It is paused.",
        f"{attempt} begun by a worker.",
        f"{attempt} launched.",
    ]
    assert "Olga Operator" in str(Words(part(client, "timeline", mailing).content.decode()))


def test_a_stop_of_all_sending_is_told_where_it_paused_something(operator: User, client: Client) -> None:
    stopped, idle = factories.mailing(operator), factories.mailing(operator)
    lifecycle.launch(stopped, operator)
    stop.press(operator, "Wrong prices")
    stop.lift(operator)
    assert told(client, stopped)[:2] == ["All sending resumed.", "All sending stopped: Wrong prices"]
    assert told(client, idle) == []


def test_nothing_of_another_mailing_is_told(operator: User, client: Client) -> None:
    other = factories.mailing(operator)
    lifecycle.launch(other, operator)
    LogEntry.objects.log_actions(operator.pk, [other], CHANGE, change_message="Paused.")
    assert told(client, factories.mailing(operator)) == []


def test_tests_are_neither_told_nor_listed(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    MailingAttempt.objects.update(test=True)
    assert told(client, mailing) == []
    assert list(part(client, "attempts", mailing).context["rows"]) == []


def test_attempts_are_listed_in_pages_with_dry_runs_named(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    for _ in range(12):
        lifecycle.launch(mailing, operator, dry_run=True)
        MailingAttempt.objects.update(finished_at=Now(), status="success")
    first, second = (part(client, "attempts", mailing, page) for page in (1, 2))
    assert [len(page.context["rows"]) for page in (first, second)] == [10, 2]
    assert "Dry run" in str(Words(first.content.decode()))
    assert "Page 1 of 2" in str(Words(first.content.decode()))


@pytest.mark.parametrize("page", ["0", "x", "999", "-1"])
@pytest.mark.parametrize("name", ["attempts", "timeline"])
def test_a_page_that_can_not_be_is_another_one(name: str, page: Any, operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    assert part(client, name, mailing, page).status_code == 200


def test_times_are_those_of_the_persons_zone(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    MailingAttempt.objects.update(created_at="2026-05-04T23:30:00Z")
    User.objects.filter(pk=operator.pk).update(time_zone="Asia/Tokyo")
    assert "May 5, 2026, 8:30 a.m." in part(client, "timeline", mailing).content.decode()


def test_the_page_asks_for_all_of_it(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    lifecycle.launch(mailing, operator)
    page = client.get(reverse("admin:campaigns_mailing_change", args=[mailing.pk])).content.decode()
    for name in ("trouble", "attempts", "timeline"):
        assert f'hx-get="{reverse(f"admin:campaigns_mailing_{name}", args=[mailing.pk])}"' in page
