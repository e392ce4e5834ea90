from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts import roles
from accounts.models import User
from accounts.tests.factories import PASSWORD, make_operator, make_superuser, make_user, permission
from accounts.tests.forms import NEW_PASSWORD, new_user, user_form

pytestmark = pytest.mark.django_db

Recipient = apps.get_model("campaigns", "Recipient")  # accounts imports nothing of campaigns


def pages() -> list[str]:
    user, group = make_user(), roles.role(roles.OPERATOR)
    of_user = ("change", "delete", "history")
    return [
        *(reverse(f"admin:accounts_user_{name}") for name in ("changelist", "add")),
        *(reverse(f"admin:accounts_user_{name}", args=[user.pk]) for name in of_user),
        reverse("admin:auth_user_password_change", args=[user.pk]),
        *(reverse(f"admin:auth_group_{name}") for name in ("changelist", "add")),
        *(reverse(f"admin:auth_group_{name}", args=[group.pk]) for name in of_user),
    ]


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_superuser(full_name="Root"))
    return client


def text(client: Client, name: str, *args: Any, **query: str) -> str:
    response = client.get(reverse(f"admin:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_every_page_opens_for_a_superuser(admin: Client) -> None:
    urls = pages()
    assert {url: admin.get(url).status_code for url in urls} == dict.fromkeys(urls, 200)


def test_no_page_opens_for_an_operator(client: Client) -> None:
    client.force_login(make_operator())
    answers = {url: client.get(url).status_code for url in pages()}
    assert answers == {url: 404 if url.endswith("/history/") else 403 for url in answers}


def test_the_list_shows_who_has_which_role(admin: Client) -> None:
    make_operator(full_name="Olga Operator", email="olga@example.com")
    listed = text(admin, "accounts_user_changelist")
    assert "Olga Operator" in listed
    assert "olga@example.com" in listed
    assert "operator" in listed


@pytest.mark.parametrize("words", ["olga", "OPERATOR", "olga@example"])
def test_people_are_found_by_name_and_email(admin: Client, words: str) -> None:
    make_user(full_name="Olga Operator", email="olga@example.com")
    make_user(full_name="Boris", email="boris@example.com")
    listed = text(admin, "accounts_user_changelist", q=words)
    assert "olga@example.com" in listed
    assert "boris@example.com" not in listed


def test_people_are_filtered_by_role(admin: Client) -> None:
    operator, other = make_operator(), make_user()
    listed = text(admin, "accounts_user_changelist", groups__id__exact=str(operator.groups.get().pk))
    assert operator.email in listed
    assert other.email not in listed


def test_people_are_filtered_by_active(admin: Client) -> None:
    gone, other = make_user(is_active=False), make_user()
    listed = text(admin, "accounts_user_changelist", is_active__exact="0")
    assert gone.email in listed
    assert other.email not in listed


def test_the_list_does_not_ask_the_database_for_each_person(admin: Client, django_assert_max_num_queries: Any) -> None:
    for _each in range(30):
        make_operator()
    with django_assert_max_num_queries(15):
        text(admin, "accounts_user_changelist")


def test_other_pages_can_complete_a_persons_name(admin: Client) -> None:
    user = make_user(full_name="Olga Operator")
    query = {"term": "olga", "app_label": "campaigns", "model_name": "recipient", "field_name": "owner"}
    results = admin.get(reverse("admin:autocomplete"), query).json()["results"]
    assert results == [{"id": str(user.pk), "text": "Olga Operator"}]


def test_a_new_person_can_log_in_and_has_the_role(admin: Client, client: Client) -> None:
    role = roles.role(roles.OPERATOR)
    admin.post(reverse("admin:accounts_user_add"), new_user(email="New@Example.com", groups=[role.pk]))
    user = User.objects.get(email="new@example.com")
    assert client.login(username="new@example.com", password=NEW_PASSWORD)
    assert list(user.groups.all()) == [role]


def test_an_email_that_differs_in_case_only_is_taken(admin: Client) -> None:
    make_user(email="anna@example.com")
    response = admin.post(reverse("admin:accounts_user_add"), new_user(email="ANNA@example.com"))
    assert "There is a user with this e-mail already." in response.content.decode()


def test_a_weak_password_is_refused(admin: Client) -> None:
    response = admin.post(reverse("admin:accounts_user_add"), new_user(password="password"))
    assert "This password is too common." in response.content.decode()


def test_the_password_is_marked_as_required(admin: Client) -> None:
    form = admin.get(reverse("admin:accounts_user_add")).context["adminform"].form
    assert [form.fields[name].required for name in ("password1", "password2")] == [True, True]


def test_a_person_without_a_password_is_refused(admin: Client) -> None:
    admin.post(reverse("admin:accounts_user_add"), new_user(email="new@example.com", password=""))
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_password_set_for_somebody_works(admin: Client) -> None:
    user = make_user()
    passwords = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    admin.post(reverse("admin:auth_user_password_change", args=[user.pk]), passwords)
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_a_persons_page_leads_to_the_password(admin: Client) -> None:
    assert "Reset password" in text(admin, "accounts_user_change", make_user().pk)


def test_a_password_can_not_be_taken_away(admin: Client) -> None:
    user = make_user()
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    admin.post(url, {"usable_password": "false", "unset-password": "1"})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_ones_own_password_page_works(admin: Client) -> None:
    passwords = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    admin.post(reverse("admin:password_change"), passwords)
    assert User.objects.get(full_name="Root").check_password(NEW_PASSWORD)


def test_roles_and_preferences_are_saved(admin: Client, settings: Settings) -> None:
    settings.LANGUAGES = [("en", "English"), ("ru", "Russian")]
    user, role = make_user(), roles.role(roles.MANAGER)
    data = user_form(user, groups=[role.pk], time_zone="Europe/Berlin", language="ru")
    admin.post(reverse("admin:accounts_user_change", args=[user.pk]), data)
    user.refresh_from_db()
    assert list(user.groups.all()) == [role]
    assert (user.language, user.time_zone) == ("ru", "Europe/Berlin")


def test_nobody_is_given_a_language_where_there_is_but_one(admin: Client) -> None:
    page = admin.get(reverse("admin:accounts_user_change", args=[make_user().pk]))
    assert "language" not in page.context["adminform"].form.fields


def test_a_permission_without_pages_is_not_offered(admin: Client) -> None:
    form = admin.get(reverse("admin:auth_group_add")).context["adminform"].form
    offered = form.fields["permissions"].queryset
    assert offered.contains(permission("accounts.view_user"))
    assert not offered.contains(permission("sessions.add_session"))


def test_a_permission_without_pages_survives_saving_the_role(admin: Client) -> None:
    role = roles.role(roles.OPERATOR)
    role.permissions.set([permission("sessions.add_session")])
    url = reverse("admin:auth_group_change", args=[role.pk])
    form = admin.get(url).context["adminform"].form
    chosen = form.fields["permissions"].queryset.filter(pk__in=[one.pk for one in form.initial["permissions"]])
    admin.post(url, {"name": "renamed", "permissions": [one.pk for one in chosen]})
    role.refresh_from_db()
    assert role.name == "renamed"
    assert role.permissions.contains(permission("sessions.add_session"))


def test_who_owns_something_is_not_deleted(admin: Client) -> None:
    user = make_user()
    Recipient.objects.bulk_create(Recipient(owner=user, email=f"{n}@example.com") for n in range(3))
    url = reverse("admin:accounts_user_delete", args=[user.pk])
    assert "3 recipients" in admin.post(url, {"post": "yes"}).content.decode()
    assert User.objects.filter(pk=user.pk).exists()


def test_who_owns_something_is_not_deleted_from_the_list(admin: Client) -> None:
    user = make_user()
    Recipient.objects.create(owner=user, email="a@example.com")
    data = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    assert "1 recipient" in admin.post(reverse("admin:accounts_user_changelist"), data).content.decode()
    assert User.objects.filter(pk=user.pk).exists()


def test_what_a_person_owns_is_counted_not_named(admin: Client) -> None:
    user = make_user()
    Recipient.objects.create(owner=user, email="secret@example.com")
    assert "secret@example.com" not in text(admin, "accounts_user_delete", user.pk)


def test_who_owns_nothing_can_be_deleted(admin: Client) -> None:
    user = make_operator()
    admin.post(reverse("admin:accounts_user_delete", args=[user.pk]), {"post": "yes"})
    assert not User.objects.filter(pk=user.pk).exists()
