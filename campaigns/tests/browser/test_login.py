import pytest
from playwright.sync_api import expect

from accounts.models import User
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
