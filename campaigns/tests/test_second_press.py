"""Who presses Send twice, in the same tab or another, sends once, however fast the first letters were."""

import re
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns.models import Mailing
from campaigns.models.log import Status as Log
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences
from campaigns.tests.test_send_dialog import ended

pytestmark = pytest.mark.django_db

CHANGELIST = "/admin/campaigns/mailing/"
SEEN = re.compile(r'name="launches" value="(\w+)"')


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


@pytest.fixture
def mailing(operator: User) -> Mailing:
    return factories.mailing(operator, 3)


def opened(client: Client, mailing: Mailing, verb: str = "send") -> dict[str, str]:
    """The dialog's hidden fields, as it is posted."""
    page = client.get(address(mailing, verb)).content.decode()
    return {"_form_submitted": "True", "launches": SEEN.findall(page)[0]}


def address(mailing: Mailing, verb: str) -> str:
    return reverse(f"admin:campaigns_mailing_{verb}", args=[mailing.pk])


def confirmation(client: Client, *selected: Mailing) -> dict[str, Any]:
    """The page that a list action shows first, as it is posted."""
    data = {"action": "send_selected", ACTION_CHECKBOX_NAME: [mailing.pk for mailing in selected]}
    page = client.post(CHANGELIST, data).content.decode()
    return {**data, "confirmed": "yes", "launches": SEEN.findall(page)[0]}


def test_what_is_pressed_once_is_sent(client: Client, mailing: Mailing) -> None:
    client.post(address(mailing, "send"), opened(client, mailing))
    assert mailing.attempts.unfinished().count() == 1


def test_a_dialog_from_before_a_launch_that_has_ended_sends_nothing(client: Client, mailing: Mailing) -> None:
    seen = opened(client, mailing)
    ended(mailing)
    answer = client.post(address(mailing, "send"), seen)
    assert mailing.attempts.count() == 1
    assert "was launched after you had been asked" in sentences(answer)[0]


def test_a_retry_asked_for_before_another_retry_sends_nothing(client: Client, mailing: Mailing) -> None:
    ended(mailing, Log.ERROR)
    seen = opened(client, mailing, "retry_failed")
    mailing.attempts.update(finished_at=timezone.now())  # as if the letters had failed once more
    client.post(address(mailing, "retry_failed"), seen)
    assert not mailing.attempts.unfinished().exists()


def test_a_dialog_that_is_opened_again_sends_again(client: Client, mailing: Mailing) -> None:
    ended(mailing)
    client.post(address(mailing, "send"), opened(client, mailing))
    assert mailing.attempts.count() == 2


def test_a_test_letter_between_question_and_answer_changes_nothing(client: Client, mailing: Mailing) -> None:
    seen = opened(client, mailing)
    mailing.attempts.create(test=True, subject="News")
    client.post(address(mailing, "send"), seen)
    assert mailing.attempts.real().count() == 1


def test_a_list_that_is_confirmed_twice_is_sent_once(client: Client, mailing: Mailing) -> None:
    seen = confirmation(client, mailing)
    ended(mailing)
    answer = client.post(CHANGELIST, seen)
    assert mailing.attempts.count() == 1
    assert "launched after you had been asked" in sentences(answer)[0]


def test_a_list_sends_nothing_that_was_selected_after_the_question(
    client: Client, operator: User, mailing: Mailing
) -> None:
    seen = confirmation(client, mailing)
    other = factories.mailing(operator, 3)
    client.post(CHANGELIST, {**seen, ACTION_CHECKBOX_NAME: [mailing.pk, other.pk]})
    assert not other.attempts.exists()
    assert not mailing.attempts.exists()


def test_a_list_of_all_sends_no_mailing_that_was_made_after_the_question(
    client: Client, operator: User, mailing: Mailing
) -> None:
    seen = {**confirmation(client, mailing), "select_across": "1"}
    other = factories.mailing(operator, 3)
    client.post(CHANGELIST, seen)
    assert not other.attempts.exists()
