"""Actions on many objects: each row by what the person may do with it, the rest is left and said to be."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.admin.verbs.buttons import VERBS
from campaigns.models import Mailing, Message, Recipient
from campaigns.tests import factories
from campaigns.tests.doors import client_of, undone
from campaigns.tests.scene import SECRET, Scene, sentences

pytestmark = pytest.mark.django_db

Status = Mailing.Status
NEXT_YEAR = timezone.now() + timedelta(days=365)
NOUNS: tuple[Any, ...] = (Mailing, Message, Recipient)


@pytest.fixture
def client(stranger: User) -> Client:
    return client_of(stranger)


def run(client: Client, model: type[Model], action: str, *selected: Any, **data: Any) -> Any:
    url = reverse(f"admin:campaigns_{model._meta.model_name}_changelist")
    post = {"action": action, "_selected_action": [one.pk if isinstance(one, Model) else one for one in selected]}
    return client.post(url, {**post, **data})


def draft(owner: User, **fields: Any) -> Mailing:
    return factories.mailing(owner, **fields)


def of(model: type[Model], owner: User) -> Any:
    if model is Recipient:
        return factories.recipient(owner)
    return factories.message(owner) if model is Message else draft(owner, audience=0)


def actions(model: type[Model]) -> list[str]:
    """All actions of a list, whoever may see them there."""
    page = client_of(factories.user(is_superuser=True)).get(
        reverse(f"admin:campaigns_{model._meta.model_name}_changelist")
    )
    return [name for name, _title in page.context["action_form"].fields["action"].choices if name]


def state(*objects: Any) -> list[tuple[Any, ...]]:
    """All that is stored of the objects, and with whom they are shared."""
    rows = []
    for obj in objects:
        stored = type(obj)._default_manager.filter(pk=obj.pk)
        hanging = [*obj.user_shares.values_list(), *obj.group_shares.values_list()]
        rows += [*stored.values_list(), *hanging]
    return rows


@pytest.mark.parametrize("data", [{}, {"confirmed": "1"}, {"post": "yes"}, {"confirmed": "1", "select_across": "1"}])
@pytest.mark.parametrize("model", NOUNS)
def test_no_action_of_a_list_reaches_what_a_stranger_does_not_see(
    model: Any, data: dict[str, str], made: Scene, stranger: User, client: Client
) -> None:
    """Forged: the ids of others, or all of the list."""
    theirs = {Mailing: made.mailing, Message: made.message, Recipient: made.recipient}[model]
    of(model, stranger)
    before = state(theirs)
    with_whom = {"people": [stranger.pk], "may": ["view"], "mailing": made.mailing.pk}
    for action in actions(model):
        answer = undone_but_seen(client, model, action, theirs, before, **data, **with_whom)
        assert re.search(rf"{SECRET}(?!.owner| owner)", answer) is None, action  # a share may be with any colleague


def undone_but_seen(client: Client, model: Any, action: str, theirs: Any, before: Any, **data: Any) -> str:
    def ask() -> str:
        answer = run(client, model, action, theirs, **data)
        assert state(theirs) == before, action
        return str(answer.content.decode()) + " ".join(sentences(answer))

    return undone(ask)


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS if verb.permission == "send"])
@pytest.mark.parametrize("given", ["view", "change"])
def test_a_verb_is_not_done_with_rows_that_may_only_be_seen(
    verb: str, given: str, made: Scene, stranger: User, client: Client
) -> None:
    for status in Status:
        next_run = NEXT_YEAR if status == Status.SCHEDULED else None
        mailing = draft(made.owner, status=status, start_at=NEXT_YEAR, next_run_at=next_run)
        factories.share(mailing, given, to=stranger)
        before = state(mailing)
        answer = run(client, Mailing, f"{verb}_selected", mailing, confirmed="yes")
        assert state(mailing) == before
        assert not mailing.attempts.exists()
        assert "left as it was" in " ".join(sentences(answer))


def test_of_mixed_rows_the_allowed_ones_are_done_and_the_others_reported(
    made: Scene, stranger: User, client: Client
) -> None:
    own, sendable, seen = draft(stranger), draft(made.owner), draft(made.owner)
    factories.share(sendable, "send", to=stranger)
    factories.share(seen, "change", to=stranger)
    answer = run(client, Mailing, "send_selected", own, sendable, seen, made.mailing, confirmed="yes")
    stored = dict(Mailing.objects.values_list("pk", "status"))
    assert [stored[mailing.pk] for mailing in (own, sendable, seen)] == [Status.RUNNING, Status.RUNNING, Status.DRAFT]
    assert "1 of the selected mailings was left as it was" in " ".join(sentences(answer))


def test_all_of_the_list_are_those_that_the_person_sees(made: Scene, stranger: User, client: Client) -> None:
    own, theirs = draft(stranger), draft(made.owner)
    run(client, Mailing, "send_selected", own, confirmed="yes", select_across="1")
    stored = dict(Mailing.objects.values_list("pk", "status"))
    assert (stored[own.pk], stored[theirs.pk]) == (Status.RUNNING, Status.DRAFT)


@pytest.mark.parametrize("model", NOUNS)
@pytest.mark.parametrize("given", ["view", "change"])
def test_what_is_shared_is_not_deleted_with_the_own(model: Any, given: str, stranger: User, client: Client) -> None:
    own, theirs = of(model, stranger), of(model, factories.user(OPERATOR))
    factories.share(theirs, given, to=stranger)
    run(client, model, "delete_selected", own, theirs, post="yes", select_across="1")
    assert model.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("model", NOUNS)
def test_the_confirmation_of_a_deletion_says_that_some_may_not_be(model: Any, stranger: User, client: Client) -> None:
    own, theirs = of(model, stranger), of(model, factories.user(OPERATOR))
    factories.share(theirs, "change", to=stranger)
    page = run(client, model, "delete_selected", own, theirs)
    assert 'name="post"' not in page.content.decode()


@pytest.mark.parametrize("model", NOUNS)
def test_a_manager_does_nothing_but_disable_with_all_of_the_list(model: Any, made: Scene) -> None:
    manager = factories.user(MANAGER)
    own, theirs = of(model, manager), of(model, made.owner)
    before = state(theirs)
    with_whom = {"people": [factories.user(OPERATOR).pk], "may": ["view"], "mailing": draft(made.owner).pk}
    for action in set(actions(model)) - {"disable_selected", "enable_selected"}:
        for confirmed in ({"post": "yes"}, {"confirmed": "1"}):
            answered = {**with_whom, **confirmed, "select_across": "1"}
            undone_but_seen(client_of(manager), model, action, theirs, before, **answered)
            assert own.pk, action


def test_recipients_of_others_are_not_shared_and_the_refused_are_counted(
    made: Scene, stranger: User, client: Client
) -> None:
    own, colleague = factories.recipient(stranger), factories.user(OPERATOR)
    factories.share(made.recipient, "change", to=stranger)
    data = {"confirmed": "1", "people": [colleague.pk], "may": ["view"]}
    asked = run(client, Recipient, "share_selected", own, made.recipient)
    run(client, Recipient, "share_selected", own, made.recipient, **data)
    assert asked.context["refused"] == 1
    assert own.user_shares.filter(user=colleague).exists()
    assert not made.recipient.user_shares.filter(user=colleague).exists()


@pytest.mark.parametrize("key", ["0", "9" * 30, "-1", "abc", "1.5", "\0", "²", "1' OR '1'='1", ""])
@pytest.mark.parametrize("model", NOUNS)
def test_a_forged_key_is_refused_and_no_error(model: Any, key: str, made: Scene, client: Client) -> None:
    def failing() -> list[str]:
        asked = {action: undone(partial(run, client, model, action, key)) for action in actions(model)}
        return [action for action, answer in asked.items() if answer.status_code >= 500]

    assert failing() == []


@pytest.mark.parametrize("model", NOUNS)
def test_an_action_that_is_none_does_nothing(model: Any, stranger: User, client: Client) -> None:
    own = of(model, stranger)
    for action in ("", "delete", "delete_queryset", "get_queryset", "save_model", "disable_selected", "__class__"):
        run(client, model, action, own, post="yes", confirmed="1")
    assert model.objects.filter(pk=own.pk).exists()


def test_what_was_refused_leaves_nothing_in_a_history(made: Scene, client: Client) -> None:
    before = LogEntry.objects.count()
    for action in actions(Mailing):
        run(client, Mailing, action, made.mailing, confirmed="1", post="yes")
    assert LogEntry.objects.count() == before
