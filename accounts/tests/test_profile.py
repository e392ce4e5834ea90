from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.tests.factories import make_user

pytestmark = pytest.mark.django_db

PREFERENCES = {"full_name": "Anna Berg", "language": "en", "time_zone": "UTC"}


def save(client: Client, **changes: str) -> Any:
    return client.post(reverse("admin:profile"), {**PREFERENCES, **changes}, follow=True)


def page(client: Client) -> str:
    response = client.get(reverse("admin:profile"))
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def russian(settings: Settings) -> None:
    """There is a second language to choose."""
    settings.LANGUAGES = [("en", "English"), ("ru", "Russian")]


def test_whoever_may_log_in_can_open_it(client: Client) -> None:
    client.force_login(make_user())
    assert reverse("admin:password_change") in page(client)


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    response = client.get(reverse("admin:profile"))
    assert response.headers["Location"].startswith(reverse("admin:login"))


def test_it_is_in_the_account_menu_of_every_page(client: Client) -> None:
    client.force_login(make_user())
    assert f'href="{reverse("admin:profile")}"' in client.get(reverse("admin:password_change")).content.decode()


def test_saving_is_confirmed(client: Client) -> None:
    client.force_login(make_user())
    assert "Your profile was saved." in save(client).content.decode()


@pytest.mark.usefixtures("russian")
def test_what_was_entered_is_kept(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    save(client, full_name="Anna Berg", language="ru", time_zone="Asia/Tokyo")
    user.refresh_from_db()
    assert (user.full_name, user.language, user.time_zone) == ("Anna Berg", "ru", "Asia/Tokyo")


def test_nobody_elses_row_changes(client: Client) -> None:
    other = make_user(full_name="Boris")
    client.force_login(make_user())
    save(client, id=str(other.pk), pk=str(other.pk), full_name="Anna")
    other.refresh_from_db()
    assert other.full_name == "Boris"


def test_nothing_but_the_preferences_changes(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    save(client, email="root@example.com", is_superuser="on", is_staff="", is_active="", password="x")
    after = User.objects.get(pk=user.pk)
    unchanged = ("email", "is_superuser", "is_staff", "is_active", "password")
    assert [getattr(after, name) for name in unchanged] == [getattr(user, name) for name in unchanged]


@pytest.mark.usefixtures("russian")
def test_the_next_page_is_in_the_chosen_language(client: Client) -> None:
    client.force_login(make_user())
    assert "Log out" in page(client)
    save(client, language="ru")
    assert "Выйти" in page(client)


def test_the_next_page_is_in_the_chosen_time_zone(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    save(client, time_zone="Asia/Tokyo")
    assert 'data-admin-utc-offset="32400"' in page(client)


def test_another_persons_page_keeps_its_time_zone(client: Client) -> None:
    client.force_login(make_user(time_zone="Asia/Tokyo"))
    page(client)
    client.force_login(make_user(time_zone="UTC"))
    assert 'data-admin-utc-offset="0"' in page(client)


def test_the_login_page_is_in_nobodys_time_zone(client: Client) -> None:
    client.force_login(make_user(time_zone="Asia/Tokyo"))
    page(client)
    client.logout()
    client.get("/admin/login/")
    assert timezone.get_current_timezone_name() == "UTC"


def test_who_has_no_choice_of_languages_is_not_asked(client: Client) -> None:
    client.force_login(make_user())
    assert 'name="language"' not in page(client)


@pytest.mark.usefixtures("russian")
def test_who_has_a_choice_of_languages_is_asked(client: Client) -> None:
    client.force_login(make_user())
    assert 'name="language"' in page(client)


def test_a_language_that_is_not_offered_is_not_kept(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    save(client, language="ru")
    user.refresh_from_db()
    assert user.language == "en"


@pytest.mark.usefixtures("russian")
def test_the_page_names_its_language(client: Client) -> None:
    client.force_login(make_user(language="ru"))
    assert client.get(reverse("admin:profile")).headers["Content-Language"] == "ru"


def test_an_unknown_time_zone_is_refused_with_a_sentence(client: Client) -> None:
    user = make_user(time_zone="Asia/Tokyo")
    client.force_login(user)
    assert "“Mars/Olympus” is not a time zone" in save(client, time_zone="Mars/Olympus").content.decode()
    user.refresh_from_db()
    assert user.time_zone == "Asia/Tokyo"


@pytest.mark.usefixtures("russian")
def test_an_unknown_language_is_refused(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    save(client, language="tlh")
    user.refresh_from_db()
    assert user.language == "en"


def test_a_refused_form_does_not_rename_the_person_on_the_page(client: Client) -> None:
    client.force_login(make_user(full_name="Anna Berg"))
    response = save(client, full_name="Somebody Else", time_zone="Mars/Olympus")
    assert response.context["user"].full_name == "Anna Berg"


def test_a_zone_that_the_list_does_not_offer_survives_saving(client: Client) -> None:
    client.force_login(make_user(time_zone="Etc/GMT+5"))
    assert '<option value="Etc/GMT+5" selected>' in page(client)
