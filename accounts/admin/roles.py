from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import DelegatedAdmin

admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(DelegatedAdmin):
    """Django's groups, which are called roles here."""

    list_display = ("name", "members", "permission_count")
    search_fields = ("name",)
    ordering = ("name",)
    list_fullwidth = True
    filter_horizontal = ("permissions",)
    warn_unsaved_form = True
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "permissions"),
                "description": _("What everybody with this role may do. Who has the role is set on the users’ pages."),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        return groups.annotate(
            member_count=Count("user", distinct=True), permission_count=Count("permissions", distinct=True)
        )

    @admin.display(description=_("people"), ordering="member_count")
    def members(self, role: Group) -> int:
        return role.member_count  # type: ignore[attr-defined,no-any-return] # annotated above

    @admin.display(description=_("permissions"), ordering="permission_count")
    def permission_count(self, role: Group) -> int:
        return role.permission_count  # type: ignore[attr-defined,no-any-return]
