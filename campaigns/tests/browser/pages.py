"""What a person does on the pages, by the words that stand there."""

import re

from playwright.sync_api import FilePayload, Locator, Page, Response, expect

from campaigns.models import Mailing

ADMIN = "/admin/"


def log_in(page: Page, email: str, password: str) -> None:
    page.goto(ADMIN)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def go(page: Page, path: str) -> Response:
    """Open this address, and wait until the page's scripts have shown it."""
    response = page.goto(path)
    assert response
    expect(page.locator("html[x-cloak]")).to_have_count(0)
    return response


def open_mailing(page: Page, mailing: Mailing) -> Page:
    go(page, f"{ADMIN}campaigns/mailing/{mailing.pk}/change/")
    return page


def import_recipients(page: Page, content: str) -> None:
    """Upload a file, check its rows and confirm, as far as the last row."""
    go(page, f"{ADMIN}campaigns/recipient/import/")
    file: FilePayload = {"name": "recipients.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("button", name="Confirm the import").click()
    expect(page.get_by_role("link", name="Show the recipients")).to_be_visible()


def write_message(page: Page, subject: str, body: str) -> None:
    go(page, f"{ADMIN}campaigns/message/add/")
    page.get_by_label("Subject").fill(subject)
    page.locator("[name=body]").fill(body)
    save(page)


def make_mailing(page: Page, name: str, subject: str) -> None:
    """A mailing of the message with this subject to all own recipients."""
    go(page, f"{ADMIN}campaigns/mailing/add/")
    page.get_by_label("Name").fill(name)
    choose(page, "message", subject)
    # The switch is drawn over its checkbox.
    page.get_by_label("Add all my recipients").check(force=True)
    save(page, and_stay=True)


def choose(page: Page, field: str, option: str) -> None:
    """Choose in a field that searches."""
    page.locator(f".field-{field}, :has(> * > [name={field}])").locator(".select2-selection").first.click()
    page.locator(".select2-container--open .select2-search__field").fill(option)
    page.get_by_role("option", name=option).click()


def save(page: Page, *, and_stay: bool = False) -> None:
    name = "Save and continue editing" if and_stay else "Save"
    page.get_by_role("button", name=name, exact=True).click()
    expect_told(page, "success")


def expect_told(page: Page, words: str) -> None:
    """A message at the head of the page says so."""
    expect(page.locator("#main")).to_contain_text(re.compile(words, re.IGNORECASE))


def button(page: Page, name: str) -> Locator:
    """One of those at the head of an object's page."""
    return page.get_by_role("link", name=re.compile(rf"\b{name}$"))


def dialog(page: Page) -> Locator:
    return page.locator("#modal-content")


def press(page: Page, name: str) -> None:
    """Press a mailing's button, and confirm."""
    button(page, name).click()
    dialog(page).get_by_role("button", name=name).click()
    expect(dialog(page)).to_be_hidden()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(100):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("The keyboard does not reach it.")


def expect_percent(page: Page, percent: int) -> None:
    """The bar of the mailing's page shows it, sooner or later."""
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("aria-valuenow", str(percent))


def share(page: Page, mailing: Mailing, colleague: str) -> None:
    go(page, f"{ADMIN}campaigns/mailing/{mailing.pk}/share/")
    choose(page, "people", colleague)
    page.get_by_role("button", name="Share", exact=True).click()
    expect_told(page, "is shared with")


def revoke(page: Page, mailing: Mailing) -> None:
    go(page, f"{ADMIN}campaigns/mailing/{mailing.pk}/share/")
    page.get_by_role("button", name="Revoke").click()
    expect_told(page, "no longer shared")


def stop_all_sending(page: Page, reason: str) -> None:
    go(page, f"{ADMIN}stop-sending/")
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Stop all sending").click()
    expect(page.get_by_role("region", name="All sending is stopped")).to_be_visible()


def resume_sending(page: Page) -> None:
    page.get_by_role("region", name="All sending is stopped").get_by_role("link", name="Resume sending").click()
    page.get_by_role("button", name="Resume sending").click()
