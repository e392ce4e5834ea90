"""What a person looks at before a mailing leaves: what is wrong with it, its letters, and their number."""

import pytest
from playwright.sync_api import Locator, expect
from pytest_django import Settings

from accounts.models import User
from campaigns.models import Mailing
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.browser.soundness import PHONE, faults
from campaigns.tests.mail_server import MailServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_the_preflight_finds_is_gone_when_it_is_mended(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=3, body="Dear {{ attributes.city }}")
    page = pages.open_mailing(visit(olga), mailing)
    pages.button(page, "Preflight").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Preflight")
    expect(page.get_by_text("Blocking")).to_be_visible()

    pages.button(pages.open_mailing(page, mailing), "Send now").click()
    expect(pages.dialog(page)).to_contain_text("It can not be sent as it is")
    expect(pages.dialog(page).get_by_role("button", name="Send now")).to_be_hidden()

    pages.go(page, f"{pages.ADMIN}campaigns/message/{mailing.message_id}/change/")
    page.locator("[name=body]").fill('Dear {{ attributes.city|default:"friend" }}')
    pages.save(page)
    pages.go(page, f"{pages.ADMIN}campaigns/mailing/{mailing.pk}/preflight/")
    expect(page.get_by_text("Nothing stands in the way of sending.")).to_be_visible()
    assert not mailing.attempts.exists()


def test_a_letter_is_looked_at_as_on_a_desktop_and_on_a_phone(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=3, body_html="<p>Dear {{ full_name }}</p>")
    page = pages.open_mailing(visit(olga), mailing)
    pages.button(page, "Preview").click()
    letter = page.frame_locator("iframe[title='The letter as HTML']")
    expect(letter.get_by_text("Dear Person 0")).to_be_visible()
    frame = page.get_by_title("The letter as HTML")
    assert width(frame) > 600
    page.get_by_label("Phone").check()
    assert width(frame) == 375
    page.get_by_role("link", name="Next").click()
    expect(letter.get_by_text("Dear Person 1")).to_be_visible()


def test_a_letter_is_looked_at_with_a_phone(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=1, body_html="<p>Dear {{ full_name }}</p>")
    page = visit(olga, viewport=PHONE)
    pages.go(page, f"{pages.ADMIN}campaigns/mailing/{mailing.pk}/preview/")
    expect(page.frame_locator("iframe").get_by_text("Dear Person 0")).to_be_visible()
    assert list(faults(page)) == []


@pytest.mark.usefixtures("worker")
def test_a_test_letter_goes_to_the_address_that_was_typed_and_to_nobody_else(
    visit: Visit, olga: User, sink: MailServer
) -> None:
    mailing = factories.mailing(olga, audience=3, subject="News for {{ full_name }}")
    page = pages.open_mailing(visit(olga), mailing)
    pages.button(page, "Send a test").click()
    address = pages.dialog(page).get_by_label("To this address")
    expect(address).to_be_focused()
    address.fill("me@office.example")
    pages.dialog(page).get_by_role("button", name="Send a test").click()
    page.get_by_role("link", name="See what becomes of it").click()
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("aria-valuenow", "100")
    assert list(sink.addresses) == ["me@office.example"]
    assert sink.letter("me@office.example")["Subject"].endswith("News for Person 0")
    mailing.refresh_from_db()
    assert mailing.status == Mailing.Status.DRAFT


def test_a_large_number_of_letters_must_be_typed(visit: Visit, olga: User, settings: Settings) -> None:
    settings.SENDING_CONFIRM_ROWS = 2
    mailing = factories.mailing(olga, audience=3)
    page = pages.open_mailing(visit(olga), mailing)
    pages.button(page, "Send now").click()
    dialog = pages.dialog(page)
    number = dialog.get_by_label("Number of letters")
    expect(number).to_be_focused()
    number.fill("4")
    number.press("Enter")
    expect(dialog).to_contain_text("It is 3 letters: type this number.")
    assert not mailing.attempts.exists()
    expect(number).to_be_focused()
    number.fill("3")
    number.press("Enter")
    pages.expect_told(page, "is on its way")
    assert mailing.attempts.count() == 1


def test_a_clone_is_a_draft_of_its_own(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=3, name="Spring")
    page = pages.open_mailing(visit(olga), mailing)
    pages.press(page, "Clone")
    pages.expect_told(page, "is yours, with 3 recipients")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Spring (copy)")
    copy = Mailing.objects.get(name="Spring (copy)")
    assert (copy.status, copy.recipients.count()) == (Mailing.Status.DRAFT, 3)


def width(frame: Locator) -> int:
    """Without its border."""
    return int(frame.evaluate("frame => frame.clientWidth"))
