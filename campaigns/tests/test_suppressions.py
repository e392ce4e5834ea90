"""Addresses that get no mail: entered, taken out, and honoured wherever letters leave."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle, preflight
from campaigns.admin.recipients import suppressions
from campaigns.models import Mailing, MailingAttempt, Suppression
from campaigns.models.log import Status
from campaigns.sending.ledger import audience, chunks
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.scene import logged_in, sentences
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db

CHANGELIST = "/admin/campaigns/suppression/"
WHY = "This address is suppressed (unsubscribed)."


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def enter(client: Client, addresses: str = "", **data: Any) -> Any:
    return client.post(f"{CHANGELIST}add/", {"addresses": addresses, "reason": "complained", **data})


def told(response: Any) -> list[str]:
    found: list[str] = response.context["form"].non_field_errors()
    return list(found)


def emails() -> list[str]:
    return list(Suppression.objects.order_by("email").values_list("email", flat=True))


# Entering


def test_an_address_is_entered_with_its_reason_and_by_whom(operator: User, client: Client) -> None:
    enter(client, "Ann@Example.com", source="A call")
    found = Suppression.objects.get()
    assert (found.email, found.reason, found.source, found.owner) == (
        "Ann@Example.com",
        "complained",
        "A call",
        operator,
    )


@pytest.mark.parametrize(
    "text",
    [
        "a@x.example\nb@x.example",
        "a@x.example\r\n\r\nb@x.example\r\n",
        "Ann Berg <a@x.example>\n b@x.example ",
        "email,name\na@x.example,Ann\nb@x.example,Bob",
        '"a@x.example"\t"Ann"\n"b@x.example"',
        "E-mail\na@x.example\nb@x.example",
        "Почта;ФИО\na@x.example;Ann\nb@x.example;Bob",
        "a@x.example\nA@X.example\nb@x.example",
    ],
)
@pytest.mark.parametrize("way", ["pasted", "utf-8-sig", "utf-16"])
def test_many_are_pasted_or_uploaded(text: str, way: str, client: Client) -> None:
    if way == "pasted":
        response = enter(client, text)
    else:
        response = enter(client, file=SimpleUploadedFile("gone.csv", text.encode(way)))
    assert response.status_code == 302, told(response)
    assert [email.lower() for email in emails()] == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    "table",
    [
        "address;reported_by\na@x.example;c@x.example\nb@x.example;c@x.example",
        "reported_by;Address\nc@x.example;a@x.example\nc@x.example;b@x.example",
        "note,email\n@ann,a@x.example\nsee c@x.example,b@x.example",
        'email,comment\r\na@x.example,"asked to write to\r\nc@x.example"\r\nb@x.example,"no\r\nmore"',
        '\n"Name, first",email\n"Berg, Ann",a@x.example\n"Carl, c@x.example","Bob <b@x.example>"',
    ],
)
def test_of_a_table_with_a_heading_only_the_email_column_is_read(table: str, client: Client) -> None:
    response = enter(client, table)
    assert response.status_code == 302, told(response)
    assert emails() == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    "line",
    [
        "a@x.example;c@x.example",
        "@ann, a@x.example",
        "see c@x.example; a@x.example; c@x.example",
        '"Berg, Ann" <a@x.example>, c@x.example',
        "a@x.example;email",
    ],
)
def test_of_a_files_line_without_a_heading_the_first_address_is_read(line: str, client: Client) -> None:
    response = enter(client, file=SimpleUploadedFile("gone.csv", line.encode()))
    assert response.status_code == 302, told(response)
    assert emails() == ["a@x.example"]


def test_of_a_table_whose_first_line_never_ends_it_is_told(client: Client) -> None:
    response = enter(client, "a@x.example", file=SimpleUploadedFile("gone.csv", b'email,"note\nb@x.example,'))
    assert "File, line 1: from here on the quotation marks do not fit." in told(response)


def test_of_a_table_whose_quotation_marks_do_not_fit_nothing_is_taken(client: Client) -> None:
    response = enter(
        client, file=SimpleUploadedFile("gone.csv", b'email,note\na@x.example,\nb@x.example,"no\nc@x.example,')
    )
    assert "File, line 3: from here on the quotation marks do not fit." in told(response)
    assert emails() == []


@pytest.mark.parametrize("line", ["a@x.example, Bob <b@x.example>", "a@x.example;b@x.example\r\n\r\n"])
def test_of_a_pasted_line_all_addresses_are_read(line: str, client: Client) -> None:
    response = enter(client, line)
    assert response.status_code == 302, told(response)
    assert emails() == ["a@x.example", "b@x.example"]


def test_what_is_pasted_and_a_file_are_entered_together(client: Client) -> None:
    enter(client, "a@x.example", file=SimpleUploadedFile("gone.csv", b"name,email\nBob,b@x.example\nAnn,A@x.example"))
    assert [email.lower() for email in emails()] == ["a@x.example", "b@x.example"]


def test_what_is_suppressed_already_is_counted_and_stays_as_it_is(operator: User, client: Client) -> None:
    factories.suppression(factories.user(), "A@x.example", reason="other")
    response = enter(client, "a@x.example\nb@x.example")
    assert sentences(response) == ["1 address gets no mail from now on.", "1 was suppressed already."]
    assert Suppression.objects.get(email="A@x.example").reason == "other"


@pytest.mark.parametrize(
    ("text", "sentences_"),
    [
        ("", ["Enter at least one address, or choose a file with some."]),
        ("email", ["Enter at least one address, or choose a file with some."]),
        ("name;email\nc@x.example;", ["Line 2: there is no e-mail address."]),
        ("name;email\nc@x.example", ["Line 2: there is no e-mail address."]),
        ("\nemail\nb@\n", ["Line 3: “b@” is not a valid e-mail address."]),
        ("a@x.example\nann.example", ["Line 2: there is no e-mail address."]),
        ("a@x.example\nb@", ["Line 2: “b@” is not a valid e-mail address."]),
        ("a@x.example\nb@x.example\x00\nc@", ["Line 3: “c@” is not a valid e-mail address."]),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_nothing_is_entered(
    text: str, sentences_: list[str], client: Client
) -> None:
    response = enter(client, text)
    assert told(response) == sentences_ or "null" in str(response.context["form"].errors).lower()
    assert emails() == []


def test_what_is_wrong_in_a_file_is_told_with_its_line_there(client: Client) -> None:
    file = SimpleUploadedFile("gone.csv", b"email\nb@")
    response = enter(client, "a@x.example\nann.example\n", file=file)
    assert told(response) == [
        "Line 2: there is no e-mail address.",
        "File, line 2: “b@” is not a valid e-mail address.",
    ]


@pytest.mark.parametrize("text", ["x" * 200_000, "name;email\nAnn;" + "x" * 200_000])
def test_a_cell_of_any_length_is_refused_with_a_sentence(text: str, client: Client) -> None:
    [sentence] = told(enter(client, text))
    assert re.match("Line [12]: ", sentence)


def test_a_file_that_is_no_text_is_refused_with_a_sentence(client: Client) -> None:
    response: Any = enter(client, file=SimpleUploadedFile("gone.xlsx", b"PK\x03\x04\x01\x02\x05\x06"))
    assert response.context["form"].errors["file"] == ["This is not a text file: save it as CSV."]


# Taking out


def take_out(client: Client, one: Suppression) -> int:
    url = reverse("admin:campaigns_suppression_delete", args=[one.pk])
    return int(client.post(url, {"post": "yes"}).status_code)


@pytest.mark.parametrize("limit_mb", [1, 500])
def test_a_file_that_is_too_large_is_refused_with_a_sentence(
    limit_mb: int, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one of which nothing was kept while it came in."""
    monkeypatch.setattr(suppressions, "MOST_MEGABYTES", 1)
    settings.IMPORT_MAX_MB = limit_mb
    file = SimpleUploadedFile("bounces.csv", b"ann@example.com\n" * 70_000)
    answer: Any = enter(client, file=file)
    assert answer.context["form"].errors["file"] == ["The file is larger than 1 MB: divide it."]
    assert emails() == []


def test_what_was_entered_already_is_not_told_as_new(client: Client) -> None:
    enter(client, "ann@example.com")
    assert sentences(enter(client, "ann@example.com"))[1:] == ["1 was suppressed already."]
    assert LogEntry.objects.filter(action_flag=ADDITION).count() == 1


def test_thousands_are_taken_out_at_once(operator: User, client: Client) -> None:
    Suppression.objects.enter([f"{n}@example.com" for n in range(1200)], operator, "other")
    kept = factories.user(OPERATOR)
    Suppression.objects.enter(["kept@example.com"], kept, "other")
    first = Suppression.objects.filter(owner=operator).earliest("pk")
    asked = {"action": "delete_selected", "select_across": "1", "_selected_action": first.pk}
    question: Any = client.post(CHANGELIST, asked)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', question.content.decode())
    assert "1200" in question.content.decode().replace(",", "")
    client.post(CHANGELIST, {name: value for name, value in fields if name != "csrfmiddlewaretoken"})
    assert emails() == ["kept@example.com"]


def test_who_entered_an_address_and_managers_may_take_it_out(operator: User) -> None:
    for person in (operator, factories.user(MANAGER)):
        assert take_out(logged_in(person), factories.suppression(operator, "a@x.example")) == 302
        assert emails() == []


def test_nobody_else_sees_it_or_takes_it_out(client: Client) -> None:
    theirs = factories.suppression(factories.user(OPERATOR), "a@x.example")
    assert take_out(client, theirs) == 404
    client.post(CHANGELIST, {"action": "delete_selected", "_selected_action": [theirs.pk], "post": "yes"})
    assert "a@x.example" not in client.get(CHANGELIST).content.decode()
    assert emails() == ["a@x.example"]


def test_it_is_not_edited(operator: User, client: Client) -> None:
    one = factories.suppression(operator, "a@x.example")
    url = reverse("admin:campaigns_suppression_change", args=[one.pk])
    assert client.post(url, {"email": "b@x.example", "reason": "other"}).status_code == 403
    assert emails() == ["a@x.example"]


# Letters


def launched(owner: User, *addresses: str, **options: Any) -> MailingAttempt:
    mailing = factories.mailing(owner, [factories.recipient(owner, address) for address in addresses])
    return lifecycle.launch(mailing, None, **options)


def outcomes(attempt: MailingAttempt) -> dict[str, tuple[int, str]]:
    rows = attempt.logs.values_list("email", "status", "detail")
    return {email.partition("@")[0]: (status, detail) for email, status, detail in rows}


def test_who_is_suppressed_by_anybody_gets_a_row_with_the_reason_and_no_letter(operator: User) -> None:
    factories.suppression(factories.user(), "ANN@example.com")
    attempt = launched(operator, "ann@example.com", "bob@example.com")
    assert outcomes(attempt) == {"ann": (Status.SKIPPED, WHY), "bob": (Status.PENDING, "")}
    assert (attempt.total, attempt.skipped) == (2, 1)
    assert audience.count_letters(attempt.mailing_id) == 1


@pytest.mark.django_db(transaction=True)
def test_who_is_suppressed_after_the_launch_gets_no_letter(operator: User, server: MailServer) -> None:
    attempt = launched(operator, "ann@example.com", "bob@example.com")
    factories.suppression(operator, "Ann@example.com")
    work()
    attempt.refresh_from_db()
    assert outcomes(attempt)["ann"] == (Status.SKIPPED, WHY)
    assert (attempt.status, attempt.sent, attempt.skipped) == ("success", 1, 1)
    assert list(server.addresses) == ["bob@example.com"]


def test_the_rows_of_a_chunk_know_who_is_suppressed_by_now(operator: User) -> None:
    attempt = launched(operator, "ann@example.com", "bob@example.com")
    factories.suppression(operator, "ann@example.com")
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    assert [row.skipped_for for row in chunks.ready(lease)] == [WHY, ""]


def test_a_mailing_to_suppressed_addresses_alone_ends_without_a_letter(operator: User) -> None:
    factories.suppression(operator, "ann@example.com")
    attempt = launched(operator, "ann@example.com")
    assert (attempt.status, attempt.skipped, attempt.sent) == ("success", 1, 0)


def test_no_test_letter_goes_to_a_suppressed_address(operator: User) -> None:
    mailing = factories.mailing(operator)
    factories.suppression(operator, "me@office.example")
    with pytest.raises(lifecycle.BadAddress, match="is suppressed: no mail goes there"):
        lifecycle.send_test(mailing, operator, "Me@office.example", mailing.recipients.get())


def test_the_preflight_tells_who_is_suppressed_and_counts_no_letters_to_them(operator: User) -> None:
    people = [factories.recipient(operator, f"{name}@example.com") for name in ("ann", "bob")]
    mailing = factories.mailing(operator, people, body="{{ attributes.city }}")
    factories.suppression(operator, "ANN@example.com")
    found = {finding.code: finding for finding in preflight.findings(mailing)}
    suppressed, missing = found["suppressed"], found["missing-attributes.city"]
    assert (suppressed.sentence, suppressed.blocking) == ("1 recipient is suppressed, and gets no letter.", False)
    assert suppressed.rows is not None
    assert list(suppressed.rows) == people[:1]
    assert missing.rows is not None
    assert list(missing.rows) == people[1:]


def test_the_preflight_blocks_when_all_are_suppressed(operator: User) -> None:
    mailing = factories.mailing(operator, [factories.recipient(operator, "ann@example.com")], name="Spring")
    factories.suppression(operator, "ann@example.com")
    blocking = [finding.sentence for finding in preflight.findings(mailing) if finding.blocking]
    assert blocking == ["Nobody would get a letter of “Spring”."]


def test_who_is_taken_out_again_gets_the_next_letter(operator: User) -> None:
    factories.suppression(operator, "ann@example.com").delete()
    assert launched(operator, "ann@example.com").skipped == 0
    assert Mailing.objects.count() == 1
