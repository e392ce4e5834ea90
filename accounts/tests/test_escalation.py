"""Somebody who is not a superuser, but manages accounts, must find no way to rights they do not hold."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts import roles
from accounts.models import User
from accounts.tests.factories import (
    PASSWORD,
    make_accounts_admin,
    make_manager,
    make_operator,
    make_superuser,
    make_user,
    permission,
)
from accounts.tests.forms import NEW_PASSWORD, new_user, user_form

pytestmark = pytest.mark.django_db

ADD_USER = "admin:accounts_user_add"


@pytest.fixture
def actor() -> User:
    return make_accounts_admin("campaigns.view_mailing", groups=(roles.role(roles.OPERATOR),))


@pytest.fixture
def page(client: Client, actor: User) -> Client:
    client.force_login(actor)
    return client


def change(page: Client, user: User, **changes: object) -> Any:
    response = page.post(reverse("admin:accounts_user_change", args=[user.pk]), user_form(user, **changes))
    user.refresh_from_db()
    return response


def change_role(page: Client, role: Group, *permissions: str) -> Any:
    data = {"name": role.name, "permissions": [permission(dotted).pk for dotted in permissions]}
    return page.post(reverse("admin:auth_group_change", args=[role.pk]), data)


def set_password(page: Client, user: User) -> Any:
    data = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    response = page.post(reverse("admin:auth_user_password_change", args=[user.pk]), data)
    user.refresh_from_db()
    return response


# What such a person may do: without it the refusals below would prove nothing.


def test_they_may_change_an_operator(page: Client) -> None:
    user = make_operator()
    change(page, user, full_name="Olga")
    assert user.full_name == "Olga"


def test_they_may_give_a_role_of_their_own(page: Client) -> None:
    user = make_user()
    change(page, user, groups=[roles.role(roles.OPERATOR).pk])
    assert [role.name for role in user.groups.all()] == [roles.OPERATOR]


def test_they_may_give_a_permission_of_their_own(page: Client) -> None:
    user = make_user()
    change(page, user, user_permissions=[permission("campaigns.view_mailing").pk])
    assert user.has_perm("campaigns.view_mailing")


def test_they_may_set_an_operators_password(page: Client) -> None:
    user = make_operator()
    set_password(page, user)
    assert user.check_password(NEW_PASSWORD)


# What they may not.


def test_they_do_not_make_somebody_superuser(page: Client) -> None:
    user = make_user()
    change(page, user, is_superuser="on", full_name="Olga")
    assert user.full_name == "Olga"
    assert not user.is_superuser


def test_they_do_not_make_themselves_superuser(page: Client, actor: User) -> None:
    change(page, actor, is_superuser="on", full_name="Olga")
    assert actor.full_name == "Olga"
    assert not actor.is_superuser


def test_they_do_not_add_a_superuser(page: Client) -> None:
    page.post(reverse(ADD_USER), new_user(email="new@example.com", is_superuser="on"))
    assert not User.objects.get(email="new@example.com").is_superuser


def test_they_are_not_asked_who_is_superuser(page: Client) -> None:
    assert (
        'name="is_superuser"'
        not in page.get(reverse("admin:accounts_user_change", args=[make_user().pk])).content.decode()
    )


def test_they_do_not_give_a_role_they_lack(page: Client) -> None:
    user = make_user()
    change(page, user, groups=[roles.role(roles.MANAGER).pk])
    assert not user.groups.exists()


def test_they_do_not_add_somebody_with_a_role_they_lack(page: Client) -> None:
    page.post(reverse(ADD_USER), new_user(email="new@example.com", groups=[roles.role(roles.MANAGER).pk]))
    assert not User.objects.filter(email="new@example.com", groups__isnull=False).exists()


def test_they_do_not_take_a_role_they_lack(page: Client, actor: User) -> None:
    change(page, actor, groups=[roles.role(roles.OPERATOR).pk, roles.role(roles.MANAGER).pk])
    assert [role.name for role in actor.groups.all()] == [roles.OPERATOR]


def test_they_do_not_give_a_permission_they_lack(page: Client) -> None:
    user = make_user()
    change(page, user, user_permissions=[permission("campaigns.disable_mailing").pk])
    assert not user.user_permissions.exists()


def test_they_do_not_put_a_permission_they_lack_into_their_role(page: Client) -> None:
    role = roles.role(roles.OPERATOR)
    change_role(page, role, "campaigns.view_mailing", "campaigns.disable_mailing")
    assert not role.permissions.contains(permission("campaigns.disable_mailing"))


def test_they_do_not_make_a_role_with_a_permission_they_lack(page: Client) -> None:
    data = {"name": "new", "permissions": [permission("campaigns.disable_mailing").pk]}
    page.post(reverse("admin:auth_group_add"), data)
    assert not Group.objects.filter(name="new").exists()


def test_they_do_not_change_a_role_that_holds_more(page: Client) -> None:
    role = roles.role(roles.MANAGER)
    assert change_role(page, role).status_code == 403
    assert role.permissions.exists()


def test_they_do_not_delete_a_role_that_holds_more(page: Client) -> None:
    role = roles.role(roles.MANAGER)
    response = page.post(reverse("admin:auth_group_delete", args=[role.pk]), {"post": "yes"})
    assert response.status_code == 403
    assert Group.objects.filter(pk=role.pk).exists()


@pytest.mark.parametrize("make", [make_superuser, make_manager])
def test_they_do_not_set_the_password_of_somebody_who_holds_more(page: Client, make: type) -> None:
    user = make()
    assert set_password(page, user).status_code == 403
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("make", [make_superuser, make_manager])
def test_they_do_not_change_somebody_who_holds_more(page: Client, make: type) -> None:
    user = make(email="above@example.com")
    assert change(page, user, email="mine@example.com").status_code == 403
    assert user.email == "above@example.com"


def test_somebody_with_a_permission_more_is_out_of_reach(page: Client) -> None:
    user = make_user("campaigns.disable_mailing")
    assert set_password(page, user).status_code == 403


def test_somebody_who_is_not_active_keeps_out_of_reach(page: Client) -> None:
    user = make_user("campaigns.disable_mailing", is_active=False)
    assert set_password(page, user).status_code == 403


def test_they_do_not_delete_somebody_who_holds_more(page: Client) -> None:
    user = make_superuser()
    response = page.post(reverse("admin:accounts_user_delete", args=[user.pk]), {"post": "yes"})
    assert response.status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


def test_they_do_not_delete_somebody_who_holds_more_from_the_list(page: Client) -> None:
    user = make_superuser()
    data = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    assert page.post(reverse("admin:accounts_user_changelist"), data).status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


def test_they_see_a_superuser_but_nothing_of_the_password(page: Client) -> None:
    superuser = make_superuser()
    shown = page.get(reverse("admin:accounts_user_change", args=[superuser.pk])).content.decode()
    assert superuser.email in shown
    assert "Password" not in shown


def test_a_role_that_holds_no_permission_but_is_not_theirs_is_not_theirs_to_give(page: Client) -> None:
    """Mailings may have been shared with it."""
    user, role = make_user(), Group.objects.create(name="sales")
    change(page, user, groups=[role.pk])
    assert not user.groups.exists()


def test_who_may_only_view_changes_nothing(client: Client) -> None:
    client.force_login(make_user("accounts.view_user"))
    user = make_user(full_name="Boris")
    assert change(client, user, full_name="Olga").status_code == 403
    assert user.full_name == "Boris"


def test_a_superuser_may_make_superusers(client: Client) -> None:
    client.force_login(make_superuser())
    user = make_user()
    change(client, user, is_superuser="on")
    assert user.is_superuser
