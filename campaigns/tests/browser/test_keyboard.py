"""What the framework's pages leave to the mouse is reached by the keyboard, and the focus stays where it was."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from campaigns import lifecycle
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit

pytestmark = pytest.mark.django_db(transaction=True)

LIST = f"{pages.ADMIN}campaigns/mailing/"


def test_the_menu_of_the_person_opens(visit: Visit, olga: User) -> None:
    page = visit(olga)
    pages.go(page, pages.ADMIN)
    pages.tab_to(page, page.get_by_role("button", name="Olga Operator"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_the_filters_take_the_focus_and_give_it_back(visit: Visit, olga: User) -> None:
    factories.mailing(olga)
    page = visit(olga)
    pages.go(page, LIST)
    opener = page.get_by_role("button", name="Filters", exact=True)
    pages.tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(page.locator("#changelist-filter :focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()


def test_a_dialog_takes_the_focus_and_gives_it_back(visit: Visit, olga: User) -> None:
    page = pages.open_mailing(visit(olga), factories.mailing(olga))
    opener = pages.button(page, "Send now")
    pages.tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Send now")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()


def test_the_first_link_leads_past_the_menu(visit: Visit, olga: User) -> None:
    page = visit(olga)
    pages.go(page, LIST)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("main").locator(":focus")).to_have_count(1)


def test_the_focus_stays_while_the_progress_is_drawn_anew(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=3)
    lifecycle.launch(mailing, olga)
    page = pages.open_mailing(visit(olga), mailing)
    link = page.get_by_role("link", name="Every recipient")
    link.focus()
    mailing.attempts.update(server_response="The server rests.")
    expect(page.get_by_text("The server rests.")).to_be_visible()
    expect(link).to_be_focused()


def test_what_has_only_an_icon_has_a_name(visit: Visit, olga: User) -> None:
    page = pages.open_mailing(visit(olga), factories.mailing(olga))
    for name in ("Show or hide the menu", "More"):
        expect(page.get_by_role("button", name=name, exact=True).first).to_be_visible()
    for name in ("Go back", "Add mailing"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_both_fields_of_a_time_are_named(visit: Visit, olga: User) -> None:
    page = pages.open_mailing(visit(olga), factories.mailing(olga))
    for name in ("Start: Date", "Start: Time", "End: Date", "End: Time"):
        expect(page.get_by_role("textbox", name=name, exact=True)).to_be_visible()
