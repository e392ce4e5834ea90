import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import PASSWORD, make_user
from backoffice.tests.inline import inline

pytestmark = pytest.mark.django_db


def log_in(client: Client, email: str, password: str = PASSWORD) -> bool:
    client.post(reverse("admin:login"), {"username": email, "password": password})
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("typed", ["anna@example.com", "Anna@Example.COM", " anna@example.com "])
def test_the_case_of_the_email_does_not_matter(client: Client, typed: str) -> None:
    make_user(email="anna@example.com")
    assert log_in(client, typed)


def test_the_case_of_the_password_matters(client: Client) -> None:
    make_user(email="anna@example.com")
    assert not log_in(client, "anna@example.com", PASSWORD.upper())


def test_who_is_not_active_stays_out(client: Client) -> None:
    make_user(email="anna@example.com", is_active=False)
    assert not log_in(client, "anna@example.com")


def test_an_email_is_stored_in_lower_case() -> None:
    assert make_user(email="Anna@Example.COM").email == "anna@example.com"


def test_the_database_refuses_an_upper_case_email() -> None:
    user = make_user()
    with pytest.raises(IntegrityError, match="user_email_is_lower_case"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="Anna@example.com")


def test_the_database_refuses_an_email_twice() -> None:
    make_user(email="anna@example.com")
    with pytest.raises(IntegrityError, match="email"), transaction.atomic():
        User.objects.bulk_create([User(email="anna@example.com")])


def test_a_part_of_a_page_leads_the_page_to_the_login_when_the_session_has_ended(client: Client) -> None:
    page = f"http://testserver{reverse('admin:campaigns_mailing_changelist')}"
    answer = client.get(
        reverse("admin:campaigns_mailing_running"), headers={"HX-Request": "true", "HX-Current-URL": page}
    )
    assert answer.status_code == 200
    assert not answer.content
    login = answer["HX-Redirect"]
    make_user(email="anna@example.com", is_superuser=True)
    assert client.post(login, {"username": "anna@example.com", "password": PASSWORD})["Location"] == page


def test_the_login_after_a_part_of_a_page_goes_on_to_no_foreign_address(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example.com/"}
    login = client.get(reverse("admin:campaigns_mailing_running"), headers=headers)["HX-Redirect"]
    make_user(email="anna@example.com", is_superuser=True)
    assert client.post(login, {"username": "anna@example.com", "password": PASSWORD})["Location"] == reverse(
        "admin:index"
    )


def test_a_form_from_before_another_login_is_refused_by_a_page_that_says_what_to_do() -> None:
    answer = Client(enforce_csrf_checks=True).post(reverse("admin:login"), {"username": "", "password": ""})
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "go back, reload the page, and do it again" in page
    assert inline(page) == []
