"""The pages of single objects, and the pages that are about none: what they say of others."""

import re
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR, role
from campaigns.models import Mailing, MailingAttempt
from campaigns.tests import factories
from campaigns.tests.doors import bulk_job_of, client_of, import_of, pages
from campaigns.tests.scene import SECRET, Scene, scene

pytestmark = pytest.mark.django_db

NOUNS = ("mailing", "message", "recipient")


@pytest.fixture
def client(stranger: User) -> Client:
    return client_of(stranger)


def page(obj: Any, name: str, **query: Any) -> str:
    return reverse(f"admin:campaigns_{obj._meta.model_name}_{name}", args=[obj.pk], query=query)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def all_of(made: Scene) -> list[Any]:
    return [made.mailing, made.message, made.recipient, made.attempt, made.log]


# Whether it exists is not told


def test_what_is_not_seen_is_answered_like_what_is_not_there(made: Scene, client: Client) -> None:
    """The same page, and the same words, for an object of others and for none."""
    for noun in ("mailing", "message", "recipient", "mailingattempt", "mailinglog"):
        key = {obj._meta.model_name: obj.pk for obj in all_of(made)}[noun]
        for one in pages():
            if one.has_object and one.route.startswith(f"campaigns/{noun}/") and not one.name.endswith("_old"):
                theirs, nobodys = (client.get(one.with_key(each)) for each in (key, 999_999_999))
                assert (theirs.status_code, text(theirs)) == (nobodys.status_code, text(nobodys)), one.name


def test_an_error_page_says_nothing_of_the_object(made: Scene, client: Client) -> None:
    for obj in all_of(made):
        for name in ("change", "delete", "history"):
            assert SECRET not in text(client.get(page(obj, name)))


def test_no_message_is_left_for_the_next_page_by_what_was_refused(made: Scene, client: Client) -> None:
    """Django's own answer to a missing object is a redirect with a message that names the id."""
    for obj in all_of(made):
        for name in ("change", "delete", "history"):
            answer = client.post(page(obj, name), {"post": "yes"})
            assert [str(message) for message in get_messages(answer.wsgi_request)] == []


def test_on_site_tells_nothing(made: Scene, client: Client) -> None:
    for obj in all_of(made):
        noun = ContentType.objects.get_for_model(type(obj)).pk
        assert client.get(reverse("admin:view_on_site", args=[noun, obj.pk])).status_code == 404


# Histories


def test_a_history_says_nothing_of_an_object_that_is_not_seen(made: Scene, client: Client) -> None:
    assert {client.get(page(obj, "history")).status_code for obj in all_of(made)} == {404}


def test_a_history_of_people_and_roles_is_for_those_who_manage_them(made: Scene, client: Client) -> None:
    for name, key in (("accounts_user", made.owner.pk), ("auth_group", role(OPERATOR).pk)):
        assert client.get(reverse(f"admin:{name}_history", args=[key])).status_code == 404


def test_the_first_page_does_not_say_what_others_did(made: Scene, client: Client) -> None:
    assert SECRET not in text(client.get(reverse("admin:index")))
    assert SECRET not in text(client.get(reverse("admin:app_list", args=["campaigns"])))


def test_the_first_page_does_not_name_what_the_person_worked_on_and_may_not_see_any_more(made: Scene) -> None:
    colleague = factories.user(OPERATOR)
    factories.share(made.message, "change", to=colleague)
    client = client_of(colleague)
    client.post(page(made.message, "change"), {"subject": f"{SECRET} edited", "body": "", "body_html": ""})
    made.message.user_shares.all().delete()
    assert SECRET not in text(client.get(reverse("admin:index")))


# Deletions


def test_what_a_deletion_takes_along_is_counted_and_not_named(made: Scene, stranger: User, client: Client) -> None:
    message = factories.message(stranger)
    Mailing.objects.filter(pk=made.mailing.pk).update(message=message)
    answer = text(client.get(page(message, "delete")))
    assert SECRET not in answer
    assert "1 mailing" in answer


def test_a_recipient_in_others_mailings_is_deleted_without_naming_them(
    made: Scene, stranger: User, client: Client
) -> None:
    recipient = factories.recipient(stranger)
    made.mailing.recipients.add(recipient)
    assert SECRET not in text(client.get(page(recipient, "delete")))


def test_a_deletion_of_many_names_nothing_that_hangs_on_them(made: Scene, stranger: User, client: Client) -> None:
    message = factories.message(stranger)
    Mailing.objects.filter(pk=made.mailing.pk).update(message=message)
    data = {"action": "delete_selected", "_selected_action": [message.pk]}
    assert SECRET not in text(client.post(reverse("admin:campaigns_message_changelist"), data))


# Letters on the screen


@pytest.mark.parametrize("name", ["preview", "preview_html"])
def test_a_preview_is_not_made_for_a_recipient_of_others(
    name: str, made: Scene, stranger: User, client: Client
) -> None:
    for obj in (factories.message(stranger), factories.mailing(stranger)):
        assert client.get(page(obj, name, **{"as": made.recipient.pk})).status_code == 404
        assert SECRET not in text(client.get(page(obj, "preview", q=SECRET[:-1])))


@pytest.mark.parametrize("name", ["as_sent", "as_sent_html"])
def test_what_was_sent_is_not_shown_for_a_row_of_another_attempt(
    name: str, made: Scene, stranger: User, client: Client
) -> None:
    own = scene(stranger, "plugh").attempt
    answer = client.get(page(own, name, **{"as": made.log.pk}))
    assert answer.status_code == 404
    assert SECRET not in text(client.get(page(own, "as_sent", q=SECRET[:-1])))


def test_who_has_a_share_of_the_mailing_does_not_see_its_recipients_in_letters(made: Scene) -> None:
    colleague = factories.user(OPERATOR)
    factories.share(made.mailing, "send", to=colleague)
    client = client_of(colleague)
    asked = [page(made.mailing, "preview"), page(made.mailing, "preview", q=SECRET[:-1]), page(made.attempt, "as_sent")]
    for url in asked:
        assert f"{SECRET} name" not in text(client.get(url))
        assert f"{SECRET} comment" not in text(client.get(url))


def test_what_is_wrong_with_a_mailing_names_no_recipient_that_is_not_seen(made: Scene) -> None:
    """A placeholder without a value is found for each recipient; who sees only the mailing is told how many."""
    type(made.message).objects.filter(pk=made.message.pk).update(body="{{ attributes.city }}")
    colleague = factories.user(OPERATOR)
    factories.share(made.mailing, "send", to=colleague)
    asked = page(made.mailing, "preflight")
    assert f"{SECRET} name" in text(client_of(made.owner).get(asked))
    found = re.findall(r"finding=([\w.-]+)", text(client_of(made.owner).get(asked)))
    assert found
    client = client_of(colleague)
    assert f"{SECRET} name" not in text(client.get(asked))
    for code in found:
        assert f"{SECRET} name" not in text(client.get(page(made.mailing, "preflight", finding=code)))
        exported: Any = client.get(page(made.mailing, "preflight_export", finding=code))
        assert SECRET not in b"".join(exported.streaming_content).decode()


# Sharing


@pytest.mark.parametrize("noun", NOUNS)
def test_the_page_of_a_share_offers_colleagues_and_groups_and_nothing_else(
    noun: str, made: Scene, stranger: User, client: Client
) -> None:
    own = scene(stranger, "plugh")
    factories.user(is_staff=False, full_name="Left Us")
    answer = client.get(page(getattr(own, noun), "share"))
    fields = set(answer.context["form"].fields)
    assert fields <= {"people", "groups", "may", "with_message"}
    # Names and addresses of colleagues are no secret; nothing of what they own is told.
    assert re.search(rf"{SECRET}(?!.owner| owner)", text(answer)) is None


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("given", ["view", "change"])
def test_who_has_a_share_does_not_learn_who_else_has(noun: str, given: str, made: Scene) -> None:
    colleague, other = factories.user(OPERATOR), factories.user(OPERATOR, full_name="Another Colleague")
    for someone in (colleague, other):
        factories.share(getattr(made, noun), given, to=someone)
    for name in ("change", "delete"):
        assert "Another Colleague" not in text(client_of(colleague).get(page(getattr(made, noun), name)))


# Progress


def test_the_progress_of_others_is_not_told(made: Scene, client: Client) -> None:
    keys = {"mailing": made.mailing.pk, "mailingattempt": made.attempt.pk}
    keys |= {"importjob": import_of(made.owner).pk, "bulkjob": bulk_job_of(made.owner).pk}
    asked = [one for one in pages() if one.name.endswith("_progress")]
    assert asked
    for one in asked:
        for way in (client.get, client.post):
            answer = way(one.address({f"campaigns/{noun}/": key for noun, key in keys.items()}))
            assert answer.status_code == 404
            assert SECRET not in text(answer)


# The dashboard


def test_the_dashboard_counts_and_names_only_what_is_seen(made: Scene, client: Client) -> None:
    MailingAttempt.objects.filter(pk=made.attempt.pk).update(status="fail", finished_at=made.attempt.created_at)
    assert SECRET not in text(client.get(reverse("admin:index")))


def test_the_dashboard_shows_a_manager_everybodys(made: Scene) -> None:
    assert SECRET in text(client_of(factories.user(MANAGER)).get(reverse("admin:index")))


def test_an_inactive_account_is_sent_to_the_login(made: Scene) -> None:
    client = client_of(made.owner)
    User.objects.filter(pk=made.owner.pk).update(is_active=False)
    assert reverse("admin:login") in client.get(page(made.mailing, "change")).headers["Location"]
