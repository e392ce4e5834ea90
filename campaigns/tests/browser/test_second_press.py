"""A hand that slips, a second tab and the browser's way back send nothing twice."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.mail_server import MailServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("worker")
def test_a_double_click_on_send_sends_once(visit: Visit, olga: User, sink: MailServer) -> None:
    mailing = factories.mailing(olga, audience=1)
    page = pages.open_mailing(visit(olga), mailing)
    pages.button(page, "Send now").click()
    pages.dialog(page).get_by_role("button", name="Send now").dblclick()
    expect(pages.dialog(page)).to_be_hidden()
    pages.expect_percent(page, 100)
    assert set(sink.addresses.values()) == {1}


@pytest.mark.usefixtures("worker")
def test_a_dialog_left_open_in_another_tab_sends_nothing_more(visit: Visit, olga: User, sink: MailServer) -> None:
    mailing = factories.mailing(olga, audience=3)
    first, second = visit(olga), visit(olga)
    for tab in (first, second):
        pages.button(pages.open_mailing(tab, mailing), "Send now").click()
        expect(pages.dialog(tab).get_by_role("button", name="Send now")).to_be_visible()
    pages.dialog(first).get_by_role("button", name="Send now").click()
    pages.expect_percent(first, 100)
    pages.dialog(second).get_by_role("button", name="Send now").click()
    pages.expect_told(second, "was launched after you had been asked")
    assert mailing.attempts.count() == 1
    assert set(sink.addresses.values()) == {1}


def test_the_way_back_after_send_leads_to_the_page_as_it_is_now(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=3)
    page = visit(olga)
    pages.go(page, f"{pages.ADMIN}campaigns/mailing/")
    page.get_by_role("link", name=mailing.name).first.click()
    pages.press(page, "Send now")
    pages.expect_told(page, "is on its way")
    page.go_back()
    expect(pages.button(page, "Send now")).to_have_count(0)
    assert mailing.attempts.count() == 1
