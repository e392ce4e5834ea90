from copy import copy

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.admin.views.main import ChangeList
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

    def __init__(self, model: type[Group], admin_site: AdminSite) -> None:
        super().__init__(model, admin_site)
        # A copy: a changed name in the model itself would ask for a migration of django.contrib.auth.
        self.opts = copy(model._meta)
        self.opts.verbose_name, self.opts.verbose_name_plural = _("role"), _("roles")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        return groups.annotate(
            member_count=Count("user", distinct=True), permission_count=Count("permissions", distinct=True)
        )

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: ChangeList = super().get_changelist_instance(request)
        changelist.opts = self.opts
        return changelist

    @admin.display(description=_("people"), ordering="member_count")
    def members(self, role: Group) -> int:
        return role.member_count  # type: ignore[attr-defined,no-any-return] # annotated above

    @admin.display(description=_("permissions"), ordering="permission_count")
    def permission_count(self, role: Group) -> int:
        return role.permission_count  # type: ignore[attr-defined,no-any-return]
