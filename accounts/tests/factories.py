"""Plain functions that make what a test needs."""

from itertools import count
from typing import Any

from django.contrib.auth.models import Group, Permission

from accounts import roles
from accounts.models import User

PASSWORD = "correct horse battery"
_numbers = count(1)


def make_user(*permissions: str, groups: tuple[Group, ...] = (), **fields: Any) -> User:
    """A person who may log in, with these permissions ("app.codename") and roles."""
    user = User.objects.create_user(
        **{"email": f"person{next(_numbers)}@example.com", "password": PASSWORD, **fields},
    )
    user.user_permissions.set(permission(dotted) for dotted in permissions)
    user.groups.set(groups)
    return user


def make_superuser(**fields: Any) -> User:
    return make_user(is_superuser=True, **fields)


def make_operator(**fields: Any) -> User:
    return make_user(groups=(roles.role(roles.OPERATOR),), **fields)


def make_manager(**fields: Any) -> User:
    return make_user(groups=(roles.role(roles.MANAGER),), **fields)


def make_accounts_admin(*permissions: str, groups: tuple[Group, ...] = ()) -> User:
    """No superuser, but with all of Django's permissions on users and roles."""
    return make_user(
        *(f"accounts.{verb}_user" for verb in ("view", "add", "change", "delete")),
        *(f"auth.{verb}_group" for verb in ("view", "add", "change", "delete")),
        *permissions,
        groups=groups,
    )


def permission(dotted: str) -> Permission:
    app_label, codename = dotted.split(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)
