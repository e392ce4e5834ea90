"""The reports, as an operator and a manager see them, in both themes and on a phone."""

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.roles import MANAGER
from campaigns.models import Mailing
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.browser.test_every_page import wrong_with
from campaigns.tests.test_statistics import delivered

pytestmark = pytest.mark.django_db(transaction=True)

STATISTICS, MINE = "/mailings/stats/", "/mailings/reports/"


@pytest.fixture
def mailing(olga: User) -> Mailing:
    mailing = factories.mailing(olga, 20, name="Spring")
    delivered(mailing, Status.SENT, Status.SENT, Status.ERROR, Status.UNCONFIRMED)
    return mailing


def test_an_operators_reports(visit: Visit, olga: User, mailing: Mailing) -> None:
    report = reverse("admin:campaigns_mailing_report", args=[mailing.pk])
    assert wrong_with(visit(olga), [STATISTICS, MINE, report, f"{STATISTICS}?sort=-sent&period=7"]) == ""


def test_a_managers_reports(visit: Visit, mailing: Mailing) -> None:
    assert wrong_with(visit(factories.user(MANAGER)), [STATISTICS, MINE]) == ""


def test_a_report_is_asked_for_and_sorted_by_the_keyboard(visit: Visit, olga: User, mailing: Mailing) -> None:
    factories.mailing(olga, 1, name="Not sent")
    page = visit(olga)
    pages.go(page, STATISTICS)
    page.get_by_label("Period").select_option("7")
    page.get_by_role("button", name="Show", exact=True).press("Enter")
    page.wait_for_url("**period=7**")
    page.get_by_role("link", name="Errors").press("Enter")
    page.wait_for_url("**sort=-errors**")
    assert "period=7" in page.url
    page.get_by_role("link", name="Spring").press("Enter")
    page.wait_for_url("**/report/")


def test_a_page_that_is_kept_looks_as_before(visit: Visit, olga: User, mailing: Mailing) -> None:
    """The answer 304 has no policy of its own, whose nonce would refuse the colours of the page."""
    page = visit(olga)
    pages.go(page, STATISTICS)
    page.wait_for_timeout(2500)
    with page.expect_response(lambda response: response.url.endswith(STATISTICS)) as asked:
        pages.go(page, STATISTICS)
    assert "if-none-match" in asked.value.request.all_headers()
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--color-primary-600')")
