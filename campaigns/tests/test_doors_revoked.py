"""What is revoked closes every door with the next request, in a session that goes on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns.admin.verbs.buttons import VERBS
from campaigns.models import Mailing, Recipient
from campaigns.models.shares import SHARED_VERBS
from campaigns.tests import factories
from campaigns.tests.doors import client_of, pages, undone
from campaigns.tests.scene import SECRET, Scene

pytestmark = pytest.mark.django_db

KEYS = {
    "mailing": "mailing",
    "message": "message",
    "recipient": "recipient",
    "list": "recipientlist",
    "attempt": "mailingattempt",
    "log": "mailinglog",
}


@pytest.fixture
def colleague() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(colleague: User) -> Client:
    return client_of(colleague)


def share_all(made: Scene, verb: str, to: User | Group) -> None:
    for obj in (made.mailing, made.message, made.recipient, made.list):
        if verb in SHARED_VERBS[type(obj)]:
            factories.share(obj, verb, to=to)


def revoke_all(made: Scene) -> None:
    for obj in (made.mailing, made.message, made.recipient, made.list):
        obj.user_shares.all().delete()
        obj.group_shares.all().delete()


def addresses(made: Scene) -> list[str]:
    """Every page of the objects, and where else their words are read."""
    keys = {f"campaigns/{path}/": getattr(made, name).pk for name, path in KEYS.items()}
    own = [page.address(keys) for page in pages() if page.has_object and any(map(page.route.startswith, keys))]
    lists = [reverse(f"admin:campaigns_{noun}_changelist") for noun in KEYS.values()]
    autocomplete = {"app_label": "campaigns", "model_name": "mailing", "term": SECRET[:3]}
    return [
        *own,
        *lists,
        *(f"{url}?q={SECRET[:3]}" for url in lists),
        reverse("admin:index"),
        reverse("admin:campaigns_recipient_changelist", query={"mailings__id__exact": made.mailing.pk}),
        reverse("admin:campaigns_mailinglog_changelist", query={"attempt__id__exact": made.attempt.pk}),
        reverse("admin:campaigns_mailing_add", query={"message": made.message.pk, "add_recipients": made.recipient.pk}),
        *(
            reverse("admin:autocomplete", query={**autocomplete, "field_name": name})
            for name in ("message", "recipients")
        ),
    ]


def read(client: Client, made: Scene) -> set[str]:
    """Where the owner's words are read now."""
    return {url for url in addresses(made) if SECRET in undone(partial(client.get, url)).content.decode()}


def end_shares(made: Scene, _colleague: User) -> None:
    revoke_all(made)


def end_role(_made: Scene, colleague: User) -> None:
    colleague.groups.clear()


def end_permissions(_made: Scene, _colleague: User) -> None:
    Group.objects.get(name=OPERATOR).permissions.clear()


def end_account(_made: Scene, colleague: User) -> None:
    User.objects.filter(pk=colleague.pk).update(is_active=False)


def end_staff(_made: Scene, colleague: User) -> None:
    User.objects.filter(pk=colleague.pk).update(is_staff=False)


ENDS = [end_shares, end_role, end_permissions, end_account, end_staff]
type End = Callable[[Scene, User], None]


@pytest.mark.parametrize(
    ("verb", "end"),
    [("view", end_shares), ("send", end_shares), *(("change", end) for end in ENDS)],
)
def test_nothing_is_read_after_the_end(verb: str, end: End, made: Scene, colleague: User, client: Client) -> None:
    share_all(made, verb, colleague)
    assert SECRET in client.get(reverse("admin:campaigns_mailing_change", args=[made.mailing.pk])).content.decode()
    end(made, colleague)
    assert read(client, made) == set()


def test_nothing_is_read_after_leaving_the_group(made: Scene, colleague: User, client: Client) -> None:
    team = Group.objects.create(name="team")
    colleague.groups.add(team)
    share_all(made, "change", team)
    assert SECRET in client.get(reverse("admin:campaigns_mailing_change", args=[made.mailing.pk])).content.decode()
    colleague.groups.remove(team)
    assert read(client, made) == set()


def mailing_form(made: Scene) -> dict[str, Any]:
    times = {f"{name}_at_{part}": "" for name in ("start", "end") for part in (0, 1)}
    shown = {"version": made.mailing.version, "opened": "0"}
    return {"name": "Renamed", "message": made.message.pk, "repetition": "once", **times, **shown}


def deeds(made: Scene) -> dict[str, dict[str, Any]]:
    """What a colleague can post who has the objects open, by address."""
    recipients = reverse("admin:campaigns_recipient_changelist")
    mailings = reverse("admin:campaigns_mailing_changelist")
    message = {"subject": "Renamed", "body": "Text", "body_html": "", "version": made.message.version, "opened": "0"}
    audience = {"action": "remove_from_mailing", "_selected_action": [made.recipient.pk], "mailing": made.mailing.pk}
    return {
        reverse("admin:campaigns_mailing_change", args=[made.mailing.pk]): mailing_form(made),
        reverse("admin:campaigns_message_change", args=[made.message.pk]): message,
        recipients: {**audience, "confirmed": "1"},
        mailings: {"action": "cancel_selected", "_selected_action": [made.mailing.pk], "confirmed": "1"},
        **{
            reverse(f"admin:campaigns_mailing_{verb.name}", args=[made.mailing.pk]): {"_form_submitted": "True"}
            for verb in VERBS
        },
    }


def state(made: Scene) -> Any:
    return [
        list(Mailing.objects.filter(pk=made.mailing.pk).values()),
        list(type(made.message)._default_manager.filter(pk=made.message.pk).values()),
        list(made.mailing.attempts.values()),
        list(made.mailing.recipients.values_list("pk", flat=True)),
    ]


def done(client: Client, made: Scene) -> set[str]:
    """Which of the deeds still change something."""
    before = state(made)

    def changes(url: str, data: dict[str, Any]) -> bool:
        client.post(url, data)
        return bool(state(made) != before)

    return {url for url, data in deeds(made).items() if undone(partial(changes, url, data))}


def test_what_is_shared_is_done_before_the_end(made: Scene, colleague: User, client: Client) -> None:
    """So that the next test has something to find."""
    for verb in ("change", "send"):
        share_all(made, verb, colleague)
    own = {reverse(f"admin:campaigns_{noun}_change", args=[getattr(made, noun).pk]) for noun in ("mailing", "message")}
    assert own | {reverse("admin:campaigns_mailing_cancel", args=[made.mailing.pk])} <= done(client, made)


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_done_after_the_end(end: End, made: Scene, colleague: User, client: Client) -> None:
    for verb in ("change", "send"):
        share_all(made, verb, colleague)
    client.get(reverse("admin:campaigns_mailing_change", args=[made.mailing.pk]))
    end(made, colleague)
    assert done(client, made) == set()


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_exported_after_the_end(end: End, made: Scene, colleague: User, client: Client) -> None:
    share_all(made, "view", colleague)
    export: Any = {"path": reverse("admin:campaigns_recipient_export"), "data": {"format": "0", "resource": ""}}
    assert SECRET in client.post(**export).getvalue().decode()
    end(made, colleague)
    assert SECRET not in client.post(**export).getvalue().decode()


@pytest.mark.parametrize("end", ENDS)
def test_nothing_shared_is_put_into_a_mailing_after_the_end(
    end: End, made: Scene, colleague: User, client: Client
) -> None:
    share_all(made, "view", colleague)
    own = factories.mailing(colleague, 0)
    end(made, colleague)
    form = {**mailing_form(made), "add_recipients": [made.recipient.pk], "version": own.version}
    client.post(reverse("admin:campaigns_mailing_change", args=[own.pk]), form)
    client.post(reverse("admin:campaigns_mailing_add"), {**form, "name": "Another"})
    data = {"action": "add_to_mailing", "_selected_action": [made.recipient.pk], "confirmed": "1", "mailing": own.pk}
    client.post(reverse("admin:campaigns_recipient_changelist"), data)
    own.refresh_from_db()
    assert own.message != made.message
    assert not Recipient.objects.filter(mailings__owner=colleague).exists()
    assert not Mailing.objects.filter(name="Another").exists()


def test_an_owner_who_lost_the_role_does_nothing_with_the_own(made: Scene) -> None:
    client = client_of(made.owner)
    made.owner.groups.clear()
    assert read(client, made) <= {reverse("admin:index")}  # which has the person's own name
    assert f"{SECRET} mailing" not in client.get(reverse("admin:index")).content.decode()
    assert done(client, made) == set()
