"""Who gets a kept report: the same person with the same rights and the same data, and nobody else."""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from backoffice import answers, caching
from backoffice.answers import Stamp
from campaigns import lifecycle
from campaigns.admin.reports.view import ReportView
from campaigns.models import Mailing, SendingStop
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.scene import logged_in
from campaigns.tests.test_reports import MINE, STATISTICS, names, page, sent, tiles

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _told(settings: Settings) -> None:
    """What became of a look-up stands in the answer."""
    settings.DEBUG = True


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the data has changed is asked at each request, and not every two seconds."""
    monkeypatch.setattr(answers, "FRESH_SECONDS", 0.0)


def outcome(client: Client, path: str = STATISTICS, **query: Any) -> str:
    return str(client.get(path, query).headers["X-Cache"])


def settled(client: Client, path: str = STATISTICS) -> Any:
    """The page when its second is over, so that it has a date."""
    client.get(path)
    time.sleep(1.01)
    answer = client.get(path)
    assert "Last-Modified" in answer.headers
    return answer


def unchanged(client: Client, answer: Any, *, by: str, path: str = STATISTICS) -> bool:
    name, header = {"etag": ("If-None-Match", "ETag"), "date": ("If-Modified-Since", "Last-Modified")}[by]
    found = client.get(path, headers={name: answer.headers[header]})
    assert found.status_code in (200, 304)
    return found.status_code == 304


# The server's


@pytest.mark.usefixtures("at_once")
def test_what_nobody_changed_is_made_once(operator: User, client: Client) -> None:
    sent(operator, "Own")
    assert [outcome(client) for _ in range(2)] == ["miss", "hit"]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("deed", ["sent", "confirmed", "renamed"])
def test_what_was_changed_is_made_anew(deed: str, operator: User, client: Client) -> None:
    mailing = sent(operator, "Own", Status.UNCONFIRMED)
    outcome(client)
    if deed == "sent":
        sent(operator, "Another")
    elif deed == "confirmed":
        lifecycle.confirm_unconfirmed(mailing, operator)
    else:
        Mailing.objects.filter(pk=mailing.pk).update(name="Renamed", updated_at=timezone.now())
    assert outcome(client) == "miss"


def test_each_question_has_its_own_answer(operator: User, client: Client) -> None:
    sent(operator, "Own")
    for query in ({"period": "7"}, {"period": "30"}, {"sort": "name"}, {"status": "finished"}):
        assert outcome(client, **query) == "miss"


@pytest.mark.parametrize("field", ["time_zone", "language"])
def test_another_language_or_time_zone_has_another_answer(field: str, operator: User, client: Client) -> None:
    outcome(client)
    User.objects.filter(pk=operator.pk).update(**{field: {"time_zone": "Asia/Kolkata", "language": "ru"}[field]})
    assert outcome(client) == "miss"


@pytest.mark.parametrize("path", [STATISTICS, MINE])
def test_two_people_never_share_an_answer(path: str, operator: User) -> None:
    """Also with the same rights: two managers, and two operators who see nothing at all."""
    for role in (OPERATOR, MANAGER):
        first, second = (logged_in(factories.user(role)) for _ in range(2))
        assert [outcome(one, path) for one in (first, second)] == ["miss", "miss"]


def end_share(mailing: Mailing, colleague: User) -> None:
    mailing.user_shares.all().delete()


def end_role(mailing: Mailing, colleague: User) -> None:
    colleague.groups.clear()


def end_permission(mailing: Mailing, colleague: User) -> None:
    Group.objects.get(name=OPERATOR).permissions.clear()


@pytest.mark.parametrize("end", [end_share, end_role, end_permission])
def test_what_was_shared_is_gone_at_once(end: Callable[[Mailing, User], None], operator: User, client: Client) -> None:
    """Not only when the version of the data is asked for again."""
    mailing = sent(factories.user(OPERATOR), "Shared")
    factories.share(mailing, "view", to=operator)
    answer = client.get(STATISTICS)
    assert "Shared" in answer.content.decode()
    end(mailing, operator)
    again = client.get(STATISTICS, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code in (200, 403)
    assert "Shared" not in again.content.decode()


def test_who_is_no_manager_any_more_sees_the_own_alone(operator: User) -> None:
    manager = factories.user(MANAGER)
    client = logged_in(manager)
    sent(operator, "Theirs")
    assert names(page(client, STATISTICS)) == ["Theirs"]
    manager.groups.set([Group.objects.get(name=OPERATOR)])
    assert names(page(client, STATISTICS)) == []


def test_what_is_shared_with_a_group_is_gone_with_the_group(operator: User, client: Client) -> None:
    team = Group.objects.create(name="team")
    operator.groups.add(team)
    factories.share(sent(factories.user(OPERATOR), "Shared"), "view", to=team)
    assert names(page(client, STATISTICS)) == ["Shared"]
    operator.groups.remove(team)
    assert names(page(client, STATISTICS)) == []


def test_what_is_shared_anew_is_there_at_once(operator: User, client: Client) -> None:
    mailing = sent(factories.user(OPERATOR), "Shared")
    assert names(page(client, STATISTICS)) == []
    factories.share(mailing, "view", to=operator)
    assert names(page(client, STATISTICS)) == ["Shared"]


@pytest.mark.parametrize("path", [STATISTICS, MINE])
def test_without_redis_it_is_computed(path: str, operator: User, client: Client, settings: Settings) -> None:
    sent(operator, "Own")
    settings.CACHES = {
        "default": {
            "BACKEND": "backoffice.caching.FailSafeRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
        }
    }
    assert [outcome(client, path) for _ in range(2)] == ["miss", "miss"]
    assert tiles(page(client, path))["Sent"] == "2"


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_a_kept_report_asks_the_database_for_the_persons_rights_alone(
    role: str, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Session, person, permissions of the person and of the groups, a stop of all sending; shares of two kinds."""
    monkeypatch.setattr(answers, "FRESH_SECONDS", 60.0)
    client = logged_in(factories.user(role))
    outcome(client)
    with django_assert_num_queries({OPERATOR: 7, MANAGER: 5}[role]):
        assert outcome(client) == "hit"


def test_a_kept_page_has_the_nonce_of_its_own_answer(client: Client) -> None:
    answers = [client.get(STATISTICS) for _ in range(2)]
    nonces = [re.findall(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"]) for answer in answers]
    assert nonces[0] != nonces[1]
    for answer, (nonce,) in zip(answers, nonces, strict=True):
        assert f'<style nonce="{nonce}">' in answer.content.decode()


def test_the_forms_of_a_kept_page_are_taken(operator: User) -> None:
    for _ in range(2):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(operator)
        browser.get(STATISTICS)
        text = browser.get(STATISTICS).content.decode()
        tokens = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
        assert tokens
        assert browser.post("/admin/logout/", {"csrfmiddlewaretoken": tokens[0]}).status_code == 200


@pytest.mark.parametrize("name", ["<blank-token>", "<blank-nonce>"])
def test_nobodys_text_is_taken_for_a_blank_of_the_page(name: str, operator: User, client: Client) -> None:
    sent(operator, name)
    for _ in range(2):
        assert f"&lt;{name[1:-1]}&gt;</a>" in page(client, STATISTICS)


def test_what_became_of_it_is_told_by_debug_alone(client: Client, settings: Settings) -> None:
    assert "X-Cache" in client.get(STATISTICS).headers
    settings.DEBUG = False
    assert "X-Cache" not in client.get(STATISTICS).headers


@pytest.mark.usefixtures("at_once")
def test_an_owner_who_is_renamed_is_so_in_the_report(operator: User, client: Client) -> None:
    colleague = factories.user(OPERATOR, full_name="Former Name")
    factories.share(sent(colleague, "Shared"), "view", to=operator)
    assert "Former Name" in page(client, STATISTICS)
    User.objects.filter(pk=colleague.pk).update(full_name="Present Name")
    assert "Present Name" in page(client, STATISTICS)


@pytest.mark.usefixtures("at_once")
def test_a_mailing_that_is_given_to_another_leaves_the_formers_report(operator: User, client: Client) -> None:
    mailing = sent(operator, "Own")
    assert names(page(client, MINE)) == ["Own"]
    Mailing.objects.filter(pk=mailing.pk).update(owner=factories.user(OPERATOR))
    assert names(page(client, MINE)) == []


def test_a_mailing_without_an_attempt_is_renamed_in_its_report(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, name="Former")
    report = f"/admin/campaigns/mailing/{mailing.pk}/report/"
    answer = client.get(report)
    assert "Former" in answer.content.decode()
    Mailing.objects.filter(pk=mailing.pk).update(name="Present")
    assert "Present" in client.get(report, headers={"If-None-Match": answer.headers["ETag"]}).content.decode()


def test_who_logs_in_anew_gets_the_page_anew(operator: User, client: Client) -> None:
    """Its forms have tokens of the former login's secret."""
    answer = client.get(STATISTICS)
    User.objects.filter(pk=operator.pk).update(last_login=timezone.now() + timedelta(seconds=2))
    assert not unchanged(client, answer, by="etag")


# The browser's


@pytest.mark.parametrize("by", ["etag", "date"])
def test_who_has_it_already_is_told_so_before_it_is_made(
    by: str, operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(operator, "Own")
    answer = settled(client)
    monkeypatch.setattr(ReportView, "_page", lambda _self: pytest.fail("It was made."))
    monkeypatch.setattr(answers, "kept", lambda *_args: pytest.fail("It was asked for."))
    assert unchanged(client, answer, by=by)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("by", ["etag", "date"])
def test_who_has_an_older_one_gets_the_new_one(by: str, operator: User, client: Client) -> None:
    answer = settled(client)
    sent(operator, "Own")
    assert not unchanged(client, answer, by=by)


@pytest.mark.parametrize("by", ["etag", "date"])
def test_who_logs_in_as_another_never_keeps_the_formers_page(by: str, operator: User) -> None:
    client = Client()
    client.force_login(operator)
    answer = settled(client)
    client.post("/admin/logout/")
    client.force_login(factories.user(OPERATOR))
    assert not unchanged(client, answer, by=by)


def test_a_logout_empties_the_browsers_cache(client: Client) -> None:
    assert client.post("/admin/logout/").headers["Clear-Site-Data"] == '"cache"'


def test_it_is_kept_for_its_person_alone_and_for_a_moment(client: Client) -> None:
    headers = client.get(STATISTICS).headers
    assert sorted(headers["Cache-Control"].split(", ")) == ["max-age=2", "private"]
    assert {"Cookie", "Accept-Language"} <= set(re.split(r",\s*", headers["Vary"]))


def test_an_unchanged_page_keeps_its_policy(client: Client) -> None:
    """The nonce of the page that is kept is in the policy that came with it."""
    answer = client.get(STATISTICS)
    again = client.get(STATISTICS, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert "Content-Security-Policy" not in again.headers


@pytest.mark.parametrize(("seconds", "has_date"), [(0.9, False), (1.0, True)])
def test_a_page_has_no_date_before_its_second_is_over(
    seconds: float, has_date: bool, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two versions within a second would have the same one."""
    since = int(time.time()) + 1
    monkeypatch.setattr(ReportView, "stamp", lambda _self: Stamp("v1", since))
    monkeypatch.setattr(caching, "time", SimpleNamespace(time=lambda: since + seconds, monotonic=time.monotonic))
    assert ("Last-Modified" in client.get(STATISTICS).headers) == has_date


def test_a_stop_of_all_sending_is_seen_on_it(operator: User, client: Client) -> None:
    answer = client.get(STATISTICS)
    SendingStop.objects.create(reason="Prices")
    assert not unchanged(client, answer, by="etag")


def test_who_may_not_open_it_is_not_told_that_it_is_unchanged(operator: User, client: Client) -> None:
    answer = client.get(STATISTICS)
    operator.groups.clear()
    assert client.get(STATISTICS, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 403


def test_a_page_with_a_message_is_for_once(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator)
    client.post(f"/admin/campaigns/mailing/{mailing.pk}/disable/", {"_form_submitted": "True"})
    lifecycle.disable(mailing)
    told = logged_in(factories.user(MANAGER))
    told.post(f"/admin/campaigns/mailing/{mailing.pk}/enable/", {"_form_submitted": "True"})
    assert "no-store" in told.get(STATISTICS).headers["Cache-Control"]
    assert "private" in told.get(STATISTICS).headers["Cache-Control"]
