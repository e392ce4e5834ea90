"""Recipients from files and to files, through the pages of the admin."""

import csv
import json
import re
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.models import Recipient
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

IMPORT = "/admin/campaigns/recipient/import/"
CONFIRM = "/admin/campaigns/recipient/process_import/"
EXPORT = "/admin/campaigns/recipient/export/"
CSV, XLSX = "0", "1"


@pytest.fixture(autouse=True)
def _own_place_for_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def upload(client: Client, content: str | bytes, kind: str = CSV) -> Any:
    """The page that follows an upload: a preview, or what is wrong."""
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("people.csv" if kind == CSV else "people.xlsx", data)
    return client.post(IMPORT, {"import_file": file, "format": kind, "resource": ""})


def confirm(client: Client, preview: Any) -> Any:
    return client.post(CONFIRM, preview.context["confirm_form"].initial)


def take_in(client: Client, content: str | bytes, kind: str = CSV) -> Any:
    return confirm(client, upload(client, content, kind))


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


def stored(owner: User) -> list[tuple[Any, ...]]:
    return list(owner.recipients.order_by("email").values_list("email", "full_name", "comment", "attributes"))


def told(page: Any) -> str:
    """What the page says, as a person reads it."""
    assert page.status_code == 200
    text: str = page.content.decode()
    return text.replace("&#x27;", "'")


# From a file


def test_a_preview_shows_what_is_in_the_file_and_stores_nothing(operator: User, client: Client) -> None:
    preview = upload(client, "email,full_name\nanna@example.com,Anna Berg\n")
    assert "Anna Berg" in told(preview)
    assert preview.context["confirm_form"]
    assert stored(operator) == []


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_what_was_previewed_is_stored_when_it_is_confirmed(kind: str, operator: User, client: Client) -> None:
    table = ("email", "full_name", "comment", "city"), ("anna@example.com", "Anna Łoś", "a friend", "Łódź")
    text = "\n".join(",".join(row) for row in table)
    take_in(client, text if kind == CSV else sheet(*table), kind)
    assert stored(operator) == [("anna@example.com", "Anna Łoś", "a friend", {"city": "Łódź"})]


def test_the_result_is_counted_in_a_sentence(operator: User, client: Client) -> None:
    factories.recipient(operator, "anna@example.com")
    response = take_in(client, "email,full_name\nanna@example.com,Anna\nbob@example.com,Bob\n")
    [sentence] = sentences(response)
    assert "1 new, 1 updated" in sentence


def test_common_names_of_columns_are_understood(operator: User, client: Client) -> None:
    take_in(client, "E-Mail , Full Name,NOTES\nanna@example.com,Anna,a friend\n")
    assert stored(operator) == [("anna@example.com", "Anna", "a friend", {})]


def test_a_file_as_excel_saves_utf_8_is_understood(operator: User, client: Client) -> None:
    take_in(client, "email,full_name\r\nanna@example.com,Zoë\r\n".encode("utf-8-sig"))
    assert stored(operator) == [("anna@example.com", "Zoë", "", {})]


def test_numbers_and_dates_of_a_sheet_become_text(operator: User, client: Client) -> None:
    take_in(client, sheet(("email", "plan", 2024), ("anna@example.com", 7, 1.5)), XLSX)
    assert stored(operator) == [("anna@example.com", "", "", {"plan": "7", "2024": "1.5"})]


def test_rows_with_nothing_in_them_are_passed_over(operator: User, client: Client) -> None:
    take_in(client, "email,full_name\nanna@example.com,Anna\n,\n  ,\n")
    assert operator.recipients.count() == 1


def test_a_column_without_a_name_is_passed_over(operator: User, client: Client) -> None:
    take_in(client, "email,,city\nanna@example.com,stray,Rome\n")
    assert operator.recipients.get().attributes == {"city": "Rome"}


def test_somebody_known_is_updated_whatever_the_letter_case(operator: User, client: Client) -> None:
    known = factories.recipient(operator, "Anna@Example.com", full_name="Old", attributes={"city": "Rome", "plan": "a"})
    take_in(client, "email,full_name,city\nANNA@example.COM,New,Oslo\n")
    known.refresh_from_db()
    assert (known.full_name, known.attributes) == ("New", {"city": "Oslo", "plan": "a"})
    assert operator.recipients.count() == 1


def test_a_column_that_is_not_in_the_file_is_left_as_it_is(operator: User, client: Client) -> None:
    known = factories.recipient(operator, "anna@example.com", full_name="Anna", comment="a friend")
    take_in(client, "email,comment\nanna@example.com,an old friend\n")
    known.refresh_from_db()
    assert (known.full_name, known.comment) == ("Anna", "an old friend")


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_another_owners_recipient_with_the_same_address_is_not_touched(role: str, operator: User) -> None:
    theirs = factories.recipient(operator, "anna@example.com", full_name="Theirs")
    importer = factories.user(role)
    take_in(logged_in(importer), "email,full_name\nanna@example.com,Mine\n")
    theirs.refresh_from_db()
    assert (theirs.full_name, importer.recipients.get().full_name) == ("Theirs", "Mine")


def test_the_last_of_several_rows_of_one_address_counts(operator: User, client: Client) -> None:
    take_in(client, "email,full_name\nanna@example.com,First\nbob@example.com,Bob\nANNA@example.com,Last\n")
    assert sorted(operator.recipients.values_list("full_name", flat=True)) == ["Bob", "Last"]


@pytest.mark.parametrize("column", ["owner", "owner_id", "id", "pk", "created_at"])
def test_a_column_does_not_reach_what_is_not_the_files_to_say(column: str, operator: User, client: Client) -> None:
    other = factories.recipient(factories.user(OPERATOR), "other@example.com")
    known = factories.recipient(operator, "anna@example.com")
    value = other.owner_id if column.startswith("owner") else other.pk
    take_in(client, f"email,full_name,{column}\nanna@example.com,Anna,{value}\nnew@example.com,New,{value}\n")
    assert set(operator.recipients.values_list("full_name", flat=True)) == {"Anna", "New"}
    assert Recipient.objects.get(pk=known.pk).full_name == "Anna"
    assert Recipient.objects.get(pk=other.pk).email == "other@example.com"


# What is wrong with a file is a sentence, and nothing is stored


def test_an_invalid_address_is_named_with_its_line(operator: User, client: Client) -> None:
    text = "email\na@example.com\na@example.com\nb@example.com\nno address\n"
    page = upload(client, text)
    assert "“no address” is not a valid e-mail address." in told(page)
    assert [row.number for row in page.context["result"].invalid_rows] == [5]
    assert "confirm_form" not in page.context
    assert stored(operator) == []


def test_a_name_that_is_too_long_is_named_with_its_line(operator: User, client: Client) -> None:
    page = upload(client, f"email,full_name\na@example.com,{'x' * 201}\n")
    assert "200" in told(page)
    assert [row.number for row in page.context["result"].invalid_rows] == [2]
    assert stored(operator) == []


def test_an_address_that_is_too_long_is_a_sentence(operator: User, client: Client) -> None:
    domain = ".".join(["d" * 60] * 4)
    page = upload(client, f"email\n{'a' * 60}@{domain}.com\n")
    assert [row.number for row in page.context["result"].invalid_rows] == [2]
    assert "confirm_form" not in page.context


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_a_file_without_a_column_of_addresses_is_a_sentence(kind: str, operator: User, client: Client) -> None:
    table = ("name", "city"), ("Anna", "Rome"), ("Bob", "Oslo")
    page = upload(client, "\n".join(",".join(row) for row in table) if kind == CSV else sheet(*table), kind)
    assert re.search(r">\s*The file has no column “email”. Its first line must name the columns.\s*<", told(page))
    assert "KeyError" not in told(page)
    assert "confirm_form" not in page.context


JUNK = bytes(range(256)) * 8
WRONG = {
    "empty": (b"", CSV),
    "header only": (b"email,full_name\n", CSV),
    "blank lines": (b"\n\n\n", CSV),
    "binary": (JUNK, CSV),
    "binary as a sheet": (JUNK, XLSX),
    "text as a sheet": (b"email\nanna@example.com\n", XLSX),
    "a sheet as text": (sheet(("email",), ("anna@example.com",)), CSV),
    "empty sheet": (sheet(), XLSX),
    "header only sheet": (sheet(("email", "full_name")), XLSX),
    "latin-1": ("email,full_name\nanna@example.com,Zoë\n".encode("latin-1"), CSV),
    "utf-16": ("email,full_name\nanna@example.com,Zoë\n".encode("utf-16"), CSV),
    "NUL in a name": (b"email,full_name\nanna@example.com,An\0na\n", CSV),
    "NUL in an address": (b"email,full_name\nan\0na@example.com,Anna\n", CSV),
    "NUL in an attribute": (b"email,city\nanna@example.com,Ro\0me\n", CSV),
    "NUL in a header": (b"email,ci\0ty\nanna@example.com,Rome\n", CSV),
    "too many cells": (b"email,full_name\nanna@example.com,Anna,Rome,Italy\n", CSV),
    "a huge cell": (b"email,full_name\nanna@example.com," + b"x" * 200_000 + b"\n", CSV),
    "half a quote": (b'email,full_name\n"anna@example.com,Anna\n', CSV),
    "one byte": (b"\xff", CSV),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_none_is_a_sentence(name: str, operator: User, client: Client) -> None:
    content, kind = WRONG[name]
    page = upload(client, content, kind)
    text = told(page)
    assert page.context["form"].errors or page.context["result"].has_errors() or page.context["result"].invalid_rows
    assert "confirm_form" not in page.context
    for gibberish in ("Traceback", "DETAIL:", "psycopg", "StopIteration", "_csv", "DataError"):
        assert gibberish not in text
    assert stored(operator) == []


def test_what_a_file_says_is_shown_as_text(client: Client) -> None:
    page = upload(client, "email,full_name\n<script>alert(1)</script>,<script>alert(2)</script>\n")
    assert "<script>alert" not in told(page)
    assert "&lt;script&gt;alert(1)" in told(page)


def test_a_file_in_another_encoding_says_what_to_do(client: Client) -> None:
    page = upload(client, "email,full_name\nanna@example.com,Zoë\n".encode("latin-1"))
    assert "UTF-8" in told(page)


@pytest.mark.parametrize("data", [{}, {"format": "9"}, {"format": CSV}, {"format": "x", "import_file": "text"}])
def test_a_form_that_was_not_filled_in_says_so(data: dict[str, str], client: Client) -> None:
    page = client.post(IMPORT, data or {"resource": ""})
    assert page.context["form"].errors
    assert page.status_code == 200


# Confirming


def test_somebody_elses_upload_can_not_be_confirmed(operator: User, client: Client) -> None:
    preview = upload(client, "email\nanna@example.com\n")
    other = factories.user(OPERATOR)
    response = confirm(logged_in(other), preview)
    assert not Recipient.objects.exists()
    assert response.headers["Location"] == IMPORT


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "passwd"])
def test_another_file_of_the_machine_can_not_be_confirmed(name: str, operator: User, client: Client) -> None:
    preview = upload(client, "email\nanna@example.com\n")
    forged = {**preview.context["confirm_form"].initial, "import_file_name": name}
    [sentence] = sentences(client.post(CONFIRM, forged))
    assert "upload the file again" in sentence
    assert stored(operator) == []


def test_a_confirmation_without_an_upload_stores_nothing(operator: User, client: Client) -> None:
    [sentence] = sentences(client.post(CONFIRM, {"format": CSV, "resource": ""}))
    assert "upload the file again" in sentence
    assert stored(operator) == []


def test_what_was_confirmed_is_imported_once(operator: User, client: Client) -> None:
    preview = upload(client, "email\nanna@example.com\n")
    confirm(client, preview)
    operator.recipients.all().delete()
    assert "upload the file again" in sentences(confirm(client, preview))[-1]
    assert stored(operator) == []


def test_a_second_upload_replaces_the_first(client: Client, tmp_path: Path) -> None:
    upload(client, "email\nanna@example.com\n")
    upload(client, "email\nbob@example.com\n")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["email\nbob@example.com\n"]


def test_what_was_confirmed_leaves_no_file_behind(client: Client, tmp_path: Path) -> None:
    take_in(client, "email\nanna@example.com\n")
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_was_wrong_leaves_no_file_behind(client: Client, tmp_path: Path) -> None:
    upload(client, "email\nno address\n")
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_is_gone_is_a_sentence(operator: User, client: Client, tmp_path: Path) -> None:
    preview = upload(client, "email\nanna@example.com\n")
    for file in tmp_path.iterdir():
        file.unlink()
    response = client.post(CONFIRM, preview.context["confirm_form"].initial, follow=True)
    assert "upload the file again" in told(response)
    assert stored(operator) == []


def test_a_confirmed_import_that_fails_stores_nothing_and_does_not_say_it_did(
    operator: User, client: Client, tmp_path: Path
) -> None:
    preview = upload(client, "email\nanna@example.com\nbob@example.com\n")
    [file] = tmp_path.iterdir()
    file.write_text("email\nanna@example.com\nno address\n")
    response = confirm(client, preview)
    assert stored(operator) == []
    assert not any("finished" in sentence for sentence in sentences(response))
    assert any("no address" in sentence for sentence in sentences(response))


# Who may


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
    preview = upload(client, export(client, kind=kind), kind)
    assert json.dumps(preview.context["result"].totals)
    confirm(client, preview)
    assert list(operator.recipients.order_by("pk").values()) == before
    assert preview.context["result"].totals["skip"] == len(AWKWARD)
