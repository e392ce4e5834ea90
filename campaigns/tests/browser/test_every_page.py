"""Whatever can be opened opens without a complaint, in both themes and on a phone, and is named for screen readers."""

from collections.abc import Iterable

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from accounts.models import User
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit
from campaigns.tests.browser.soundness import faults
from campaigns.tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NOUNS = ("mailing", "message", "recipient")


def test_the_pages_of_the_navigation(visit: Visit) -> None:
    lifecycle.launch(factories.mailing(audience=3), None)
    page = visit(factories.user(is_superuser=True))
    pages.go(page, pages.ADMIN)
    links = page.locator("#nav-sidebar a[href]").evaluate_all("links => links.map(link => link.pathname)")
    assert len(set(links)) >= 15
    assert wrong_with(page, dict.fromkeys(links)) == ""


@pytest.mark.usefixtures("worker")
def test_the_pages_of_an_operator(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, audience=3, body_html="<p>Hello!</p>")
    attempt = lifecycle.launch(mailing, olga)
    wait_until(lambda: not MailingAttempt.objects.unfinished().exists())
    page = visit(olga)
    some = reverse("admin:campaigns_recipientlist_change", args=[factories.recipient_list(olga).pk])
    assert wrong_with(page, ["/admin/", some, *lists(), *pages_of(mailing), *pages_of_what_happened(attempt)]) == ""


def test_the_page_of_a_stranger(visit: Visit) -> None:
    assert wrong_with(visit(), [reverse("admin:login")]) == ""


def lists() -> list[str]:
    """Empty or not, and what begins there."""
    nouns = (*NOUNS, "recipientlist", "suppression")
    found = [reverse(f"admin:campaigns_{noun}_{page}") for noun in nouns for page in ("changelist", "add")]
    return [*found, *(f"{address}?q=nobody" for address in found[::2]), reverse("admin:campaigns_recipient_import")]


def pages_of(mailing: Mailing) -> list[str]:
    objects = (mailing, mailing.message, mailing.recipients.first())
    found = [
        reverse(f"admin:campaigns_{noun}_{page}", args=[obj.pk])
        for noun, obj in zip(NOUNS, objects, strict=True)
        if obj
        for page in ("change", "history", "delete", "share")
    ]
    return [*found, reverse("admin:campaigns_mailing_preview", args=[mailing.pk]), reverse("admin:profile")]


def pages_of_what_happened(attempt: MailingAttempt) -> list[str]:
    return [
        reverse("admin:campaigns_mailingattempt_change", args=[attempt.pk]),
        reverse("admin:campaigns_mailingattempt_as_sent", args=[attempt.pk]),
        reverse("admin:campaigns_mailinglog_changelist"),
        reverse("admin:campaigns_mailinglog_change", args=[attempt.logs.values_list("pk")[0][0]]),
    ]


def wrong_with(page: Page, addresses: Iterable[str]) -> str:
    return "\n".join(f"{address}: {fault}" for address in addresses for fault in faults_at(page, address))


def faults_at(page: Page, address: str) -> Iterable[str]:
    response = pages.go(page, address)
    return faults(page) if response.ok else [f"It answers {response.status}."]
