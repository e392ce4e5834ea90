"""Who may see and do what: every role, verb and noun."""

from dataclasses import dataclass
from typing import Any, cast

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from campaigns import access, lifecycle
from campaigns.access import Person, Verb
from campaigns.models import Mailing, MailingAttempt, MailingLog, Message, Recipient
from campaigns.tests import factories

pytestmark = pytest.mark.django_db

VERBS: tuple[Verb, ...] = ("view", "change", "delete", "send", "disable", "share", "export")
VIEW = {"view", "export"}
OWN = VIEW | {"change", "delete", "share"}

# What each person may do with a mailing, a message or recipient, and an attempt or log entry.
MAY: dict[str, tuple[set[str], set[str], set[str]]] = {
    "owner": (OWN | {"send"}, OWN, VIEW),
    "manager who owns it": (OWN | {"send", "disable"}, OWN, VIEW),
    "owner without a role": (set(), set(), set()),
    "inactive owner": (set(), set(), set()),
    "stranger": (set(), set(), set()),
    "anonymous": (set(), set(), set()),
    "manager": (VIEW | {"disable"}, VIEW, VIEW),
    "inactive manager": (set(), set(), set()),
    "superuser": (set(VERBS), set(VERBS), set(VERBS)),
    "inactive superuser": (set(), set(), set()),
    "shared to view": (VIEW, VIEW, VIEW),
    "shared to view and change": (VIEW | {"change"}, VIEW | {"change"}, VIEW),
    "shared to their group": (VIEW, VIEW, VIEW),
    "inactive, shared to view": (set(), set(), set()),
}


@dataclass
class World:
    mailing: Mailing
    message: Message
    recipient: Recipient
    attempt: MailingAttempt
    log: MailingLog

    def __iter__(self) -> Any:
        return iter(vars(self).values())


def person(name: str) -> Person:
    fields: dict[str, Any] = {"is_active": "inactive" not in name, "is_superuser": "superuser" in name}
    if name == "anonymous":
        return AnonymousUser()
    role = None if "without a role" in name else "manager" if "manager" in name else "operator"
    return factories.user(role, **fields)


def world(owner: User) -> World:
    people = factories.recipients(owner, 1)
    mailing = factories.mailing(owner, people)
    attempt = lifecycle.launch(mailing, None)
    return World(mailing, mailing.message, people[0], attempt, attempt.logs.get())


def set_the_scene(name: str) -> tuple[Person, World]:
    someone = person(name)
    made = world(cast(User, someone) if "own" in name else factories.user("operator"))
    for obj in (made.mailing, made.message, made.recipient):
        if "shared to view" in name:
            factories.share(obj, "view", to=someone)
        if "change" in name:
            factories.share(obj, "change", to=someone)
        if "group" in name:
            team, _ = Group.objects.get_or_create(name="team")
            cast(User, someone).groups.add(team)
            factories.share(obj, "view", to=team)
    return someone, made


@pytest.mark.parametrize("name", MAY)
def test_what_each_person_may_do(name: str) -> None:
    someone, made = set_the_scene(name)
    of_mailing, of_content, of_history = MAY[name]
    expected = {
        made.mailing: of_mailing,
        made.message: of_content,
        made.recipient: of_content,
        made.attempt: of_history,
        made.log: of_history,
    }
    for obj, verbs in expected.items():
        assert {verb for verb in VERBS if access.can(someone, verb, obj)} == verbs, obj._meta.model_name


@pytest.mark.parametrize("name", MAY)
def test_a_person_sees_in_lists_exactly_what_they_may_view(name: str) -> None:
    someone, made = set_the_scene(name)
    world(factories.user("operator"))
    for obj in made:
        seen = access.visible(someone, type(obj).objects.all())
        assert (obj in seen) == access.can(someone, "view", obj), obj._meta.model_name
        if "superuser" not in name and "manager" not in name:
            assert set(seen) <= {obj}


@pytest.mark.parametrize("name", MAY)
def test_among_a_few_a_person_sees_the_same(name: str) -> None:
    someone, made = set_the_scene(name)
    world(factories.user("operator"))
    for model in (Mailing, Message, Recipient):
        everything: Any = model.objects.all()
        assert set(access.visible_among(someone, everything)) == set(access.visible(someone, everything))
    assert (made.recipient in access.visible_among(someone, made.mailing.recipients.all())) == access.can(
        someone, "view", made.recipient
    )


@pytest.mark.parametrize("name", MAY)
def test_in_parts_a_person_sees_the_same_and_each_row_once(name: str) -> None:
    someone, _made = set_the_scene(name)
    world(factories.user("operator"))
    parts = access.visible_parts(someone, Recipient.objects.all())
    assert sorted(one.pk for part in parts for one in part) == sorted(
        one.pk for one in access.visible(someone, Recipient.objects.all())
    )


@pytest.mark.parametrize("name", MAY)
def test_what_a_person_may_use_or_delete_is_told_one_by_one_and_for_many(name: str) -> None:
    someone, made = set_the_scene(name)
    world(factories.user("operator"))
    everybody = Recipient.objects.all()
    assert set(access.usable_among(someone, everybody)) == set(access.usable(someone, everybody))
    assert (made.recipient in access.deletable(someone, everybody)) == access.can(someone, "delete", made.recipient)


def test_a_share_of_the_mailing_does_not_open_its_message_or_recipients() -> None:
    someone, made = factories.user("operator"), world(factories.user("operator"))
    factories.share(made.mailing, "view", to=someone)
    assert access.can(someone, "view", made.mailing)
    assert not access.can(someone, "view", made.message)
    assert not access.can(someone, "view", made.recipient)


def test_a_mailing_shared_to_be_sent_can_be_sent() -> None:
    someone, made = factories.user("operator"), world(factories.user("operator"))
    factories.share(made.mailing, "send", to=someone)
    assert access.can(someone, "send", made.mailing)


def test_a_share_ends_when_the_person_leaves_the_group() -> None:
    someone, made = set_the_scene("shared to their group")
    cast(User, someone).groups.clear()
    someone = User.objects.get(email=cast(User, someone).email)
    assert made.mailing not in access.visible(someone, Mailing.objects.all())


@pytest.mark.parametrize("model", [Mailing, Message, Recipient, MailingAttempt, MailingLog])
def test_a_list_takes_one_query_however_much_there_is(
    model: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    someone = factories.user("operator")
    for _ in range(3):
        world(someone)
    someone = User.objects.get(pk=someone.pk)
    with django_assert_num_queries(3):  # the person's permissions, own and by group, and the list
        assert len(access.visible(someone, model.objects.all())) == 3
    with django_assert_num_queries(1):
        list(access.visible(someone, model.objects.all()))


def test_own_objects_need_no_permission_rows() -> None:
    someone = factories.user("operator")
    made = world(someone)
    for obj in (made.mailing, made.message, made.recipient):
        assert not cast(Any, obj).user_shares.exists()
        assert not cast(Any, obj).group_shares.exists()
