"""The first page: what it tells whom."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.admin.chart import Chart
from campaigns.models import MailingAttempt, Tally
from campaigns.models.attempt import Status
from campaigns.reports import counts
from campaigns.reports.days import Day
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

LISTS = ("recipient", "message", "mailing", "mailingattempt", "mailinglog")
INDEX, RUNNING = "/admin/", "/admin/campaigns/mailing/running/"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def ended(owner: User, name: str, status: Status, **fields: Any) -> MailingAttempt:
    """An attempt that ended now, with what the tally has of it."""
    made: MailingAttempt = MailingAttempt.objects.create(
        mailing=fields.pop("mailing", None) or factories.mailing(owner, 0, name=name),
        status=status,
        finished_at=timezone.now(),
        subject="News",
        from_email="a@b.c",
        **{"total": 20, **fields},
    )
    figures = {name: getattr(made, name) for name in ("sent", "errors", "unconfirmed", "cancelled", "dry_runs")}
    Tally.objects.create(attempt=made, minute=timezone.now().replace(second=0, microsecond=0), **figures)
    return made


def failed(owner: User, name: str, **fields: Any) -> MailingAttempt:
    return ended(owner, name, Status.PARTIAL, **{"sent": 18, "errors": 2, **fields})


def section(client: Client, name: str) -> list[str]:
    """The names of the mailings in that part of the page."""
    return [str(getattr(item, "mailing", item)) for item in client.get(INDEX).context.get(name, [])]


def running(client: Client) -> list[str]:
    return [attempt.mailing.name for attempt, _meter in client.get(INDEX).context.get("running", [])]


def counted(client: Client) -> dict[str, str]:
    return {name: str(count) for name, count in client.get(INDEX).context["counted"].items()}


# What there is


def test_everything_is_counted_for_its_owner_alone(operator: User, client: Client) -> None:
    factories.mailing(operator, 3)
    factories.mailing(factories.user(OPERATOR), 5)
    assert counted(client) == {"recipients": "3", "messages": "1", "mailings": "1"}


def test_a_manager_sees_what_everybody_does(operator: User) -> None:
    factories.mailing(operator, 3, name="Spring")
    lifecycle.launch(operator.mailings.get(), operator)
    client = logged_in(factories.user(MANAGER))
    assert counted(client) == {"recipients": "3", "messages": "1", "mailings": "1"}
    assert running(client) == ["Spring"]


def test_many_are_not_counted_to_the_end(operator: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST", 2)
    factories.mailing(operator, 3)
    assert counted(client)["recipients"] == "2+"


# What is being sent


def test_what_is_being_sent_is_shown_to_its_owner_alone(operator: User, client: Client) -> None:
    lifecycle.launch(factories.mailing(operator, name="Spring"), operator)
    lifecycle.launch(factories.mailing(name="Theirs"), None)
    factories.mailing(operator, name="Draft")
    assert running(client) == ["Spring"]


def test_dry_runs_tests_and_paused_mailings_are_not_being_sent(operator: User, client: Client) -> None:
    lifecycle.launch(factories.mailing(operator), operator, dry_run=True)
    tested = lifecycle.launch(factories.mailing(operator), operator)
    MailingAttempt.objects.filter(pk=tested.pk).update(test=True)
    paused = factories.mailing(operator)
    lifecycle.launch(paused, operator)
    lifecycle.pause(paused)
    assert running(client) == []


def test_the_page_asks_again_only_while_something_runs(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    assert "hx-trigger" not in part_of(client)
    lifecycle.launch(mailing, operator)
    assert f'hx-get="{RUNNING}" hx-trigger="every 2s"' in part_of(client)


def part_of(client: Client) -> str:
    page = client.get(INDEX).content.decode()
    return page[page.index('id="autosend-running"') :].partition(">")[0]


def test_the_live_part_answers_304_while_nothing_changes(operator: User, client: Client) -> None:
    attempt = lifecycle.launch(factories.mailing(operator), operator)
    etag = client.get(RUNNING).headers["ETag"]
    assert client.get(RUNNING, headers={"If-None-Match": etag}).status_code == 304
    MailingAttempt.objects.filter(pk=attempt.pk).update(sent=1)
    assert client.get(RUNNING, headers={"If-None-Match": etag}).status_code == 200


def test_the_browser_keeps_the_live_part_and_asks_each_time(operator: User, client: Client) -> None:
    lifecycle.launch(factories.mailing(operator), operator)
    directives = client.get(RUNNING).headers["Cache-Control"].split(", ")
    assert sorted(directives) == ["no-cache", "private"]


def test_when_nothing_runs_any_more_the_page_is_loaded_anew(operator: User, client: Client) -> None:
    attempt = lifecycle.launch(factories.mailing(operator), operator)
    assert "HX-Refresh" not in client.get(RUNNING, headers={"HX-Request": "true"}).headers
    MailingAttempt.objects.filter(pk=attempt.pk).update(finished_at=timezone.now(), status=Status.SUCCESS)
    assert client.get(RUNNING, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


def test_the_live_part_is_one_light_query_beside_the_session(
    operator: User, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        lifecycle.launch(factories.mailing(operator), operator)
    with django_assert_max_num_queries(5):  # the session, the person, two for the permissions, and the attempts
        client.get(RUNNING)


def test_the_live_part_shows_only_the_own(operator: User, client: Client) -> None:
    lifecycle.launch(factories.mailing(name="Theirs"), None)
    assert "Theirs" not in client.get(RUNNING).content.decode()


def test_who_may_see_no_mailings_has_no_live_part() -> None:
    assert logged_in(factories.user()).get(RUNNING).status_code == 403


# What wants a person


def test_what_failed_or_waits_for_a_person_is_shown(operator: User, client: Client) -> None:
    failed(operator, "in part")
    ended(operator, "failed", Status.FAIL, errors=20)
    failed(operator, "in doubt", errors=0, unconfirmed=2)
    paused = factories.mailing(operator, name="paused")
    lifecycle.launch(paused, operator)
    lifecycle.pause(paused)
    ended(operator, "well", Status.SUCCESS, sent=20)
    failed(operator, "dry", dry_run=True)
    failed(operator, "test", test=True)
    failed(factories.user(OPERATOR), "theirs")
    assert set(section(client, "wanting")) == {"failed", "in part", "in doubt", "paused"}


def test_what_was_resolved_is_not_shown_any_more(operator: User, client: Client) -> None:
    attempt = failed(operator, "in doubt", errors=0, unconfirmed=2)
    assert section(client, "wanting") == ["in doubt"]
    MailingAttempt.objects.filter(pk=attempt.pk).update(sent=20, unconfirmed=0)
    MailingAttempt.objects.filter(pk=attempt.pk).judge()
    assert section(client, "wanting") == []


def test_a_later_attempt_takes_the_place_of_one_that_failed(operator: User, client: Client) -> None:
    attempt = failed(operator, "again")
    ended(operator, "again", Status.SUCCESS, sent=20, mailing=attempt.mailing)
    assert section(client, "wanting") == []


def test_a_later_dry_run_does_not_take_the_place_of_one_that_failed(operator: User, client: Client) -> None:
    attempt = failed(operator, "again")
    ended(operator, "again", Status.SUCCESS, dry_runs=20, dry_run=True, mailing=attempt.mailing)
    assert section(client, "wanting") == ["again"]


def test_nothing_is_wanted_of_a_disabled_mailing(operator: User, client: Client) -> None:
    lifecycle.disable(failed(operator, "disabled").mailing)
    assert section(client, "wanting") == []


def test_what_failed_long_ago_is_not_waited_for(operator: User, client: Client) -> None:
    failed(operator, "old")
    Tally.objects.update(minute=timezone.now() - timedelta(days=31))
    assert section(client, "wanting") == []


def test_what_wants_a_person_leads_to_where_it_is_resolved(operator: User, client: Client) -> None:
    attempt = failed(operator, "in part", unconfirmed=1, sent=17)
    page = client.get(INDEX).content.decode()
    log = f"/admin/campaigns/mailinglog/?attempt__id__exact={attempt.pk}&amp;status__exact="
    assert f'href="/admin/campaigns/mailing/{attempt.mailing_id}/change/"' in page
    assert f'href="{log}4">2 errors</a>' in page and f'href="{log}6">1 unconfirmed</a>' in page


# What goes out next, and what went out


def test_what_goes_out_next_comes_first(operator: User, client: Client) -> None:
    for hours in (3, 1, 2):
        mailing = factories.mailing(operator, name=f"in {hours}", start_at=timezone.now() + timedelta(hours=hours))
        lifecycle.schedule(mailing)
    assert section(client, "upcoming") == ["in 1", "in 2", "in 3"]


def test_what_was_sent_lately_is_shown_without_dry_runs(operator: User, client: Client) -> None:
    ended(operator, "sent", Status.SUCCESS, total=2, sent=2)
    ended(operator, "dry", Status.SUCCESS, dry_run=True)
    assert section(client, "recent") == ["sent"]
    assert "2 of 2 sent" in client.get(INDEX).content.decode()


# Day by day


def by_day(client: Client, **query: Any) -> list[int]:
    return [day.sent for day in client.get(INDEX, query).context["chart"].days]


def test_the_days_end_with_today(operator: User, client: Client) -> None:
    ended(operator, "today", Status.SUCCESS, sent=20)
    assert by_day(client) == [0] * 13 + [20]
    assert by_day(client, days=30) == [0] * 29 + [20]
    assert by_day(client, days="x") == [0] * 13 + [20]


def test_a_day_is_one_of_the_persons_time_zone(operator: User) -> None:
    User.objects.filter(pk=operator.pk).update(time_zone="Asia/Kolkata")  # half an hour off the full ones
    midnight = datetime.now(ZoneInfo("Asia/Kolkata")).replace(hour=0, minute=0, second=0, microsecond=0)
    for sent, minute in ((3, midnight - timedelta(minutes=1)), (4, midnight)):
        attempt = ended(operator, "spring", Status.SUCCESS, sent=sent)
        Tally.objects.filter(attempt=attempt).update(minute=minute)
    assert by_day(logged_in(User.objects.get(pk=operator.pk)))[-2:] == [3, 4]


def test_neither_dry_runs_nor_tests_nor_others_letters_are_drawn(operator: User, client: Client) -> None:
    ended(operator, "real", Status.SUCCESS, sent=20)
    ended(operator, "dry", Status.SUCCESS, dry_runs=20, dry_run=True)
    ended(operator, "test", Status.SUCCESS, sent=1, test=True)
    ended(factories.user(OPERATOR), "theirs", Status.SUCCESS, sent=5)
    assert sum(by_day(client)) == 20
    assert sum(by_day(logged_in(factories.user(MANAGER)))) == 25


def test_the_drawing_is_a_table_too(operator: User, client: Client) -> None:
    ended(operator, "today", Status.PARTIAL, total=2000, sent=1990, errors=8, unconfirmed=2)
    page = client.get(INDEX).content.decode()
    assert "<td>1,990</td><td>8</td><td>2</td>" in page
    assert '<rect class="autosend-success" x="1308" y="5" width="84" height="995"></rect>' in page


@pytest.mark.parametrize(("most", "top"), [(0, 10), (7, 10), (11, 15), (1990, 2000), (2001, 2500), (9999, 10_000)])
def test_the_drawing_ends_at_a_round_number(most: int, top: int) -> None:
    assert Chart([Day(timezone.localdate(), sent=most)]).top == top


# What to do


def test_who_works_here_may_begin_at_once(client: Client) -> None:
    page = client.get(INDEX).content.decode()
    for address in ("mailing/add/", "recipient/import/", "message/add/"):
        assert f'href="/admin/campaigns/{address}"' in page


def test_only_who_may_stop_all_sending_is_offered_to(client: Client) -> None:
    stop = 'href="/admin/stop-sending/" class="autosend-stop"'
    assert stop not in client.get(INDEX).content.decode()
    assert stop in logged_in(factories.user(MANAGER)).get(INDEX).content.decode()


def test_who_begins_is_told_how(client: Client) -> None:
    assert "Your first mailing" in client.get(INDEX).content.decode()


def test_who_begins_sees_what_is_done_already(operator: User, client: Client) -> None:
    factories.recipients(operator, 3)
    page = client.get(INDEX).content.decode()
    assert "Done: 3" in page and page.count("autosend-done") == 1


def test_who_has_no_role_is_told_so() -> None:
    assert "You have no role yet" in logged_in(factories.user()).get(INDEX).content.decode()


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
