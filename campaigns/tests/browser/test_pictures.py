"""The pictures of the documentation, made when asked: SCREENSHOTS=docs/images names their folder."""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from playwright.sync_api import Page

from accounts.models import User
from campaigns import lifecycle
from campaigns.models import Mailing
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.browser.soundness import use_theme
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import wait_until

FOLDER = os.environ.get("SCREENSHOTS", "")
SIZE = {"width": 1440, "height": 900}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not FOLDER, reason="SCREENSHOTS names no folder for pictures."),
]


@pytest.fixture
def mailing() -> Mailing:
    """That of the demonstration, to a thousand made-up people."""
    file = settings.BASE_DIR / "scripts" / "demo" / "recipients.csv"
    call_command("seed_demo", password="only for pictures", recipients=file, verbosity=0)
    return Mailing.objects.get(name="Welcome to the spring campaign")


@pytest.mark.usefixtures("worker")
def test_pictures_of_the_main_pages(visit: Visit, mailing: Mailing, sink: MailServer) -> None:
    for person in mailing.recipients.order_by("pk")[:9]:
        sink.at_rcpt[person.email] = ["550 5.1.1 no such mailbox"]
    lifecycle.launch(mailing, mailing.owner)
    wait_until(lambda: len(sink.taken) > 600)
    sink.open.clear()
    page = visit(User.objects.get(email="olga@example.com"), viewport=SIZE)
    pages.open_mailing(page, mailing)
    both(page, "mailing")
    pages.go(page, pages.ADMIN)
    both(page, "dashboard")


def both(page: Page, name: str) -> None:
    use_theme(page, "dark")
    picture(page, f"{name}-dark")
    use_theme(page, "light")
    picture(page, name)


def picture(page: Page, name: str) -> None:
    page.screenshot(path=Path(FOLDER) / f"{name}.png", animations="disabled")
