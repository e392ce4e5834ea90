"""Whatever is refused is refused by a page of the product, which says what to do."""

import pytest
from django.test import Client

from accounts.tests.factories import make_user
from backoffice.tests.inline import inline

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [
        ("/admin/profile/?q=%00", 400, "Not understood"),
        ("/admin/accounts/user/", 403, "Not allowed"),
        ("/admin/nothing/here/", 404, "Not found"),
        ("/nothing/here/", 404, "Not found"),
        ("/admin/logout/", 405, "Nothing to open"),
    ],
)
def test_a_refusal_is_a_page_that_leads_back(path: str, status: int, heading: str) -> None:
    client = Client()
    client.force_login(make_user())
    response = client.get(path)
    page = response.content.decode()
    assert (response.status_code, f"<h1>{heading}</h1>" in page) == (status, True)
    assert 'href="/admin/"' in page
    assert inline(page) == []
