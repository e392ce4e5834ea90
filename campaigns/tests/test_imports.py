"""What an import does to the recipients of its owner, and to nobody else's."""

import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import openpyxl
import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.forms import ModelForm, modelform_factory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import User
from campaigns.imports import addresses, columns, merge, refusals, storage, work
from campaigns.imports.errors import ImportRefused, UnusableFile, UnusableRow
from campaigns.imports.rows import neutralised, text
from campaigns.models import ImportJob, ImportPart, Recipient
from campaigns.models.import_job import COUNTERS, Mode
from campaigns.tests import factories
from campaigns.tests.importing import carried_out, checked, imported, received, stored

State = ImportJob.State


@pytest.fixture
def owner(db: None) -> User:
    return factories.user("operator")


def counts(job: ImportJob) -> dict[str, int]:
    return {name: count for name in COUNTERS if (count := getattr(job, name))}


def versions(owner: User) -> list[tuple[str, str]]:
    """Which version of each row the database has: any write of it is another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT email, ctid::text FROM campaigns_recipient WHERE owner_id = %s ORDER BY 1", [owner.pk])
        return list(cursor.fetchall())


# The check


def test_a_check_counts_exactly_and_writes_nothing(owner: User) -> None:
    factories.recipient(owner, "same@example.com", full_name="Same")
    factories.recipient(owner, "other@example.com", full_name="Old")
    rows = "same@example.com,Same\nother@example.com,New\nnew@example.com,N\nnew@example.com,N\nbad,B\n"
    before = stored(owner)
    job = checked(owner, f"email,full_name\n{rows}")
    assert (job.state, job.total) == (State.PREVIEWED, 5)
    assert counts(job) == {"added": 1, "changed": 1, "unchanged": 1, "duplicates": 1, "refused": 1}
    assert stored(owner) == before


def test_the_preview_tells_of_each_row_what_becomes_of_it(owner: User) -> None:
    factories.recipient(owner, "same@example.com")
    job = checked(owner, "email\nsame@example.com\nnew@example.com\nbad\nNEW@example.com\n")
    told = [(row["line"], row["verdict"]) for row in job.preview]
    assert told == [(2, "unchanged"), (3, "duplicates"), (4, "refused"), (5, "added")]


def test_the_preview_has_the_first_hundred_rows(owner: User) -> None:
    job = checked(owner, "email\n" + "".join(f"user{n}@example.com\nbad\n" for n in range(150)))
    assert [row["line"] for row in job.preview] == list(range(2, 102))
    assert (job.total, len(job.problems)) == (300, work.PROBLEMS)


def test_what_a_check_has_counted_is_what_the_import_does(owner: User) -> None:
    factories.recipient(owner, "known@example.com", full_name="Old")
    content = "email,full_name\nknown@example.com,New\nnew@example.com,N\nNEW@example.com,M\nbad,B\n"
    foretold = counts(checked(owner, content))
    assert counts(imported(owner, content)) == foretold


# What is written


def test_the_same_file_again_writes_nothing(owner: User) -> None:
    content = "email,full_name,comment,city\n" + "".join(f"user{n}@example.com,User {n},,Rome\n" for n in range(50))
    imported(owner, content)
    before = versions(owner)
    assert counts(imported(owner, content)) == {"unchanged": 50}
    assert versions(owner) == before


def test_a_change_raises_the_version_and_the_time(owner: User) -> None:
    known = factories.recipient(owner, "anna@example.com", full_name="Old")
    imported(owner, "email,full_name\nanna@example.com,New\n")
    changed = Recipient.objects.get(pk=known.pk)
    assert (changed.full_name, changed.version) == ("New", known.version + 1)
    assert changed.updated_at > known.updated_at
    assert changed.created_at == known.created_at


def test_somebody_known_is_found_whatever_the_letter_case(owner: User) -> None:
    factories.recipient(owner, "Anna@Example.com", full_name="Old", attributes={"city": "Rome", "plan": "a"})
    imported(owner, "email,full_name,city\nANNA@example.COM,New,Oslo\n")
    assert stored(owner) == [("Anna@Example.com", "New", "", {"city": "Oslo", "plan": "a"})]


def test_a_column_that_is_not_in_the_file_is_left_as_it_is(owner: User) -> None:
    factories.recipient(owner, "anna@example.com", full_name="Anna", comment="a friend")
    imported(owner, "email,comment\nanna@example.com,an old friend\n")
    assert stored(owner) == [("anna@example.com", "Anna", "an old friend", {})]


def test_an_empty_cell_empties_name_and_comment_and_leaves_attributes(owner: User) -> None:
    factories.recipient(owner, "anna@example.com", full_name="Anna", comment="x", attributes={"city": "Rome"})
    imported(owner, "email,full_name,comment,city\nanna@example.com,,,\n")
    assert stored(owner) == [("anna@example.com", "", "", {"city": "Rome"})]


def test_a_name_beside_the_address_never_empties_one(owner: User) -> None:
    factories.recipient(owner, "anna@example.com", full_name="Anna")
    imported(owner, "email\nanna@example.com\nBob <bob@example.com>\n")
    assert [row[1] for row in stored(owner)] == ["Anna", "Bob"]


@pytest.mark.parametrize("comment", ["as a browser\r\nsends it", "  spaces around\t", "\u00a0"])
def test_spaces_around_and_kinds_of_line_ends_are_no_change(comment: str, owner: User) -> None:
    factories.recipient(owner, "anna@example.com", full_name="Old", comment=comment)
    tidy = comment.replace("\r\n", "\n").strip()
    imported(owner, f'email,full_name,comment\nanna@example.com,New,"{tidy}"\n')
    assert stored(owner) == [("anna@example.com", "New", comment, {})]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.ADD_AND_UPDATE, {"added": 1, "changed": 1}),
        (Mode.ADD, {"added": 1, "passed_over": 1}),
        (Mode.UPDATE, {"changed": 1, "passed_over": 1}),
    ],
)
def test_a_mode_writes_only_what_it_says(mode: Mode, expected: dict[str, int], owner: User) -> None:
    factories.recipient(owner, "known@example.com", full_name="Old")
    content = "email,full_name\nknown@example.com,New\nnew@example.com,New\n"
    foretold = counts(checked(owner, content, mode))
    job = imported(owner, content, mode)
    assert counts(job) == foretold == expected
    assert owner.recipients.filter(full_name="New").count() == job.writes


def test_another_owners_recipients_are_not_touched(owner: User) -> None:
    other = factories.user("operator")
    factories.recipient(other, "anna@example.com", full_name="Theirs")
    before = versions(other)
    imported(owner, "email,full_name\nanna@example.com,Mine\n")
    assert versions(other) == before
    assert stored(owner) == [("anna@example.com", "Mine", "", {})]


@pytest.mark.parametrize("column", ["owner", "owner_id", "id", "pk", "created_at", "version"])
def test_a_column_does_not_reach_what_is_not_the_files_to_say(column: str, owner: User) -> None:
    theirs = factories.recipient(factories.user("operator"), "theirs@example.com")
    value = theirs.owner_id if column.startswith("owner") else theirs.pk
    imported(owner, f"email,full_name,{column}\nnew@example.com,New,{value}\n")
    assert stored(owner) == [("new@example.com", "New", "", {})]
    assert Recipient.objects.get(pk=theirs.pk).email == "theirs@example.com"


def test_many_rows_are_written_slice_by_slice(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.merge.SLICE_PAGES", 1)
    numbers = range(2000)
    content = "email,full_name\n" + "".join(f"user{n}@example.com,User {n}\n" for n in numbers)
    assert counts(imported(owner, content)) == {"added": 2000}
    assert counts(imported(owner, content.replace("User", "Person"))) == {"changed": 2000}
    assert set(owner.recipients.values_list("full_name", flat=True)) == {f"Person {n}" for n in numbers}


def test_whom_somebody_adds_by_hand_meanwhile_is_left_alone(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    write = merge.write

    def late(*args: Any) -> merge.Written:
        factories.recipient(owner, "anna@example.com", full_name="By hand")
        return write(*args)

    monkeypatch.setattr(merge, "write", late)
    job = imported(owner, "email,full_name\nanna@example.com,File\nbob@example.com,Bob\n")
    assert (job.state, counts(job)) == (State.DONE, {"added": 1, "passed_over": 1})
    assert [row[1] for row in stored(owner)] == ["By hand", "Bob"]


# Addresses


FORM: type[ModelForm] = modelform_factory(Recipient, fields=["email"])
ODD = st.text(alphabet="aZ0.@-_+ '\"\\!ü\u00ad\u200b漢xn\t", max_size=30)
LIKELY = st.builds("{}@{}.{}".format, ODD, ODD, st.sampled_from(["com", "example", "c", "рф", "com.", "1", "x" * 64]))


def accepted(address: str) -> str | None:
    """What the form makes of it; None: it refuses."""
    try:
        found: str = FORM.base_fields["email"].clean(address)
    except ValidationError:
        return None
    return found


@given(st.one_of(ODD, LIKELY))
def test_an_address_without_a_closer_look_is_one_that_the_form_accepts(address: str) -> None:
    if addresses.is_plain(address):
        assert accepted(address) == address


@given(st.one_of(ODD, LIKELY))
def test_what_the_form_accepts_an_import_takes_and_nothing_else(address: str) -> None:
    try:
        found = addresses.read(address.strip())[0]
    except UnusableRow:
        assert accepted(address) is None
    else:
        assert accepted(found) == found


@pytest.mark.parametrize("length", [254, 255])
def test_addresses_may_be_as_long_as_the_form_lets_them(length: int, owner: User) -> None:
    address = f"{'a' * 60}@{'.'.join(['d' * 60] * 3)}.{'e' * (length - 60 - 1 - 183)}"
    assert len(address) == length
    assert imported(owner, f"email\n{address}\n").added == (accepted(address) is not None)


@given(st.text(alphabet="'=+-@\t\rab", max_size=6))
def test_what_an_export_neutralises_an_import_undoes(value: str) -> None:
    written = neutralised(value)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert text(written) == value.strip().replace("\r", "\n")


# Columns


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["Email", "Name"], ["email", "full_name"]),
        (["ФИО", "E-mail", "Телефон"], ["full_name", "email", "attribute"]),
        (["Имя", "Почта"], ["full_name", "email"]),
        (["Имя", "Фамилия", "Эл. почта"], ["first_name", "last_name", "email"]),
        (["First Name", "Last Name", "Full Name", "Email"], ["attribute", "attribute", "full_name", "email"]),
        (["id", "email", "owner", ""], ["skip", "email", "skip", "skip"]),
        (["E-mail 2 - Value", "E-mail 1 - Value"], ["attribute", "email"]),
    ],
)
def test_columns_are_guessed_by_their_names(headers: list[str], expected: list[str]) -> None:
    assert columns.guess(headers, []) == expected


def test_a_column_of_addresses_is_found_by_its_values() -> None:
    assert columns.guess(["who", "where to"], [["Anna", "anna@example.com"]]) == ["attribute", "email"]


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        (["full_name", "skip"], "No column holds the e-mail addresses"),
        (["email", "email"], "“E-mail” is chosen for more than one column."),
        (["email"], "Say for each column what it is."),
        (["email", "owner_id"], "Say for each column what it is."),
    ],
)
def test_columns_that_can_not_be_read_so_are_refused(mapping: list[str], sentence: str, owner: User) -> None:
    job = received(owner, "email,full_name\nanna@example.com,Anna\n")
    with pytest.raises(UnusableFile, match=sentence):
        work.choose(job, mapping, Mode.ADD)


def test_columns_may_be_told_otherwise_than_guessed(owner: User) -> None:
    job = received(owner, "email,name,note\nanna@example.com,Anna,old\n")
    work.choose(job, ["email", "comment", "skip"], Mode.ADD_AND_UPDATE)
    work.confirm(carried_out(job), owner)
    carried_out(job)
    assert stored(owner) == [("anna@example.com", "", "Anna", {})]


# Too much


def test_a_file_that_is_too_large_is_refused(owner: User, settings: Settings) -> None:
    settings.IMPORT_MAX_MB = 1
    with pytest.raises(UnusableFile, match="larger than 1 MB"):
        received(owner, b"email\n" + b"a@example.com\n" * 100_000)
    assert not ImportPart.objects.exists()


def test_a_file_of_ten_thousand_columns_is_refused(owner: User) -> None:
    with pytest.raises(UnusableFile, match="10000 columns; at most 200"):
        received(owner, ",".join(f"column{n}" for n in range(10_000)) + "\n1\n")


def test_a_sheet_that_unpacks_to_very_much_is_refused(owner: User, settings: Settings) -> None:
    settings.IMPORT_MAX_MB = 1
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000_000)
    assert file.tell() < 100_000
    with pytest.raises(UnusableFile, match="too large when it is unpacked"):
        received(owner, file.getvalue())


def test_a_row_that_calls_itself_the_billionth_takes_no_billion_steps(owner: User) -> None:
    book, plain, forged = openpyxl.Workbook(), BytesIO(), BytesIO()
    book.active.append(("email",))
    book.active.append(("anna@example.com",))
    book.active.append(("bob@example.com",))
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(forged, "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry).replace(b'<row r="3"', b'<row r="1000000000"'))
    assert imported(owner, forged.getvalue()).added == 1


# States


def test_a_move_counts_once(owner: User) -> None:
    job = checked(owner, "email\nanna@example.com\n")
    work.confirm(job, owner)
    with pytest.raises(ImportRefused):
        work.confirm(job, owner)
    with pytest.raises(ImportRefused):
        work.choose(job, job.mapping, Mode.ADD)


@pytest.mark.parametrize("come_to", [received, checked])
def test_what_was_cancelled_goes_no_further(come_to: Callable[[User, str], ImportJob], owner: User) -> None:
    job = come_to(owner, "email\nanna@example.com\n")
    work.cancel(job)
    with pytest.raises(ImportRefused):
        work.confirm(job, owner)
    with pytest.raises(ImportRefused):
        work.cancel(job)
    assert carried_out(job).state == State.CANCELLED
    assert not owner.recipients.exists()


def test_an_import_that_is_always_killed_ends_with_the_reason(owner: User) -> None:
    job = checked(owner, "email\nanna@example.com\n")
    work.confirm(job, owner)
    ImportJob.objects.filter(pk=job.pk).update(lease=work.TRIES)
    assert (carried_out(job).state, job.reason) == (State.FAILED, "It was interrupted 5 times.")


# Files that were kept long enough


def test_files_are_removed_after_their_days_and_figures_stay(owner: User, settings: Settings) -> None:
    old, young = (imported(owner, "email\nanna@example.com\nbad\n") for _ in range(2))
    long_ago = timezone.now() - timedelta(days=settings.IMPORT_KEEP_DAYS, minutes=1)
    ImportJob.objects.filter(pk=old.pk).update(created_at=long_ago)
    assert storage.remove_old() == 1
    old.refresh_from_db()
    assert (storage.is_kept(old), storage.is_kept(young)) == (False, True)
    assert (old.added, old.problems, old.samples, old.preview) == (1, [], [], [])
    assert storage.remove_old() == 0


def test_an_import_that_nobody_confirms_ends_with_its_file(owner: User, settings: Settings) -> None:
    job = checked(owner, "email\nanna@example.com\n")
    long_ago = timezone.now() - timedelta(days=settings.IMPORT_KEEP_DAYS, minutes=1)
    ImportJob.objects.filter(pk=job.pk).update(created_at=long_ago)
    storage.remove_old()
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.CANCELLED, "It was not confirmed within 7 days.")
    assert not storage.is_kept(job)


def test_an_import_at_which_nobody_can_be_any_more_is_ended(owner: User) -> None:
    job = checked(owner, "email\nanna@example.com\n")
    work.confirm(job, owner)
    storage.remove_old()
    job.refresh_from_db()
    assert job.state == State.RUNNING
    long_ago = timezone.now() - timedelta(days=1, minutes=1)
    ImportJob.objects.filter(pk=job.pk).update(work_began_at=long_ago)
    storage.remove_old()
    job.refresh_from_db()
    assert job.state == State.RUNNING, "it waits for a worker"
    ImportJob.objects.filter(pk=job.pk).take()
    storage.remove_old()
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, "It was interrupted.")


@pytest.mark.parametrize(
    ("mode", "verdicts"), [(Mode.ADD, ["passed_over", "added"]), (Mode.UPDATE, ["changed", "passed_over"])]
)
def test_the_preview_of_a_row_knows_the_mode(mode: Mode, verdicts: list[str], owner: User) -> None:
    factories.recipient(owner, "anna@example.com", full_name="Anna")
    job = checked(owner, "email,full_name\nanna@example.com,Ann\nbob@example.com,Bob\n", mode)
    assert [row["verdict"] for row in job.preview] == verdicts


def test_two_columns_do_not_become_one_attribute(owner: User) -> None:
    job = received(owner, "email,Home Town,home_town\nanna@example.com,Rome,Oslo\n")
    assert job.mapping == ["email", "attribute", "skip"]
    with pytest.raises(UnusableFile, match="More than one column becomes the attribute “home_town”"):
        work.choose(job, ["email", "attribute", "attribute"], Mode.ADD)


def test_refused_rows_come_with_line_and_reason(owner: User) -> None:
    job = imported(owner, "email,city\nanna@example.com,Rome\nbad,=1+1\n")
    table = list(refusals.table(job))
    assert table == [["line", "reason", "email", "city"], ["3", "“bad” is not a valid e-mail address.", "bad", "'=1+1"]]


# What other programs and people write


@pytest.mark.parametrize("between", ["\t", "\n", " \r\n "])
def test_a_name_beside_an_address_is_one_line(owner: User, between: str) -> None:
    imported(owner, f'email\n"Ann{between}Berg <ann@example.com>"\n')
    assert stored(owner) == [("ann@example.com", "Ann Berg", "", {})]


@pytest.mark.parametrize("name", ["Anna\xa0Berg", "Bo\u200bB  C"])
def test_what_does_not_print_in_a_name_is_kept(owner: User, name: str) -> None:
    job = imported(owner, f"email,full_name\nann@example.com,{name}\n")
    assert (counts(job), stored(owner)) == ({"added": 1}, [("ann@example.com", name, "", {})])


def test_what_the_database_refuses_ends_the_import(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job = received(owner, "email\nann@example.com\n")
    work.choose(job, job.mapping, Mode.ADD_AND_UPDATE)
    monkeypatch.setattr(merge, "_line", lambda _record: "one\ttwo\n")
    carried_out(job)
    assert (job.state, job.reason) == (State.FAILED, "The rows could not be stored.")


def test_a_list_without_a_header_stays_one_when_it_is_read_anew(owner: User) -> None:
    job = received(owner, "ann@example.com\nbob@example.com\n")
    work.read_as(job, "utf-8", ";")
    job.refresh_from_db()
    assert (job.layout["header"], job.headers, len(job.samples)) == (False, ["Column 1"], 2)


def test_a_list_of_names_with_addresses_needs_no_header(owner: User) -> None:
    imported(owner, "Ann Berg <ann@example.com>\nBob <bob@example.com>\n")
    assert stored(owner) == [("ann@example.com", "Ann Berg", "", {}), ("bob@example.com", "Bob", "", {})]


@pytest.mark.parametrize("line", ["sep=", "sep=\r", "sep=\0"])
def test_a_delimiter_that_is_none_is_no_reason_to_fail(owner: User, line: str) -> None:
    imported(owner, f"{line}\nemail\nann@example.com\n")
    assert [email for email, *_rest in stored(owner)] == ["ann@example.com"]
