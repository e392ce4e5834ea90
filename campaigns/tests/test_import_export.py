"""Recipients from files and to files, through the pages of the admin."""

import csv
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.models import ImportJob
from campaigns.tests import factories
from campaigns.tests.importing import FILES, imported, stored
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

IMPORT = "/admin/campaigns/recipient/import/"
EXPORT = "/admin/campaigns/recipient/export/"
CSV, XLSX = "0", "1"


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def upload(client: Client, content: str | bytes, kind: str = CSV) -> Any:
    """The answer to an upload: the way to the import's page, or a form that says what is wrong."""
    data = content.encode() if isinstance(content, str) else content
    return client.post(
        IMPORT, {"import_file": SimpleUploadedFile("people.csv" if kind == CSV else "people.xlsx", data)}
    )


def post(client: Client, verb: str, job: ImportJob, **fields: str) -> Any:
    return client.post(reverse(f"admin:campaigns_importjob_{verb}", args=[job.pk]), fields)


def told_columns(job: ImportJob) -> dict[str, str]:
    return {"mode": job.mode, **{f"column-{number}": target for number, target in enumerate(job.mapping)}}


def preview(client: Client, content: str | bytes, kind: str = CSV) -> ImportJob:
    """An import whose columns were told as they were guessed."""
    page = upload(client, content, kind)
    assert page.status_code == 302, page.context["form"].errors
    job = ImportJob.objects.latest("pk")
    post(client, "choose", job, **told_columns(job))
    job.refresh_from_db()
    return job


def take_in(client: Client, content: str | bytes, kind: str = CSV) -> ImportJob:
    job = preview(client, content, kind)
    post(client, "confirm", job)
    job.refresh_from_db()
    return job


def page_of(client: Client, job: ImportJob) -> Any:
    return client.get(reverse("admin:campaigns_importjob_change", args=[job.pk]))


def sheet(*rows: tuple[Any, ...]) -> bytes:
    book, file = openpyxl.Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def export(client: Client, query: str = "", kind: str = CSV) -> bytes:
    response = client.post(f"{EXPORT}{query}", {"format": kind, "resource": ""})
    assert "attachment" in response.headers["Content-Disposition"]
    return bytes(response.content)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(content.decode())))


def told(page: Any) -> str:
    """What the page says, as a person reads it."""
    assert page.status_code == 200
    text: str = page.content.decode()
    return text.replace("&#x27;", "'")


# From a file


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_what_was_previewed_is_stored_when_it_is_confirmed(kind: str, operator: User, client: Client) -> None:
    table = ("email", "full_name", "comment", "city"), ("anna@example.com", "Anna Łoś", "a friend", "Łódź")
    text = "\n".join(",".join(row) for row in table)
    job = preview(client, text if kind == CSV else sheet(*table), kind)
    assert "Łódź" in told(page_of(client, job))
    assert stored(operator) == []
    post(client, "confirm", job)
    assert stored(operator) == [("anna@example.com", "Anna Łoś", "a friend", {"city": "Łódź"})]


def test_an_upload_leads_to_its_columns_with_their_values(client: Client) -> None:
    job = factories.import_job(client_user(client), "who,where\nAnna,anna@example.com\n")
    page = told(page_of(client, job))
    for word in ("who", "where", "Anna", "anna@example.com", "Check the rows"):
        assert word in page


def client_user(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_columns_that_make_no_sense_are_asked_for_again(operator: User, client: Client) -> None:
    job = factories.import_job(operator, "email,name\nanna@example.com,Anna\n")
    page = post(client, "choose", job, **{**told_columns(job), "column-0": "skip"})
    assert "No column holds the e-mail addresses" in told(page)
    job.refresh_from_db()
    assert job.state == ImportJob.State.UPLOADED


def test_the_preview_counts_and_names_what_is_refused(client: Client) -> None:
    page = told(page_of(client, preview(client, "email\nanna@example.com\nno address\n")))
    assert "Line 3: “no address” is not a valid e-mail address." in page
    assert "To confirm adds 1 and changes 0 recipients." in page
    assert "Confirm the import" in page


def test_a_preview_with_nothing_to_store_offers_no_confirmation(client: Client) -> None:
    page = told(page_of(client, preview(client, "email\nno address\n")))
    assert "Confirm the import" not in page


def test_the_result_has_its_figures(client: Client) -> None:
    page = told(page_of(client, take_in(client, "email\nanna@example.com\nno address\n")))
    assert "Show the recipients" in page
    assert "1 row is refused" in page


def test_refused_rows_are_downloaded_with_line_and_reason(client: Client) -> None:
    job = take_in(client, "email,city\nanna@example.com,Rome\nno address,Oslo\n")
    answer: Any = client.get(reverse("admin:campaigns_importjob_refused", args=[job.pk]))
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    reason = "“no address” is not a valid e-mail address."
    assert list(csv.DictReader(StringIO(content))) == [
        {"line": "3", "reason": reason, "email": "no address", "city": "Oslo"}
    ]


def test_what_a_file_says_is_shown_as_text(client: Client) -> None:
    script = "<script>alert(1)</script>"
    job = preview(client, f"email,{script}\nanna@example.com,{script}\n{script},x\n")
    page = told(page_of(client, job))
    assert script not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("name", ["empty.csv", "binary.csv", "old.xls", "unterminated-quote.csv", "damaged.xlsx"])
def test_a_file_that_is_none_is_a_sentence(name: str, client: Client) -> None:
    page = upload(client, (FILES / name).read_bytes())
    assert page.context["form"].errors
    for gibberish in ("Traceback", "DETAIL:", "psycopg", "_csv"):
        assert gibberish not in told(page)
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("data", [{}, {"import_file": "text"}])
def test_a_form_that_was_not_filled_in_says_so(data: dict[str, str], client: Client) -> None:
    page = client.post(IMPORT, data)
    assert page.context["form"].errors
    assert page.status_code == 200


def test_a_file_that_is_too_large_is_refused_while_it_is_read(client: Client, settings: Settings) -> None:
    settings.IMPORT_MAX_MB = 1
    page = upload(client, b"email\n" + b"a@example.com\n" * 300_000)
    assert "The file is larger than 1 MB: split it." in told(page)
    assert page.wsgi_request.FILES == {}


def test_progress_is_asked_for_while_it_is_under_way_and_then_the_page_is_loaded_anew(
    operator: User, client: Client
) -> None:
    job = factories.import_job(operator)
    ImportJob.objects.filter(pk=job.pk).update(state=ImportJob.State.RUNNING, position=40, rows_done=1000)
    url = reverse("admin:campaigns_importjob_progress", args=[job.pk])
    under_way = client.get(url)
    assert f'hx-get="{url}"' in told(under_way)
    assert 'aria-valuenow="40"' in told(under_way)
    assert "HX-Refresh" not in under_way.headers
    ImportJob.objects.filter(pk=job.pk).cancel()
    assert client.get(url).headers["HX-Refresh"] == "true"


def test_an_import_can_be_cancelled_before_it_is_confirmed(operator: User, client: Client) -> None:
    job = preview(client, "email\nanna@example.com\n")
    post(client, "cancel", job)
    post(client, "confirm", job)
    assert "Nothing of this file was stored." in told(page_of(client, job))
    assert stored(operator) == []


def test_what_was_confirmed_is_imported_once(operator: User, client: Client) -> None:
    job = take_in(client, "email\nanna@example.com\n")
    operator.recipients.all().delete()
    assert "look at what it is now" in sentences(post(client, "confirm", job))[-1]
    assert stored(operator) == []


# Who may


@pytest.mark.parametrize("verb", ["choose", "confirm", "cancel"])
@pytest.mark.parametrize("role", [OPERATOR, MANAGER, None])
def test_somebody_elses_import_can_not_be_gone_on_with(
    role: str | None, verb: str, operator: User, client: Client
) -> None:
    job = preview(client, "email\nanna@example.com\n")
    answer = post(logged_in(factories.user(role)), verb, job, **told_columns(job))
    assert answer.status_code == 404
    job.refresh_from_db()
    assert job.state == ImportJob.State.PREVIEWED
    assert stored(operator) == []


def test_a_manager_sees_the_imports_of_all_and_a_colleague_the_own(client: Client) -> None:
    preview(client, "email\nanna@example.com\n")
    imports = reverse("admin:campaigns_importjob_changelist")
    assert "people.csv" in told(logged_in(factories.user(MANAGER)).get(imports))
    assert "people.csv" not in told(logged_in(factories.user(OPERATOR)).get(imports))


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_another_owners_recipient_with_the_same_address_is_not_touched(role: str, operator: User) -> None:
    theirs = factories.recipient(operator, "anna@example.com", full_name="Theirs")
    importer = factories.user(role)
    take_in(logged_in(importer), "email,full_name\nanna@example.com,Mine\n")
    theirs.refresh_from_db()
    assert (theirs.full_name, importer.recipients.get().full_name) == ("Theirs", "Mine")


def test_an_operator_without_the_permission_can_neither_import_nor_export() -> None:
    client = logged_in(factories.user())
    assert client.get(IMPORT).status_code == 403
    assert upload(client, "email\nanna@example.com\n").status_code == 403
    assert client.post(EXPORT, {"format": CSV, "resource": ""}).status_code == 403


# To a file


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_an_export_has_all_the_own_recipients_and_no_other(kind: str, operator: User, client: Client) -> None:
    factories.recipient(operator, "anna@example.com", full_name="Anna", comment="a friend", attributes={"city": "Łódź"})
    factories.recipient(factories.user(OPERATOR), "theirs@example.com")
    content = export(client, kind=kind)
    table = [*csv.reader(StringIO(content.decode()))] if kind == CSV else read_sheet(content)
    assert table == [
        ["email", "full_name", "comment", "attributes"],
        ["anna@example.com", "Anna", "a friend", '{"city": "Łódź"}'],
    ]


def read_sheet(content: bytes) -> list[list[Any]]:
    return [list(row) for row in openpyxl.load_workbook(BytesIO(content)).active.iter_rows(values_only=True)]


def test_an_export_has_what_was_searched_for(operator: User, client: Client) -> None:
    for name in ("anna", "anne", "bob"):
        factories.recipient(operator, f"{name}@example.com")
    assert {row["email"] for row in rows(export(client, "?q=ann"))} == {"anna@example.com", "anne@example.com"}


def test_an_export_has_what_was_filtered(operator: User, client: Client) -> None:
    member, _other = factories.recipients(operator, 2)
    mailing = factories.mailing(operator, [member])
    [row] = rows(export(client, f"?mailings__id__exact={mailing.pk}"))
    assert row["email"] == member.email


def test_the_lists_button_exports_what_the_list_shows(operator: User, client: Client) -> None:
    factories.recipient(operator, "anna@example.com")
    page = client.get("/admin/campaigns/recipient/?q=ann").content.decode()
    assert f'href="{EXPORT}?q=ann"' in page


def test_a_manager_exports_what_everybody_has(operator: User) -> None:
    factories.recipient(operator, "anna@example.com")
    [row] = rows(export(logged_in(factories.user(MANAGER))))
    assert row["email"] == "anna@example.com"


def test_a_forged_selection_exports_nothing_of_others(operator: User, client: Client) -> None:
    theirs = factories.recipient(factories.user(OPERATOR), "theirs@example.com")
    response = client.post(EXPORT, {"format": CSV, "resource": "", "export_items": [theirs.pk]})
    assert b"theirs@example.com" not in response.content


AWKWARD: tuple[dict[str, Any], ...] = (
    {"full_name": 'Anna "Ann", Berg', "comment": "two\nlines"},
    {"full_name": "=1+1", "comment": "@SUM(A1)"},
    {"comment": "as a browser\r\nsends it"},
    {"comment": "  spaces around  "},
    {"attributes": {"a": "1", "b": "x,y", "c": 'quote "', "nested": {"d": [1, None, True]}}},
    {"full_name": "İstanbul Łódź 北京", "comment": "None"},
    {"full_name": "007", "comment": "1e5"},
)


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_importing_an_export_changes_nothing(kind: str, operator: User, client: Client) -> None:
    for number, fields in enumerate(AWKWARD):
        factories.recipient(operator, f"Anna.{number}@Example.com", **fields)
    before = list(operator.recipients.order_by("pk").values())
    job = preview(client, export(client, kind=kind), kind)
    assert (job.unchanged, job.total) == (len(AWKWARD), len(AWKWARD))
    imported(operator, export(client, kind=kind))
    assert list(operator.recipients.order_by("pk").values()) == before


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_no_text_of_an_export_is_a_formula(kind: str, operator: User, client: Client) -> None:
    for number, sign in enumerate("=+-@\t\r"):
        factories.recipient(operator, f"={number}@example.com", full_name=f"{sign}1", comment=f"{sign}1")
    content = export(client, kind=kind)
    table = [*csv.reader(StringIO(content.decode(), newline=""))] if kind == CSV else read_sheet(content)
    assert {cell[0] for row in table[1:] for cell in row[:3]} == {"'"}
