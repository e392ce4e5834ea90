"""Copies of mailings and messages: the person's own, of what the person may use."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.lifecycle import LifecycleError
from campaigns.models import Mailing, Message
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def owner() -> User:
    return factories.user(OPERATOR, full_name="Olga Owner")


@pytest.fixture
def colleague() -> User:
    return factories.user(OPERATOR)


def in_days(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


def shared(owner: User, colleague: User, audience: Any = 2, *, with_message: bool = True, **fields: Any) -> Mailing:
    """The owner's mailing, which the colleague may look at."""
    mailing = factories.mailing(owner, audience, **fields)
    factories.share(mailing, "view", to=colleague)
    if with_message:
        factories.share(mailing.message, "view", to=colleague)
    return mailing


def url(obj: Mailing | Message) -> str:
    return reverse(f"admin:campaigns_{obj._meta.model_name}_clone", args=[obj.pk])


def press(person: User, obj: Mailing | Message) -> Any:
    return logged_in(person).post(url(obj), CONFIRMED)


# Mailings


def test_a_clone_is_a_draft_with_the_same_message_and_audience(owner: User) -> None:
    mailing = factories.mailing(owner, 3, name="Spring")
    lifecycle.launch(mailing, owner)
    copy, taken, left_out = lifecycle.clone(mailing, owner)
    assert (copy.name, copy.owner, copy.status, copy.message) == ("Spring (copy)", owner, "draft", mailing.message)
    assert set(copy.recipients.all()) == set(mailing.recipients.all())
    assert (taken, left_out, copy.last_sent_at, copy.attempts.count()) == (3, 0, None, 0)


def test_the_original_stays_as_it_is(owner: User) -> None:
    mailing = factories.mailing(owner, 3)
    before = Mailing.objects.filter(pk=mailing.pk).values().get()
    lifecycle.clone(mailing, owner)
    assert Mailing.objects.filter(pk=mailing.pk).values().get() == before


def test_a_name_that_would_become_too_long_is_shortened(owner: User) -> None:
    copy = lifecycle.clone(factories.mailing(owner, name="x" * 200), owner).mailing
    assert copy.name == "x" * 193 + " (copy)"


def test_recipients_whom_the_person_may_not_use_are_left_out_and_counted(owner: User, colleague: User) -> None:
    people = factories.recipients(owner, 3)
    factories.share(people[0], "view", to=colleague)
    copy, taken, left_out = lifecycle.clone(shared(owner, colleague, people), colleague)
    assert (list(copy.recipients.all()), taken, left_out) == ([people[0]], 1, 2)


def test_a_manager_sees_everybodys_recipients_and_takes_none_along(owner: User) -> None:
    manager = factories.user(MANAGER)
    mailing = shared(owner, manager, 3)
    assert lifecycle.clone(mailing, manager)[1:] == (0, 3)


def test_the_audience_is_one_statement(owner: User) -> None:
    mailing = factories.mailing(owner, 50)
    with CaptureQueriesContext(connection) as queries:
        lifecycle.clone(mailing, owner)
    inserts = [query["sql"] for query in queries if "INSERT INTO campaigns_mailing_recipients" in query["sql"]]
    assert len(inserts) == 1
    assert "SELECT" in inserts[0]


def test_a_message_that_the_person_may_not_use_is_refused_with_whom_to_ask(owner: User, colleague: User) -> None:
    mailing = shared(owner, colleague, with_message=False, subject="Prices")
    with pytest.raises(LifecycleError, match="“Prices” is neither yours nor shared with you: ask Olga Owner to share"):
        lifecycle.clone(mailing, colleague)
    assert Mailing.objects.count() == 1


def test_times_to_come_are_copied_with_the_repetition(owner: User) -> None:
    plan: dict[str, Any] = {"start_at": in_days(1), "end_at": in_days(9), "repetition": "daily"}
    copy = lifecycle.clone(factories.mailing(owner, **plan), owner).mailing
    assert (copy.start_at, copy.end_at, copy.repetition) == tuple(plan.values())
    assert copy.next_run_at is None


def test_a_start_that_has_passed_stays_behind_with_the_repetition(owner: User) -> None:
    end = in_days(9)
    mailing = factories.mailing(owner, start_at=in_days(-1), end_at=end, repetition="daily")
    copy = lifecycle.clone(mailing, owner).mailing
    assert (copy.start_at, copy.end_at, copy.repetition) == (None, end, "once")


def test_an_end_that_has_passed_stays_behind(owner: User) -> None:
    mailing = factories.mailing(owner, start_at=in_days(-2), end_at=in_days(-1))
    assert lifecycle.clone(mailing, owner).mailing.end_at is None


# The button


def test_the_button_leads_to_the_copy_and_tells_of_it(owner: User) -> None:
    mailing = factories.mailing(owner, 2, name="Spring")
    response = press(owner, mailing)
    copy = Mailing.objects.latest("pk")
    assert response.headers["Location"] == reverse("admin:campaigns_mailing_change", args=[copy.pk])
    assert sentences(response) == ["“Spring (copy)” is yours, with 2 recipients."]
    assert LogEntry.objects.filter(object_id=copy.pk, change_message="Cloned from “Spring”.").exists()


def test_the_button_tells_how_many_are_left_out(owner: User, colleague: User) -> None:
    told = sentences(press(colleague, shared(owner, colleague)))
    assert told[1] == "2 recipients were left out: neither yours nor shared with you."


def test_a_refusal_leads_back_to_the_mailing_with_the_reason(owner: User, colleague: User) -> None:
    mailing = shared(owner, colleague, with_message=False)
    response = press(colleague, mailing)
    assert response.headers["Location"] == reverse("admin:campaigns_mailing_change", args=[mailing.pk])
    assert "ask Olga Owner to share it" in sentences(response)[0]


def test_the_dialog_says_what_the_copy_will_have_and_makes_none(owner: User, colleague: User) -> None:
    mailing = shared(owner, colleague, 3, name="Spring")
    page = logged_in(colleague).get(url(mailing)).content.decode()
    assert "Spring (copy)" in page
    assert "3 are left out" in page
    assert Mailing.objects.count() == 1


@pytest.mark.parametrize("noun", ["mailing", "message"])
def test_a_stranger_finds_nothing(noun: str, owner: User, colleague: User) -> None:
    mailing = factories.mailing(owner)
    obj = mailing if noun == "mailing" else mailing.message
    assert press(colleague, obj).status_code == 404
    assert (Mailing.objects.count(), Message.objects.count()) == (1, 1)


@pytest.mark.parametrize("noun", ["mailing", "message"])
def test_who_may_add_none_finds_no_button(noun: str, owner: User) -> None:
    mailing = factories.mailing(owner)
    obj = mailing if noun == "mailing" else mailing.message
    operators = owner.groups.get()
    operators.permissions.remove(operators.permissions.get(codename=f"add_{noun}"))
    assert press(owner, obj).status_code == 404
    page = logged_in(owner).get(reverse(f"admin:campaigns_{noun}_change", args=[obj.pk]))
    assert url(obj) not in page.content.decode()


# Messages


def test_a_cloned_message_says_the_same_and_is_the_persons_own(owner: User, colleague: User) -> None:
    message = factories.message(owner, subject="Prices", body="Hello", body_html="<p>Hello</p>")
    factories.share(message, "view", to=colleague)
    response = press(colleague, message)
    copy = Message.objects.latest("pk")
    assert (copy.owner, copy.subject, copy.body, copy.body_html) == (colleague, "Prices", "Hello", "<p>Hello</p>")
    assert response.headers["Location"] == reverse("admin:campaigns_message_change", args=[copy.pk])
    assert sentences(response) == ["This is your copy of “Prices”."]


def test_what_a_manager_only_sees_can_not_be_copied(owner: User) -> None:
    message = factories.message(owner)
    assert "neither yours nor shared with you" in sentences(press(factories.user(MANAGER), message))[0]
    assert Message.objects.count() == 1
