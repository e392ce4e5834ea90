"""Users, roles and one's own profile."""

from accounts.admin.profile import account_links
from accounts.admin.roles import RoleAdmin
from accounts.admin.users import UserAdmin

__all__ = ["RoleAdmin", "UserAdmin", "account_links"]
