"""What a browser would post from the admin's forms."""

from typing import Any

from accounts.models import User

NEW_PASSWORD = "another good password"


def user_form(user: User, **changes: Any) -> dict[str, Any]:
    """The change page of that person as it stands, with changes."""
    data = {
        "email": user.email,
        "full_name": user.full_name,
        "language": user.language,
        "time_zone": user.time_zone,
        "groups": [group.pk for group in user.groups.all()],
        "user_permissions": [permission.pk for permission in user.user_permissions.all()],
        **{flag: "on" for flag in ("is_active", "is_staff", "is_superuser") if getattr(user, flag)},
        **changes,
    }
    return {name: value for name, value in data.items() if value is not None}


def new_user(*, password: str = NEW_PASSWORD, **fields: Any) -> dict[str, Any]:
    """The add page, filled in."""
    return {"email": "new@example.com", "full_name": "", "password1": password, "password2": password, **fields}
