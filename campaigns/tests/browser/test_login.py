import pytest
from django.conf import settings
from playwright.sync_api import expect

from accounts.models import User
from campaigns.models import Message
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_right_password_opens_the_dashboard(visit: Visit, olga: User) -> None:
    page = visit()
    pages.log_in(page, olga.email, "correct horse")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_a_wrong_password_is_told_and_opens_nothing(visit: Visit, olga: User) -> None:
    page = visit()
    pages.log_in(page, olga.email, "wrong horse")
    expect(page.get_by_text("E-mail and password do not go together.")).to_be_visible()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_what_was_typed_is_kept_when_the_login_ends_meanwhile(visit: Visit, olga: User) -> None:
    page = visit()
    pages.log_in(page, olga.email, "correct horse")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    pages.go(page, f"{pages.ADMIN}campaigns/message/add/")
    page.get_by_label("Subject").fill("“News” & <more>")
    page.locator("[name=body]").fill("One line\n\nand another")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("E-mail").fill(olga.email)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Submit it now").click()
    pages.expect_told(page, "added successfully")
    assert list(Message.objects.values_list("subject", "body")) == [("“News” & <more>", "One line\r\n\r\nand another")]
