"""The reports, as an operator and a manager see them, in both themes, on a phone and on paper.

With SCREENSHOTS=docs/images, the pictures of the documentation are made on the way.
"""

import os
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.roles import MANAGER
from campaigns.models import Mailing
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.browser.past import MORE_RUNS, some_weeks
from campaigns.tests.browser.soundness import use_theme
from campaigns.tests.browser.test_every_page import wrong_with

pytestmark = pytest.mark.django_db(transaction=True)

STATISTICS, MINE = "/mailings/stats/", "/mailings/reports/"
FOLDER = os.environ.get("SCREENSHOTS", "")
SIZE = {"width": 1440, "height": 1000}
COLOURS = """chart => [...chart.querySelectorAll("rect:not(.autosend-day)")].map(bar => getComputedStyle(bar).fill)"""


@pytest.fixture
def mailings(olga: User) -> list[Mailing]:
    return some_weeks(olga)


def walk(page: Page, path: str, name: str) -> None:
    """Open the report from the navigation, look at it in both themes, and open the table of its chart."""
    pages.go(page, pages.ADMIN)
    page.locator(f'#nav-sidebar a[href="{path}"]').click()
    page.wait_for_url(f"**{path}")
    expect(page.locator("html[x-cloak]")).to_have_count(0)
    for theme in ("dark", "light"):
        use_theme(page, theme)
        assert_drawn(page)
        if FOLDER and name:
            file = name if theme == "light" else f"{name}-{theme}"
            page.screenshot(path=Path(FOLDER) / f"{file}.png", animations="disabled")
    page.get_by_text("As a table").click()
    days = page.locator(".autosend-figures tbody tr")
    assert days.count() == page.locator(".autosend-chart g").count() > 7
    expect(days.first).to_be_visible()


def assert_drawn(page: Page) -> None:
    """Bars can be told from what is behind them, and each table of figures has its numbers."""
    behind = page.evaluate("getComputedStyle(document.querySelector('section.autosend-card')).backgroundColor")
    colours = set(page.locator(".autosend-chart svg").evaluate(COLOURS))
    assert len(colours) == 3
    assert behind not in colours
    for title in ("Mailings", "Outcomes", "Domains", "Replies to what failed"):
        table = page.get_by_role("region", name=title).get_by_role("table")
        assert table.locator("tbody svg").count() == table.locator("tbody tr").count() > 0


@pytest.mark.usefixtures("mailings")
@pytest.mark.parametrize(("path", "name"), [(STATISTICS, ""), (MINE, "my-report")])
def test_an_operator_walks_a_report(path: str, name: str, visit: Visit, olga: User) -> None:
    walk(visit(olga, viewport=SIZE), path, name)


@pytest.mark.usefixtures("mailings")
@pytest.mark.parametrize(("path", "name"), [(STATISTICS, "statistics"), (MINE, "")])
def test_a_manager_walks_a_report(path: str, name: str, visit: Visit) -> None:
    manager = factories.user(MANAGER, email="max@office.example", full_name="Max Manager")
    some_weeks(manager, MORE_RUNS)
    walk(visit(manager, viewport=SIZE), path, name)


def test_an_operators_reports_are_sound(visit: Visit, olga: User, mailings: list[Mailing]) -> None:
    report = reverse("admin:campaigns_mailing_report", args=[mailings[0].pk])
    assert wrong_with(visit(olga), [STATISTICS, MINE, report, f"{STATISTICS}?sort=-sent&period=7"]) == ""


@pytest.mark.usefixtures("mailings")
def test_a_managers_reports_are_sound(visit: Visit) -> None:
    assert wrong_with(visit(factories.user(MANAGER)), [STATISTICS, MINE]) == ""


def test_reports_about_nothing_are_sound(visit: Visit, olga: User) -> None:
    report = reverse("admin:campaigns_mailing_report", args=[factories.mailing(olga).pk])
    assert wrong_with(visit(olga), [STATISTICS, MINE, report]) == ""


@pytest.mark.usefixtures("mailings")
def test_a_report_is_asked_for_and_sorted_by_the_keyboard(visit: Visit, olga: User) -> None:
    page = visit(olga)
    pages.go(page, STATISTICS)
    page.get_by_label("Period").select_option("7")
    page.get_by_role("button", name="Show", exact=True).press("Enter")
    page.wait_for_url("**period=7**")
    page.get_by_role("link", name="Errors").press("Enter")
    page.wait_for_url("**sort=-errors**")
    assert "period=7" in page.url
    page.get_by_role("link", name="Weekly news").press("Enter")
    page.wait_for_url("**/report/")


@pytest.mark.usefixtures("mailings")
def test_days_are_chosen_in_the_persons_time_zone(visit: Visit, olga: User) -> None:
    User.objects.filter(pk=olga.pk).update(time_zone="Pacific/Kiritimati")
    page = visit(olga)
    pages.go(page, MINE)
    page.get_by_label("Period").select_option("chosen")
    for label in ("From", "To"):
        page.get_by_label(label, exact=True).fill("2026-01-15")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**first=2026-01-15&last=2026-01-15**")
    said = page.locator(".autosend-report-days")
    expect(said).to_contain_text("Jan. 15, 2026")
    expect(said).to_contain_text("Pacific/Kiritimati")


@pytest.mark.usefixtures("mailings")
def test_on_paper_a_report_is_alone(visit: Visit, olga: User) -> None:
    page = visit(olga)
    pages.go(page, MINE)
    use_theme(page, "dark")
    page.emulate_media(media="print")
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_role("region", name="Mailings")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.usefixtures("mailings")
def test_a_page_that_is_kept_looks_as_before(visit: Visit, olga: User) -> None:
    """The answer 304 has no policy of its own, whose nonce would refuse the colours of the page."""
    page = visit(olga)
    pages.go(page, STATISTICS)
    page.wait_for_timeout(2500)
    with page.expect_response(lambda response: response.url.endswith(STATISTICS)) as asked:
        pages.go(page, STATISTICS)
    assert "if-none-match" in asked.value.request.all_headers()
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--color-primary-600')")
