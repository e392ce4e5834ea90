"""Recipients from files, through the pages of the admin."""

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
from campaigns.models import ImportJob, RecipientList, Suppression
from campaigns.tests import factories
from campaigns.tests.importing import FILES, stored
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

IMPORT = "/admin/campaigns/recipient/import/"
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
    confirm(client, job)
    job.refresh_from_db()
    return job


def confirm(client: Client, job: ImportJob) -> Any:
    """As the page that the person has before them asks for."""
    return post(client, "confirm", job, shown=page_of(client, job).context["shown"])


def page_of(client: Client, job: ImportJob) -> Any:
    return client.get(reverse("admin:campaigns_importjob_change", args=[job.pk]))


def sheet(*rows: tuple[Any, ...]) -> bytes:
    book, file = openpyxl.Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


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
    confirm(client, job)
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
    confirm(client, job)
    assert "Nothing of this file was stored." in told(page_of(client, job))
    assert stored(operator) == []


def test_what_was_confirmed_is_imported_once(operator: User, client: Client) -> None:
    job = take_in(client, "email\nanna@example.com\n")
    operator.recipients.all().delete()
    assert "look at what it is now" in sentences(confirm(client, job))[-1]
    assert stored(operator) == []


def test_a_preview_that_was_replaced_in_another_tab_is_not_confirmed(operator: User, client: Client) -> None:
    job = preview(client, "email\nanna@example.com\n")
    shown = page_of(client, job).context["shown"]
    post(client, "choose", job, **told_columns(job))
    assert "look at what it is now" in sentences(post(client, "confirm", job, shown=shown))[-1]
    assert stored(operator) == []


def test_a_cancelled_import_is_listed_without_figures(client: Client) -> None:
    job = preview(client, "email\nanna@example.com\n")
    post(client, "cancel", job)
    assert "1 new" not in told(client.get(reverse("admin:campaigns_importjob_changelist")))


def test_refused_rows_are_told_of_what_was_checked_only(operator: User, client: Client) -> None:
    job = factories.import_job(operator, "where\nRome\n")
    assert client.get(reverse("admin:campaigns_importjob_refused", args=[job.pk])).status_code == 404


# Encoding and delimiter


def test_a_file_is_read_anew_as_the_person_says(operator: User, client: Client) -> None:
    job = factories.import_job(operator, "email|имя\nanna@example.com|Анна\n".encode("cp1251"))
    ImportJob.objects.filter(pk=job.pk).update(layout={**job.layout, "encoding": "cp1252", "delimiter": ","})
    page = told(page_of(client, job))
    assert '<option value="cp1252" selected>' in page
    assert '<option value="," selected>' in page
    post(client, "read", job, encoding="cp1251", delimiter="|")
    page = told(page_of(client, job))
    assert "Анна" in page
    job.refresh_from_db()
    assert (job.headers, job.mapping) == (["email", "имя"], ["email", "full_name"])


def test_what_was_counted_is_void_when_the_file_is_read_anew(operator: User, client: Client) -> None:
    job = preview(client, "email,name\nanna@example.com,Anna\n")
    post(client, "read", job, encoding="utf-8", delimiter=";")
    job.refresh_from_db()
    assert (job.state, job.headers) == (ImportJob.State.UPLOADED, ["email,name"])
    confirm(client, job)
    assert stored(operator) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"encoding": "utf-16", "delimiter": ","}, "this is not text in utf-16"),
        ({"encoding": "rot13", "delimiter": ","}, "rot13 is not one of the available choices"),
        ({"encoding": "utf-8", "delimiter": "x"}, "x is not one of the available choices"),
        ({}, "This field is required"),
    ],
)
def test_what_a_file_can_not_be_read_as_is_a_sentence(
    fields: dict[str, str], sentence: str, operator: User, client: Client
) -> None:
    job = factories.import_job(operator, "email,name\nanna@example.com,Anna\n")
    answer = client.post(reverse("admin:campaigns_importjob_read", args=[job.pk]), fields, follow=True)
    assert sentence in told(answer)
    before = job.headers
    job.refresh_from_db()
    assert job.headers == before


def test_a_sheet_has_neither_encoding_nor_delimiter_to_choose(operator: User, client: Client) -> None:
    job = factories.import_job(operator, sheet(("email",), ("anna@example.com",)), "people.xlsx")
    assert "Read it anew" not in told(page_of(client, job))
    assert post(client, "read", job, encoding="utf-8", delimiter=",").status_code == 404


# Lists


def test_the_number_of_those_taken_out_is_shown_before_they_are(operator: User, client: Client) -> None:
    news = RecipientList.objects.create(owner=operator, name="News")
    news.members.add(*factories.recipients(operator, 3))
    job = factories.import_job(operator, "email\nanna@example.com\n")
    post(client, "choose", job, **told_columns(job), lists=str(news.pk), takes_out="on", new_list="Fair")
    page = told(page_of(client, job))
    for sentence in (
        "2 come into the lists.",
        "3 who are not in the file are taken out of them.",
        "News</a>, Fair (new)",
    ):
        assert sentence in page
    assert news.members.count() == 3
    confirm(client, job)
    assert "2 entries of the lists were made. 3 were taken out." in " ".join(told(page_of(client, job)).split())
    assert list(news.members.values_list("email")) == [("anna@example.com",)]


def test_a_file_that_only_fills_a_list_can_be_confirmed(operator: User, client: Client) -> None:
    factories.recipient(operator, "anna@example.com")
    job = factories.import_job(operator, "email\nanna@example.com\n")
    post(client, "choose", job, **told_columns(job), new_list="Fair")
    assert "Confirm the import" in told(page_of(client, job))
    confirm(client, job)
    assert operator.recipient_lists.get().members.count() == 1


def test_only_lists_that_the_person_may_change_are_offered(operator: User, client: Client) -> None:
    colleague = factories.user(OPERATOR)
    for name, verb in (("Changed", "change"), ("Viewed", "view"), ("Unshared", "")):
        theirs = RecipientList.objects.create(owner=colleague, name=name)
        if verb:
            factories.share(theirs, verb, to=operator)
    job = factories.import_job(operator)
    query = {"app_label": "campaigns", "model_name": "importjob", "field_name": "lists"}
    found = client.get(reverse("admin:autocomplete", query=query)).json()["results"]
    assert [one["text"] for one in found] == [f"Changed ({colleague})"]
    forged = RecipientList.objects.get(name="Viewed")
    answer = post(client, "choose", job, **told_columns(job), lists=str(forged.pk))
    assert "not one of the available choices" in told(answer)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"new_list": "NEWS"}, "You have a list of this name already: choose it above."),
        ({"takes_out": "on"}, "Choose the lists out of which they are to be taken."),
    ],
)
def test_a_wish_about_lists_that_makes_no_sense_is_a_sentence(
    fields: dict[str, str], sentence: str, operator: User, client: Client
) -> None:
    RecipientList.objects.create(owner=operator, name="News")
    job = factories.import_job(operator)
    assert sentence in told(post(client, "choose", job, **told_columns(job), **fields))


def test_suppressed_addresses_are_told(operator: User, client: Client) -> None:
    Suppression.objects.create(owner=operator, email="anna@example.com")
    page = told(page_of(client, preview(client, "email\nanna@example.com\n")))
    assert "1 address of the file is suppressed" in page


# Who may


@pytest.mark.parametrize("verb", ["read", "choose", "confirm", "cancel"])
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


def test_an_operator_without_the_permission_can_not_import() -> None:
    client = logged_in(factories.user())
    assert client.get(IMPORT).status_code == 403
    assert upload(client, "email\nanna@example.com\n").status_code == 403


@pytest.mark.parametrize("verb", ["choose", "confirm"])
def test_whoever_may_not_write_recipients_any_more_does_not_go_on(operator: User, client: Client, verb: str) -> None:
    job = preview(client, "email\nanna@example.com\n")
    group = operator.groups.get()
    group.permissions.remove(group.permissions.get(codename="change_recipient"))
    assert post(client, verb, job).status_code == 403
    assert stored(operator) == []
    assert post(client, "cancel", job).status_code == 302
