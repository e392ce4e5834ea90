"""What is wrong is noticed."""

from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from campaigns.tests.browser import pages
from campaigns.tests.browser.complaints import Complaints
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.browser.soundness import faults

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "/admin/login/"
POLICY = "Content Security Policy"


@pytest.mark.parametrize(
    ("event", "doing", "complaint"),
    [
        ("console", "document.head.insertAdjacentHTML('beforeend', '<style>a {}</style>')", POLICY),
        ("console", "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", POLICY),
        ("console", "console.error('it went wrong')", "it went wrong"),
        ("pageerror", "setTimeout(() => { throw new Error('broken script') })", "broken script"),
        ("response", "fetch('/nothing-is-here/')", "nothing-is-here/: 404"),
    ],
    ids=["style", "script", "console", "exception", "missing"],
)
def test_complaints_are_heard(
    browser: Browser, live_server: LiveServer, event: Any, doing: str, complaint: str
) -> None:
    complaints = Complaints()
    with browser.new_page(base_url=live_server.url) as page:
        complaints.listen(page)
        pages.go(page, LOGIN)
        assert not complaints.heard
        with page.expect_event(event):
            page.evaluate(f"() => {{ {doing} }}")
        # The browser may tell of it some moments after the event.
        deadline = monotonic() + 60
        while complaint not in "".join(complaints.heard) and monotonic() < deadline:
            page.wait_for_timeout(20)
    assert complaint in "".join(complaints.heard)


@pytest.mark.parametrize(
    ("doing", "sentence"),
    [
        ("document.title = ''", "title"),
        ("document.querySelector('h1').remove()", "0 headings"),
        ("document.body.append(document.createElement('input'))", "A textbox has no name"),
        ("document.body.append(document.createElement('button'))", "A button has no name"),
        ("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" width=9 height=9>')", "no name"),
        ("(document.getElementById('main') || document.body).style.background = '#fff'", "dark theme"),
        ("document.body.style.minWidth = '600px'", "sideways"),
    ],
    ids=["title", "heading", "input", "button", "image", "theme", "width"],
)
def test_faults_are_found(visit: Visit, doing: str, sentence: str) -> None:
    page = visit()
    pages.go(page, LOGIN)
    page.evaluate(f"() => {{ {doing} }}")
    assert sentence in " ".join(faults(page))
