"""What was typed into a form is not lost when the login has ended meanwhile, and nobody else gets it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import PASSWORD, make_superuser, make_user
from backoffice.tests.inline import inline

pytestmark = pytest.mark.django_db

LOGIN, PROFILE = "/admin/login/", "/admin/profile/"
TYPED = {"full_name": 'Anna "Berg" <b>', "time_zone": "Asia/Tokyo"}


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def anna() -> User:
    return make_user(email="anna@example.com", full_name="Anna")


def fields(page: str) -> list[tuple[str, str]]:
    """The hidden fields of a page, in order."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return [(unescape(name), unescape(value)) for name, value in found]


def token(browser: Client, path: str = LOGIN) -> dict[str, str]:
    return {"csrfmiddlewaretoken": dict(fields(browser.get(path).content.decode()))["csrfmiddlewaretoken"]}


def log_in(browser: Client, person: User, **more: str) -> Any:
    given = {"username": person.email, "password": PASSWORD, **more}
    return browser.post(LOGIN, {**token(browser), **given})


def end_session(browser: Client) -> None:
    del browser.cookies[settings.SESSION_COOKIE_NAME]


def post_too_late(browser: Client, person: User, path: str = PROFILE, **typed: Any) -> Any:
    """Open the form, type into it, and post it when the login has ended."""
    log_in(browser, person)
    filled_in = {**token(browser, path), **(typed or TYPED)}
    end_session(browser)
    return browser.post(path, filled_in)


def kept(response: Any) -> dict[str, str]:
    """The form that the page of the login keeps."""
    return {"kept_form": dict(fields(response.content.decode()))["kept_form"]}


def test_who_posts_when_the_login_has_ended_is_asked_to_log_in(browser: Client, anna: User) -> None:
    page = post_too_late(browser, anna).content.decode()
    assert "what you typed is kept" in page
    assert 'name="password"' in page
    assert inline(page) == []


def test_nothing_is_saved_before_it_is_posted_again(browser: Client, anna: User) -> None:
    log_in(browser, anna, **kept(post_too_late(browser, anna)))
    anna.refresh_from_db()
    assert anna.full_name == "Anna"


def test_after_the_login_it_is_posted_again_as_it_was(browser: Client, anna: User) -> None:
    page = log_in(browser, anna, **kept(post_too_late(browser, anna))).content.decode()
    assert f'action="{PROFILE}"' in page
    assert inline(page) == []
    browser.post(PROFILE, dict(fields(page)))
    anna.refresh_from_db()
    assert (anna.full_name, anna.time_zone) == (TYPED["full_name"], TYPED["time_zone"])


def test_the_address_keeps_its_query_and_a_field_all_its_values(browser: Client) -> None:
    root, path = make_superuser(), f"{reverse('admin:accounts_user_add')}?_popup=1"
    page = log_in(browser, root, **kept(post_too_late(browser, root, path, groups=["2", "1"]))).content.decode()
    assert f'action="{path}"' in page
    assert [value for name, value in fields(page) if name == "groups"] == ["2", "1"]


def test_a_wrong_password_does_not_lose_it(browser: Client, anna: User) -> None:
    again = log_in(browser, anna, password="wrong", **kept(post_too_late(browser, anna)))
    assert "You are logged in again" in log_in(browser, anna, **kept(again)).content.decode()


def test_another_person_does_not_get_it(browser: Client, anna: User) -> None:
    other = make_user()
    response = log_in(browser, other, **kept(post_too_late(browser, anna)))
    assert response.status_code == 302
    assert "Somebody else had filled in the form" in browser.get("/admin/").content.decode()


def test_what_another_person_has_left_open_is_refused_and_not_kept(browser: Client, anna: User) -> None:
    log_in(browser, anna)
    filled_in = {**token(browser, PROFILE), **TYPED}
    end_session(browser)
    log_in(browser, make_user())
    end_session(browser)
    response = browser.post(PROFILE, filled_in)
    assert response.status_code == 403
    assert "Berg" not in response.content.decode()


def test_a_form_that_others_have_made_is_not_kept(browser: Client, anna: User) -> None:
    log_in(browser, anna)
    end_session(browser)
    assert browser.post(PROFILE, TYPED).status_code == 403


@pytest.mark.parametrize("change", [lambda signed: signed[:-1] + "~", lambda signed: "", lambda signed: "x:y:z"])
def test_what_this_site_has_not_signed_is_not_kept(change: Callable[[str], str], browser: Client, anna: User) -> None:
    signed = kept(post_too_late(browser, anna))["kept_form"]
    assert log_in(browser, anna, kept_form=change(signed)).status_code == 302


def test_a_password_is_written_into_no_page(browser: Client, anna: User) -> None:
    response = post_too_late(browser, anna, "/admin/password_change/", old_password=PASSWORD, new_password1="other")
    assert response.status_code == 302


def test_a_form_with_a_file_is_not_kept_without_it(browser: Client, anna: User) -> None:
    response = post_too_late(browser, anna, file=SimpleUploadedFile("people.csv", b"email"))
    assert response.status_code == 302


def test_whose_it_was_must_be_known(browser: Client, anna: User) -> None:
    log_in(browser, anna)
    filled_in = {**token(browser, PROFILE), **TYPED}
    end_session(browser)
    del browser.cookies["person"]
    assert browser.post(PROFILE, filled_in).status_code == 302


def test_who_is_logged_out_already_can_log_out(browser: Client, anna: User) -> None:
    log_in(browser, anna)
    button = token(browser, PROFILE)
    end_session(browser)
    assert browser.post("/admin/logout/", button)["Location"] == "/admin/"


def test_no_cache_keeps_the_pages(browser: Client, anna: User) -> None:
    asked = post_too_late(browser, anna)
    asked_again = log_in(browser, anna, **kept(asked))
    assert all("no-store" in response["Cache-Control"] for response in (asked, asked_again))
