"""A mailing from the file of recipients to the last letter."""

from collections import Counter

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from accounts.models import User
from campaigns.models import Mailing
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESSES = [f"friend{number}@example.com" for number in range(12)]
FILE = "email,full_name\n" + "".join(f"{address},Friend {n}\n" for n, address in enumerate(ADDRESSES))


@pytest.mark.usefixtures("worker")
def test_from_a_file_to_the_last_letter(visit: Visit, olga: User, sink: MailServer) -> None:
    page = visit(olga)
    pages.import_recipients(page, FILE)
    pages.write_message(page, "Hello {{ full_name }}", "Good news, {{ full_name }}!")
    pages.make_mailing(page, "Spring", "Hello {{ full_name }}")

    pages.button(page, "Preview").click()
    expect(page.get_by_label("Envelope")).to_contain_text("Hello Friend 0")
    page.go_back()

    pages.press(page, "Send now")
    page.evaluate("window.untouched = true")
    pages.expect_percent(page, 100)
    assert page.evaluate("window.untouched"), "The page was loaded anew."
    assert sink.addresses == Counter(ADDRESSES)
    assert sink.letter(ADDRESSES[3])["Subject"] == "Hello Friend 3"


@pytest.mark.usefixtures("worker")
def test_a_paused_mailing_goes_on_where_it_was(visit: Visit, olga: User, sink: MailServer) -> None:
    mailing = factories.mailing(olga, audience=40)
    sink.open.clear()
    page = pages.open_mailing(visit(olga), mailing)
    pages.press(page, "Send now")
    assert sink.waiting.wait(60)
    pages.open_mailing(page, mailing)
    pages.press(page, "Pause")
    expect(page.get_by_label("State of this mailing")).to_contain_text("Paused")
    sink.open.set()
    wait_until(lambda: not _in_flight(mailing))
    some = len(sink.taken)
    assert some < 40

    pages.press(page, "Resume")
    pages.expect_percent(page, 100)
    assert set(sink.addresses.values()) == {1}
    assert len(sink.taken) == 40


@pytest.mark.usefixtures("worker")
def test_a_launch_that_is_undone_sends_nothing(visit: Visit, olga: User, sink: MailServer, settings: Settings) -> None:
    settings.SENDING_UNDO_SECONDS = 600
    mailing = factories.mailing(olga, audience=3)
    page = pages.open_mailing(visit(olga), mailing)
    pages.press(page, "Send now")
    page.get_by_role("button", name="Undo").click()
    pages.expect_told(page, "nothing was sent")
    mailing.refresh_from_db()
    assert mailing.status == Mailing.Status.DRAFT
    assert not sink.taken


@pytest.mark.usefixtures("worker")
def test_a_manager_disables_what_an_operator_sends(visit: Visit, olga: User, sink: MailServer) -> None:
    mailing = factories.mailing(olga, audience=40)
    sink.open.clear()
    pages.press(pages.open_mailing(visit(olga), mailing), "Send now")
    assert sink.waiting.wait(60)
    page = pages.open_mailing(visit(factories.user("manager")), mailing)
    pages.press(page, "Disable")
    expect(page.get_by_label("State of this mailing")).to_contain_text("Disabled")
    sink.open.set()
    wait_until(lambda: not _in_flight(mailing))
    assert len(sink.taken) < 40


@pytest.mark.usefixtures("worker")
def test_the_stop_switch_holds_back_and_lets_go_on(visit: Visit, olga: User, sink: MailServer) -> None:
    mailing = factories.mailing(olga, audience=40)
    sink.open.clear()
    page = pages.open_mailing(visit(olga), mailing)
    pages.press(page, "Send now")
    assert sink.waiting.wait(60)
    manager = visit(factories.user("manager"))
    pages.stop_all_sending(manager, "The price is wrong")
    pages.open_mailing(page, mailing)
    expect(page.get_by_role("region", name="All sending is stopped")).to_contain_text("The price is wrong")
    sink.open.set()
    wait_until(lambda: not _in_flight(mailing))
    assert len(sink.taken) < 40

    pages.resume_sending(manager)
    pages.open_mailing(page, mailing)
    pages.expect_percent(page, 100)
    assert set(sink.addresses.values()) == {1}
    assert len(sink.taken) == 40


def test_send_is_reached_and_pressed_by_the_keyboard(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=3)
    page = pages.open_mailing(visit(olga), mailing)
    pages.tab_to(page, pages.button(page, "Send now"))
    page.keyboard.press("Enter")
    confirm = pages.dialog(page).get_by_role("button", name="Send now")
    expect(confirm).to_be_visible()
    pages.tab_to(page, confirm)
    page.keyboard.press("Enter")
    pages.expect_told(page, "is on its way")
    assert mailing.attempts.count() == 1


def _in_flight(mailing: Mailing) -> bool:
    return any(chunk.in_flight for attempt in mailing.attempts.all() for chunk in attempt.chunks.all())
