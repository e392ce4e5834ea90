"""Recipients to files: whose, which, as what, and back again."""

import csv
import zipfile
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.models import F, QuerySet
from django.test import AsyncClient, Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.imports import export, sheet_writer, sheets
from campaigns.imports.rows import neutralised
from campaigns.models import Recipient, RecipientList
from campaigns.tests import factories
from campaigns.tests.importing import imported
from campaigns.tests.scene import logged_in

EXPORT = "/admin/campaigns/recipient/export/"
CSV, XLSX = "0", "1"
MAKE: dict[str, Callable[[Sequence[QuerySet[Recipient]]], Iterator[bytes]]] = {
    CSV: export.as_csv,
    XLSX: export.as_workbook,
}

with_database = pytest.mark.django_db


@pytest.fixture
def operator(db: None) -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def exported(client: Client, query: str = "", kind: str = CSV) -> bytes:
    response: Any = client.post(f"{EXPORT}{query}", {"format": kind, "resource": ""})
    assert "attachment" in response.headers["Content-Disposition"]
    return b"".join(response.streaming_content)


def text_of(page: Any) -> str:
    """What the page says, with single spaces."""
    return " ".join(page.content.decode().split())


def table(content: bytes) -> list[list[Any]]:
    if zipfile.is_zipfile(BytesIO(content)):
        return [list(row) for row in openpyxl.load_workbook(BytesIO(content)).active.iter_rows(values_only=True)]
    return list(csv.reader(StringIO(content.decode("utf-8-sig"), newline="")))


def addresses(content: bytes) -> set[str]:
    return {row[0] for row in table(content)[1:]}


# Which


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_an_export_has_all_the_own_recipients_and_no_other(kind: str, operator: User, client: Client) -> None:
    factories.recipient(operator, "anna@example.com", full_name="Anna", comment="a friend", attributes={"city": "Łódź"})
    factories.recipient(factories.user(OPERATOR), "theirs@example.com")
    assert table(exported(client, kind=kind)) == [
        ["email", "full_name", "comment", "attributes"],
        ["anna@example.com", "Anna", "a friend", '{"city": "Łódź"}'],
    ]


def test_an_export_has_what_was_searched_for(operator: User, client: Client) -> None:
    for name in ("anna", "anne", "bob"):
        factories.recipient(operator, f"{name}@example.com")
    assert addresses(exported(client, "?q=ann")) == {"anna@example.com", "anne@example.com"}


def test_an_export_has_what_was_filtered(operator: User, client: Client) -> None:
    member, _other = factories.recipients(operator, 2)
    mailing = factories.mailing(operator, [member])
    news = RecipientList.objects.create(owner=operator, name="News")
    news.members.add(member)
    assert addresses(exported(client, f"?mailings__id__exact={mailing.pk}")) == {member.email}
    assert addresses(exported(client, f"?lists__id__exact={news.pk}")) == {member.email}


def test_the_lists_button_exports_what_the_list_shows(operator: User, client: Client) -> None:
    factories.recipient(operator, "anna@example.com")
    page = client.get("/admin/campaigns/recipient/?q=ann").content.decode()
    assert f'href="{EXPORT}?q=ann"' in page


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_what_is_shared_is_exported_once_with_what_is_own(kind: str, operator: User, client: Client) -> None:
    own = factories.recipient(operator, "anna@example.com")
    theirs = factories.recipient(factories.user(OPERATOR), "theirs@example.com")
    for recipient in (own, theirs):
        factories.share(recipient, "view", to=operator)
    assert [row[0] for row in table(exported(client, kind=kind))[1:]] == ["anna@example.com", "theirs@example.com"]


def test_a_manager_exports_what_everybody_has(operator: User) -> None:
    factories.recipient(operator, "anna@example.com")
    assert addresses(exported(logged_in(factories.user(MANAGER)))) == {"anna@example.com"}


def test_a_recipient_of_the_same_address_and_text_is_exported_for_each_owner(operator: User) -> None:
    for owner in (operator, factories.user(OPERATOR)):
        factories.recipient(owner, "anna@example.com")
    assert len(table(exported(logged_in(factories.user(MANAGER))))) == 3


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_an_export_of_nobody_names_its_columns(kind: str, client: Client) -> None:
    assert table(exported(client, kind=kind)) == [["email", "full_name", "comment", "attributes"]]


@with_database
def test_an_operator_without_the_permission_can_not_export() -> None:
    client = logged_in(factories.user())
    assert client.post(EXPORT, {"format": CSV, "resource": ""}).status_code == 403


# As a stream


def test_an_export_is_begun_before_all_of_it_is_read(
    operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE_BYTES", 1)
    factories.recipients(operator, 10)
    response: Any = client.post(EXPORT, {"format": CSV, "resource": ""})
    assert "Content-Length" not in response.headers
    pieces = [bytes(piece).decode() for piece in response.streaming_content]
    assert pieces[0] == "\N{BYTE ORDER MARK}email,full_name,comment,attributes\n"
    assert [piece.count("\n") for piece in pieces[1:]] == [1] * 10


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_a_client_that_goes_away_leaves_the_connection_as_it_was(
    kind: str, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE_BYTES", 1)
    monkeypatch.setattr(sheet_writer, "PIECE_ROWS", 2)
    factories.recipients(operator, 2000)
    pieces: Any = MAKE[kind]([operator.recipients.all()])
    assert next(pieces) + next(pieces)
    pieces.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)
    assert operator.recipients.count() == 2000


def test_an_asgi_server_gets_it_piece_by_piece_too(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE_BYTES", 1)
    factories.recipients(operator, 4)

    async def pieces() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(operator)
        response: Any = await client.post(EXPORT, {"format": CSV, "resource": ""})
        assert response.is_async
        return [piece async for piece in response.streaming_content]

    assert [piece.count(b"\n") for piece in async_to_sync(pieces)()] == [1] * 5


@pytest.mark.parametrize(("limit", "value"), [("MAX_ROWS", 3), ("MAX_LETTERS", 10)])
def test_what_an_xlsx_file_can_not_hold_is_a_sentence(
    limit: str, value: int, operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_writer, limit, value)
    for number in range(3):
        factories.recipient(operator, f"{number}@example.com", comment="more than ten")
    page = client.post(EXPORT, {"format": XLSX, "resource": ""}, follow=True)
    assert "choose CSV." in page.content.decode()


# There and back


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_no_text_of_an_export_is_a_formula(kind: str, operator: User, client: Client) -> None:
    for number, sign in enumerate("=+-@\t\r"):
        factories.recipient(operator, f"={number}@example.com", full_name=f"{sign}1", comment=f"{sign}1")
    assert {cell[0] for row in table(exported(client, kind=kind))[1:] for cell in row[:3]} == {"'"}


AWKWARD: tuple[dict[str, Any], ...] = (
    {"full_name": 'Anna "Ann", Berg', "comment": "two\nlines"},
    {"full_name": "=1+1", "comment": "@SUM(A1)"},
    {"comment": "as a browser\r\nsends it"},
    {"comment": "  spaces around  "},
    {"comment": "_x000B_ and \x0b, _x005F_"},
    {"comment": "\\."},
    {"attributes": {"a": "1", "b": "x,y", "c": 'quote "', "nested": {"d": [1, None, True]}}},
    {"attributes": {"=1+1": 1e300, "small": 1.5e-9, "text": "\x1f\ud83d\ude00"}},
    {"full_name": "İstanbul Łódź 北京", "comment": "None"},
    {"full_name": "007", "comment": "1e5"},
)


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_importing_an_export_changes_nothing(kind: str, operator: User, client: Client) -> None:
    for number, fields in enumerate(AWKWARD):
        factories.recipient(operator, f"Anna.{number}@Example.com", **fields)
    before = list(operator.recipients.order_by("pk").values())
    job = imported(operator, exported(client, kind=kind))
    assert (job.reason, job.unchanged, job.total) == ("", len(AWKWARD), len(AWKWARD))
    assert list(operator.recipients.order_by("pk").values()) == before


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | st.text(
    "=+-@\t\r\n'\" _x0041", max_size=8
)
PERSON = st.fixed_dictionaries(
    {
        "full_name": TEXT.filter(lambda name: name.isprintable()),
        "comment": TEXT,
        "attributes": st.dictionaries(
            TEXT.map(str.lower),
            st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=4),
            max_size=3,
        ),
    }
)


class TestRoundTrip(TestCase):
    """Whatever stands in the recipients."""

    @settings(max_examples=20, deadline=None)
    @given(st.lists(PERSON, min_size=1, max_size=4), st.sampled_from([CSV, XLSX]))
    def test_importing_an_export_changes_nothing(self, people: list[dict[str, Any]], kind: str) -> None:
        owner = factories.user(OPERATOR)
        for number, fields in enumerate(people):
            factories.recipient(owner, f"r{number}@example.com", **fields)
        job = imported(owner, b"".join(MAKE[kind]([owner.recipients.all()])))
        assert (job.reason, job.problems, job.unchanged) == ("", [], len(people))

    @settings(max_examples=20, deadline=None)
    @given(TEXT)
    def test_the_database_neutralises_as_the_import_expects(self, text: str) -> None:
        recipient = factories.recipient(factories.user(), comment=text)
        found = Recipient.objects.filter(pk=recipient.pk).values_list(export.Neutralised(F("comment")), flat=True)
        assert (found[0] or "") == neutralised(text)


@given(st.lists(st.lists(TEXT.filter(lambda text: "\r" not in text), min_size=1, max_size=3), min_size=1, max_size=3))
def test_a_sheet_holds_any_text(rows: list[list[str]]) -> None:
    rows = [[*row, "end"] for row in rows]
    file = BytesIO(b"".join(sheet_writer.written(rows)))
    assert [cells for _line, cells in sheets.Rows(file)] == rows


# The page before


def test_the_page_is_headed_export_and_has_csv_chosen(client: Client) -> None:
    page = client.get(EXPORT)
    assert page.context["page_name"] == "Export"
    assert page.context["form"]["format"].value() == CSV


def test_the_page_says_how_many_rows_the_file_will_have(operator: User, client: Client) -> None:
    for name in ("anna", "anne", "bob"):
        factories.recipient(operator, f"{name}@example.com")
    assert "3 recipients are exported: all that the list shows." in text_of(client.get(EXPORT))
    assert "2 recipients are exported: all that the search" in text_of(client.get(f"{EXPORT}?q=ann"))


def test_the_page_leads_back_to_the_list_as_it_was(client: Client) -> None:
    assert 'href="/admin/campaigns/recipient/?q=ann"' in client.get(f"{EXPORT}?q=ann").content.decode()


def test_a_kind_of_file_that_is_none_is_asked_for_again(client: Client) -> None:
    page = client.post(EXPORT, {"format": "7", "resource": ""})
    assert (page.status_code, "format" in page.context["form"].errors) == (200, True)
