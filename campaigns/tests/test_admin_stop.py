"""The pages of the switch that stops all sending, and its banner on every other page."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import MailingAttempt, SendingStop
from campaigns.sending import stop
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

SWITCH = "/admin/stop-sending/"
PAGES = ("/admin/", "/admin/campaigns/mailing/", "/admin/campaigns/mailing/add/", "/admin/profile/")
SHOWN = "All sending is stopped."
BUTTON = f'<a href="{SWITCH}">'


@pytest.fixture
def manager() -> Client:
    return logged_in(factories.user(MANAGER, full_name="Ann Manager"))


@pytest.fixture
def operator() -> Client:
    return logged_in(factories.user(OPERATOR))


def press(reason: str = "Wrong prices") -> SendingStop:
    return stop.press(factories.user(MANAGER, full_name="Ann Manager"), reason)


def test_a_manager_stops_all_sending_with_a_reason(manager: Client) -> None:
    attempt = lifecycle.launch(factories.mailing(), None)
    response = manager.post(SWITCH, {"stop": "1", "reason": "Wrong prices"})
    attempt.refresh_from_db()
    pressed = SendingStop.objects.in_force()
    assert pressed
    assert (pressed.reason, str(pressed.started_by)) == ("Wrong prices", "Ann Manager")
    assert attempt.status == MailingAttempt.Status.PAUSED
    assert sentences(response) == ["All sending is stopped; 1 mailing is paused."]


def test_a_manager_resumes_sending(manager: Client) -> None:
    attempt = lifecycle.launch(factories.mailing(), None)
    press()
    response = manager.post(SWITCH, {"resume": "1"})
    attempt.refresh_from_db()
    assert SendingStop.objects.in_force() is None
    assert attempt.status == MailingAttempt.Status.QUEUED
    assert sentences(response) == ["Sending is resumed; 1 mailing goes on."]


def test_looking_at_the_page_does_nothing(manager: Client) -> None:
    manager.get(SWITCH, {"stop": "1", "reason": "Wrong prices"})
    assert SendingStop.objects.in_force() is None
    press()
    manager.get(SWITCH, {"resume": "1"})
    assert SendingStop.objects.in_force()


def test_without_a_reason_nothing_is_stopped(manager: Client) -> None:
    response = manager.post(SWITCH, {"stop": "1", "reason": " "})
    assert "This field is required." in response.content.decode()
    assert SendingStop.objects.in_force() is None


def test_a_second_press_is_told_that_it_is_stopped_already(manager: Client) -> None:
    press()
    response = manager.post(SWITCH, {"stop": "1", "reason": "Wrong prices"})
    assert sentences(response) == ["All sending is stopped already."]


def test_the_page_says_how_many_mailings_go_on(manager: Client) -> None:
    for _ in range(2):
        lifecycle.launch(factories.mailing(), None)
    press()
    assert "2 mailings that the stop has paused go on" in manager.get(SWITCH).content.decode()


def test_it_is_written_into_the_history(manager: Client) -> None:
    manager.post(SWITCH, {"stop": "1", "reason": "Wrong prices"})
    manager.post(SWITCH, {"resume": "1"})
    assert LogEntry.objects.count() == 2


@pytest.mark.parametrize("deed", [{"stop": "1", "reason": "mine"}, {"resume": "1"}])
def test_an_operator_can_neither_stop_nor_resume(operator: Client, deed: dict[str, str]) -> None:
    if "resume" in deed:
        press()
    assert operator.post(SWITCH, deed).status_code == 403
    assert (SendingStop.objects.in_force() is not None) == ("resume" in deed)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_everybody_that_sending_is_stopped_by_whom_and_why(page: str, operator: Client) -> None:
    press("Prices <b>wrong</b>")
    shown = operator.get(page).content.decode()
    assert SHOWN in shown
    assert "Ann Manager" in shown
    assert "Prices &lt;b&gt;wrong&lt;/b&gt;" in shown


def test_only_who_may_is_offered_to_resume(operator: Client, manager: Client) -> None:
    press()
    assert BUTTON not in operator.get("/admin/").content.decode()
    assert BUTTON in manager.get("/admin/").content.decode()


def test_only_who_may_is_offered_to_stop(operator: Client, manager: Client) -> None:
    assert SWITCH not in operator.get("/admin/").content.decode()
    assert "Stop all sending" in manager.get("/admin/").content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_it_while_sending_goes_on(page: str, operator: Client) -> None:
    press()
    stop.lift(factories.user(MANAGER))
    assert SHOWN not in operator.get(page).content.decode()


def test_the_login_page_tells_strangers_nothing() -> None:
    press()
    response = Client().get("/admin/login/")
    assert SHOWN not in response.content.decode()
    assert "sending_stop" not in response.context


def test_it_costs_a_page_one_query(manager: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    press()
    with django_assert_max_num_queries(30) as queries:
        manager.get("/admin/profile/")
    assert sum("campaigns_sendingstop" in query["sql"] for query in queries.captured_queries) == 1
