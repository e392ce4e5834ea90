import pytest
from playwright.sync_api import expect

from accounts.models import User
from campaigns.tests import factories
from campaigns.tests.browser import pages
from campaigns.tests.browser.conftest import Visit

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_colleague_sees_a_mailing_while_it_is_shared(visit: Visit, olga: User) -> None:
    mailing = factories.mailing(olga, name="Spring")
    colleague = factories.user("operator", full_name="Oscar Operator")
    owners, theirs = visit(olga), visit(colleague)

    pages.share(owners, mailing, "Oscar Operator")
    pages.open_mailing(theirs, mailing)
    expect(theirs.get_by_label("State of this mailing")).to_contain_text("Olga Operator")
    expect(pages.button(theirs, "Send now")).to_have_count(0)

    pages.revoke(owners, mailing)
    # Asked beside the page, where a 404 is no complaint.
    assert theirs.request.get(theirs.url).status == 404


def test_a_dialog_whose_share_was_revoked_leads_to_a_page_that_says_so(visit: Visit, olga: User) -> None:
    mailing, colleague = factories.mailing(olga), factories.user("operator")
    factories.share(mailing, "send", to=colleague)
    page = pages.open_mailing(visit(colleague, refused=True), mailing)
    pages.button(page, "Send now").click()
    send = pages.dialog(page).get_by_role("button", name="Send now")
    expect(send).to_be_visible()
    mailing.user_shares.all().delete()
    send.click()
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert not mailing.attempts.exists()
