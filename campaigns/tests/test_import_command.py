"""manage.py import_recipients: what it does, says, and exits with."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from campaigns.models import ImportJob
from campaigns.tests import factories
from campaigns.tests.importing import FILES, stored
from campaigns.tests.test_commands import manage

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["manage"]


@pytest.fixture
def owner() -> User:
    return factories.user("operator")


def test_a_file_is_imported_for_its_owner(owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / "mailchimp.csv", "--owner", owner.email.upper())
    assert (called.status, called.out) == (0, "Imported: 2 rows, 2 new\n")
    assert [row[1] for row in stored(owner)] == ["Anna Berg", "Bob"]


def test_refused_rows_are_told_with_their_lines(owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / "nul.csv", "--owner", owner.email, "--json")
    assert called.status == 1
    assert "Line 2: the row has NUL characters in it." in called.err
    assert json.loads(called.out) == {
        "total": 2,
        "added": 1,
        "changed": 0,
        "unchanged": 0,
        "passed_over": 0,
        "duplicates": 0,
        "refused": 1,
        "suppressed": 0,
        "joined": 0,
        "taken_out": 0,
    }


def test_a_dry_run_tells_and_leaves_nothing(owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / "mailchimp.csv", "--owner", owner.email, "--dry-run")
    assert (called.status, called.out) == (0, "Would be: 2 rows, 2 new\n")
    assert stored(owner) == []
    assert not ImportJob.objects.exists()


def test_a_list_can_be_given(owner: User, manage: Any) -> None:
    call = "import_recipients", FILES / "mailchimp.csv", "--owner", owner.email, "--list", "News"
    assert manage(*call, "--dry-run").out == "Would be: 2 rows, 2 new, 2 put into lists\n"
    assert not owner.recipient_lists.exists()
    assert manage(*call).out == "Imported: 2 rows, 2 new, 2 put into lists\n"
    news = owner.recipient_lists.get(name="News")
    news.members.add(factories.recipient(owner))
    assert manage(*call, "--take-out").out == "Imported: 2 rows, 2 unchanged, 1 taken out of lists\n"
    assert news.members.count() == 2


def test_taking_out_needs_a_list(owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / "mailchimp.csv", "--owner", owner.email, "--take-out")
    assert (called.status, called.err) == (2, "CommandError: --take-out needs --list.\n")


def test_a_mode_can_be_given(owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / "mailchimp.csv", "--owner", owner.email, "--mode", "update")
    assert called.out == "Imported: 2 rows, 2 passed over by the mode\n"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty.csv", "The file is empty."),
        ("no-addresses.csv", "No column holds the e-mail addresses"),
        ("unterminated-quote.csv", "Line 3: the quotation mark"),
        ("nothing.csv", "No such file"),
    ],
)
def test_a_file_that_can_not_be_used_is_a_sentence(name: str, sentence: str, owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / name, "--owner", owner.email)
    assert called.status == 2
    assert sentence in called.err
    assert "Traceback" not in called.err


def test_an_owner_who_is_not_there_is_a_sentence(manage: Any, tmp_path: Path) -> None:
    called = manage("import_recipients", tmp_path, "--owner", "nobody@office.example")
    assert (called.status, called.err) == (2, "CommandError: There is no user nobody@office.example.\n")


def test_an_interrupted_import_is_over(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("campaigns.imports.merge.classify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("import_recipients", FILES / "mailchimp.csv", owner=owner.email)
    job = ImportJob.objects.get()
    assert (job.state, job.reason) == (ImportJob.State.CANCELLED, "The command was interrupted.")


def test_the_name_of_a_list_may_be_too_long(owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / "mailchimp.csv", "--owner", owner.email, "--list", "x" * 201)
    assert (called.status, called.err) == (2, "CommandError: The name of a list has at most 200 characters.\n")


def test_blanks_are_no_name_of_a_list(owner: User, manage: Any) -> None:
    called = manage("import_recipients", FILES / "mailchimp.csv", "--owner", owner.email, "--list", " ", "--take-out")
    assert (called.status, called.err) == (2, "CommandError: --take-out needs --list.\n")
