"""Exports and imports: no row, column or file of others' comes out, and none is written."""

import csv
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.models import ImportJob, Recipient
from campaigns.tests import factories
from campaigns.tests.doors import client_of, import_of
from campaigns.tests.scene import SECRET, Scene

pytestmark = pytest.mark.django_db

IMPORT = "admin:campaigns_recipient_import"
EXPORT = "admin:campaigns_recipient_export"


@pytest.fixture
def client(stranger: User) -> Client:
    return client_of(stranger)


def body(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode())


def export(client: Client, **query: Any) -> str:
    return body(client.post(reverse(EXPORT, query=query), {"format": "0", "resource": ""}, follow=True))


def columns(text: str) -> list[str]:
    return next(csv.reader(StringIO(text)))


# Exports


@pytest.mark.parametrize(
    "query", [{}, {"all": ""}, {"q": SECRET[:3]}, {"export_items": "1"}, {"owner__id__exact": "1"}, {"ids": "1"}]
)
def test_an_export_has_nothing_of_others(query: dict[str, str], made: Scene, client: Client) -> None:
    assert SECRET not in export(client, **query)


def test_an_export_asked_for_by_forged_ids_has_nothing_of_others(made: Scene, client: Client) -> None:
    forged = {"format": "0", "resource": "", "export_items": [made.recipient.pk], "_selected_action": made.recipient.pk}
    assert SECRET not in body(client.post(reverse(EXPORT), forged, follow=True))


def test_the_exports_page_tells_nothing_of_others(made: Scene, client: Client) -> None:
    assert SECRET not in body(client.get(reverse(EXPORT)))


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_an_export_has_no_columns_about_people_or_keys(role: str, made: Scene) -> None:
    someone = factories.user(role)
    factories.recipient(someone)
    assert {"id", "owner", "owner_id", "password", "mailings"} & set(columns(export(client_of(someone)))) == set()


def test_no_column_can_be_asked_for_that_the_export_does_not_have(made: Scene, stranger: User, client: Client) -> None:
    factories.recipient(stranger)
    forged = {"format": "0", "resource": "", "recipientresource_owner": "on", "recipientresource_id": "on"}
    assert {"id", "owner"} & set(columns(body(client.post(reverse(EXPORT), forged)))) == set()


@pytest.mark.parametrize("kind", ["2", "3", "99", "-1", "x", ""])
def test_a_kind_of_file_that_is_not_offered_is_refused(kind: str, made: Scene, client: Client) -> None:
    answer = client.post(reverse(EXPORT), {"format": kind, "resource": ""})
    assert answer.status_code == 200
    assert "attachment" not in answer.headers.get("Content-Disposition", "")


def test_no_list_exports_by_an_action_what_it_does_not_show(made: Scene, client: Client) -> None:
    for action in ("export_admin_action", "export_selected", "export_selected_objects", "export_action"):
        data = {"action": action, "_selected_action": [made.recipient.pk], "select_across": "1", "format": "0"}
        answer = client.post(reverse("admin:campaigns_recipient_changelist"), data, follow=True)
        assert SECRET not in body(answer), action


def test_an_export_stops_with_the_role(stranger: User, client: Client) -> None:
    factories.recipient(stranger)
    stranger.groups.clear()
    for answer in (client.get(reverse(EXPORT)), client.post(reverse(EXPORT), {"format": "0", "resource": ""})):
        assert answer.status_code == 403


# Imports


def upload(client: Client, text: str) -> Any:
    return client.post(reverse(IMPORT), {"import_file": SimpleUploadedFile("people.csv", text.encode())})


def step(client: Client, name: str, job: ImportJob) -> Any:
    data: dict[str, Any] = {}
    if name == "confirm":
        page = client.get(reverse("admin:campaigns_importjob_change", args=[job.pk]))
        data = {"shown": page.context["shown"]} if page.status_code == 200 else {}
    if name == "choose":
        data = {"mode": "add-and-update", **{f"column-{n}": target for n, target in enumerate(job.mapping)}}
    return client.post(reverse(f"admin:campaigns_importjob_{name}", args=[job.pk]), data)


def take_in(client: Client, text: str) -> None:
    """All that a person does who imports a file."""
    upload(client, text)
    for job in ImportJob.objects.filter(name="people.csv"):
        step(client, "choose", job)
        step(client, "confirm", job)


def stored(recipient: Recipient) -> Any:
    return Recipient.objects.filter(pk=recipient.pk).values().get()


def test_a_file_becomes_recipients_of_whoever_took_it_in(stranger: User, client: Client) -> None:
    take_in(client, "email,full_name\nnew@example.com,New\n")
    assert Recipient.objects.get(email="new@example.com").owner == stranger


@pytest.mark.parametrize("role", [OPERATOR, MANAGER, None])
def test_an_import_updates_nothing_of_others(role: str | None, made: Scene) -> None:
    before = stored(made.recipient)
    take_in(client_of(factories.user(role)), f"email,full_name,comment\n{made.recipient.email},Mine,Mine\n")
    assert stored(made.recipient) == before


@pytest.mark.parametrize("given", ["view", "change"])
def test_an_import_updates_nothing_that_is_shared(given: str, made: Scene, stranger: User, client: Client) -> None:
    """A share lets the person edit one recipient on its page; a file is about the own ones."""
    factories.share(made.recipient, given, to=stranger)
    before = stored(made.recipient)
    take_in(client, f"email,full_name\n{made.recipient.email},Mine\n")
    assert stored(made.recipient) == before


@pytest.mark.parametrize("column", ["id", "pk", "ID", "owner", "owner_id", "owner__email", "Owner", "recipient_id"])
def test_an_import_takes_neither_owner_nor_key_from_the_file(
    column: str, made: Scene, stranger: User, client: Client
) -> None:
    before = stored(made.recipient)
    value = made.owner.pk if "owner" in column.lower() else made.recipient.pk
    take_in(client, f"email,full_name,{column}\nforged@example.com,Mine,{value}\n")
    assert stored(made.recipient) == before
    assert Recipient.objects.get(email="forged@example.com").owner == stranger


@pytest.mark.parametrize("target", ["owner", "owner_id", "id", "pk", ""])
def test_no_column_is_told_to_be_the_owner_or_the_key(target: str, made: Scene, client: Client) -> None:
    upload(client, "email,forged\nforged@example.com,1\n")
    job = ImportJob.objects.get(name="people.csv")
    forged = {"mode": "add-and-update", "column-0": "email", "column-1": target}
    client.post(reverse("admin:campaigns_importjob_choose", args=[job.pk]), forged)
    job.refresh_from_db()
    assert job.state == ImportJob.State.UPLOADED


def test_a_preview_tells_nothing_of_others_with_the_same_address(made: Scene, client: Client) -> None:
    upload(client, f"email,full_name\n{made.recipient.email},Mine\n")
    job = ImportJob.objects.get(name="people.csv")
    step(client, "choose", job)
    page = body(client.get(reverse("admin:campaigns_importjob_change", args=[job.pk])))
    assert "Mine" in page
    assert f"{SECRET} name" not in page
    assert f"{SECRET} comment" not in page


@pytest.mark.parametrize("name", ["choose", "confirm", "cancel"])
@pytest.mark.parametrize("role", [OPERATOR, MANAGER, None])
def test_what_somebody_else_uploaded_is_not_gone_on_with(role: str | None, name: str, made: Scene) -> None:
    job = import_of(made.owner)
    assert step(client_of(factories.user(role)), name, job).status_code == 404
    job.refresh_from_db()
    assert job.state == ImportJob.State.PREVIEWED
    assert step(client_of(made.owner), name, job).status_code == 302


def test_what_somebody_else_uploaded_is_not_read(made: Scene, client: Client) -> None:
    job = import_of(made.owner)
    for name in ("change", "history", "progress", "refused"):
        answer = client.get(reverse(f"admin:campaigns_importjob_{name}", args=[job.pk]))
        assert answer.status_code == 404
        assert SECRET not in body(answer)
    assert SECRET not in body(client.get(reverse("admin:campaigns_importjob_changelist", query={"q": SECRET[:-1]})))


@pytest.mark.parametrize("name", ["choose", "confirm", "cancel"])
def test_an_import_does_not_go_on_without_the_role(name: str, stranger: User, client: Client) -> None:
    job = import_of(stranger)
    stranger.groups.clear()
    assert step(client, name, job).status_code == 404
    job.refresh_from_db()
    assert job.state == ImportJob.State.PREVIEWED


def test_nobody_without_the_role_imports() -> None:
    client = client_of(factories.user())
    assert client.get(reverse(IMPORT)).status_code == 403
    assert upload(client, "email\na@example.com\n").status_code == 403
    assert not ImportJob.objects.exists()
