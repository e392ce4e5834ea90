"""A large file through the pages: its columns, the check, the confirmation, a worker's progress bar, and out again."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from campaigns.models import ImportJob, RecipientList
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.crash.process import Process

pytestmark = pytest.mark.django_db(transaction=True)

# IMPORT_TEST_ROWS=1000000 is the real thing, and takes some minutes.
ROWS = int(os.environ.get("IMPORT_TEST_ROWS", "100000"))
PATIENCE = 60_000 + ROWS  # in milliseconds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    with path.open("w", encoding="cp1251") as opened:
        opened.write("E-mail;ФИО;Город\n")
        opened.writelines(f"user{n}@example.com;Анна {n};Тверь\n" for n in range(ROWS - 1))
        opened.write("no address;;\n")
    return path


def upload(page: Page, file: Path) -> None:
    pages.go(page, f"{pages.ADMIN}campaigns/recipient/import/")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click(timeout=PATIENCE)
    expect(page.get_by_role("heading", name="What are the columns?")).to_be_visible(timeout=PATIENCE)


def follow(page: Page, press: str, worker: Process, then: str) -> None:
    """After the press the bar is there; when a worker has been at it, that button or link is."""
    worker.freeze()
    page.get_by_role("button", name=press).click()
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    worker.thaw()
    ended = page.get_by_role("button", name=then).or_(page.get_by_role("link", name=then))
    # A quick machine is through between two looks.
    expect(page.get_by_text("rows read").or_(ended).first).to_be_visible(timeout=PATIENCE)
    expect(ended).to_be_visible(timeout=PATIENCE)


def test_a_large_file_comes_in_behind_a_bar_and_its_export_changes_nothing(
    visit: Visit, olga: User, worker: Process, file: Path, tmp_path: Path
) -> None:
    page = visit(olga)
    upload(page, file)
    page.get_by_label("Or into a new list").fill("Tver")
    follow(page, "Check the rows", worker, then="Confirm the import")
    state = page.get_by_label("State of this import")
    expect(state).to_contain_text(f"To confirm adds {ROWS - 1:,} and changes 0 recipients.")
    expect(page.get_by_text(f"Line {ROWS + 1}: “no address” is not a valid e-mail address.").first).to_be_visible()

    follow(page, "Confirm the import", worker, then="Show the recipients")
    expect(state).to_contain_text(f"{ROWS - 1:,} entries of the lists were made.")
    assert RecipientList.objects.get(owner=olga, name="Tver").members.count() == ROWS - 1

    pages.go(page, f"{pages.ADMIN}campaigns/recipient/export/")
    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("button", name="Export").click()
    exported = tmp_path / "exported.csv"
    download.value.save_as(exported)
    upload(page, exported)
    follow(page, "Check the rows", worker, then="Cancel the import")
    expect(state).to_contain_text("There is nothing to store", timeout=PATIENCE)
    assert ImportJob.objects.latest("pk").unchanged == ROWS - 1


def test_a_file_that_was_read_in_the_wrong_encoding_can_be_read_in_another(
    visit: Visit, olga: User, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("email|name\nanna@example.com|Łoś\n".encode("cp1250"))
    page = visit(olga)
    upload(page, path)
    page.get_by_label("Delimiter").select_option("Comma")
    page.get_by_role("button", name="Read it anew").click()
    expect(page.get_by_role("rowheader", name="email|name")).to_be_visible()
    page.get_by_label("Delimiter").select_option("Vertical bar")
    page.get_by_label("Encoding").select_option("Windows-1251 (Cyrillic)")
    page.get_by_role("button", name="Read it anew").click()
    expect(page.get_by_role("cell", name="Łoś".encode("cp1250").decode("cp1251"))).to_be_visible()
