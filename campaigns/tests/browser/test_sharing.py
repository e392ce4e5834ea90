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
