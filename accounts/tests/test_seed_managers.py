import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command

from accounts import roles
from accounts.models import User
from accounts.tests.factories import PASSWORD, make_operator, make_user

pytestmark = pytest.mark.django_db


def seed(*arguments: str) -> str:
    out = StringIO()
    call_command("seed_managers", *arguments, stdout=out)
    return out.getvalue()


def seed_json(*arguments: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(seed("--json", *arguments))
    return answer


def test_without_options_there_is_one_manager() -> None:
    seed()
    manager = User.objects.get()
    assert manager.email == "manager@example.com"
    assert manager.get_all_permissions() == roles.PERMISSIONS[roles.MANAGER]


def test_both_roles_are_there_afterwards() -> None:
    seed()
    assert set(Group.objects.values_list("name", flat=True)) == {roles.OPERATOR, roles.MANAGER}


def test_the_password_made_up_opens_the_account() -> None:
    email, done, password = seed().strip().split("\t")
    assert done == "created"
    assert User.objects.get(email=email).check_password(password)


def test_a_second_run_says_so_and_changes_nothing() -> None:
    seed()
    before = User.objects.values().get()
    assert seed() == "manager@example.com\talready there\n"
    assert User.objects.values().get() == before


def test_every_email_given_becomes_a_manager_once() -> None:
    seed("--email", "a@example.com", "--email", "B@Example.com", "--email", "A@example.com")
    assert set(User.objects.values_list("email", flat=True)) == {"a@example.com", "b@example.com"}


def test_a_password_given_is_set_and_not_printed() -> None:
    assert PASSWORD not in seed("--password", PASSWORD)
    assert User.objects.get().check_password(PASSWORD)


def test_a_password_given_changes_that_of_an_account_that_exists() -> None:
    seed()
    assert seed("--password", PASSWORD) == "manager@example.com\tpassword changed\n"
    assert User.objects.get().check_password(PASSWORD)


def test_somebody_who_exists_keeps_the_password_and_other_roles() -> None:
    user = make_operator()
    assert seed("--email", user.email) == f"{user.email}\tmade a manager\n"
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert set(user.groups.values_list("name", flat=True)) == {roles.OPERATOR, roles.MANAGER}


def test_an_account_that_may_not_log_in_is_not_woken_up() -> None:
    user = make_user(is_active=False)
    assert "may not log in" in seed("--email", user.email)
    user.refresh_from_db()
    assert not user.is_active


def test_the_full_name_is_set() -> None:
    seed("--full-name", "Maria Manager")
    assert User.objects.get().full_name == "Maria Manager"


def test_a_full_name_for_two_people_is_refused() -> None:
    with pytest.raises(CommandError, match="one person"):
        seed("--full-name", "Maria", "--email", "a@example.com", "--email", "b@example.com")


def test_json_carries_the_password_that_was_set_and_null_afterwards() -> None:
    [first] = seed_json()
    [second] = seed_json()
    assert (first["role"], first["email"]) == ("manager", "manager@example.com")
    assert User.objects.get().check_password(first["password"])
    assert second == {"role": "manager", "email": "manager@example.com", "password": None}


def test_an_invalid_email_changes_nothing() -> None:
    with pytest.raises(CommandError, match="nobody@"):
        seed("--email", "good@example.com", "--email", "nobody@")
    assert not User.objects.exists()


def test_a_weak_password_changes_nothing() -> None:
    with pytest.raises(CommandError, match="too common"):
        seed("--password", "password")
    assert not User.objects.exists()


def test_a_password_like_the_email_is_weak() -> None:
    with pytest.raises(CommandError, match="too similar"):
        seed("--email", "wintergarden@example.com", "--password", "wintergarden1")


def test_before_migrate_it_says_what_to_do() -> None:
    Permission.objects.filter(codename="disable_mailing").delete()
    with pytest.raises(CommandError, match="run migrate first"):
        seed()
    assert not Group.objects.exists()


def test_an_upgrade_brings_the_roles_up_to_date_and_makes_no_account() -> None:
    roles.role(roles.OPERATOR).permissions.clear()
    assert seed("--roles").strip() == ""
    assert roles.lacking() == {}
    assert not User.objects.exists()


def test_accounts_named_beside_roles_are_refused() -> None:
    with pytest.raises(CommandError, match="--roles makes no account"):
        seed("--roles", "--email", "mia@example.com")
