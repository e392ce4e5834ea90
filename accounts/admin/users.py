from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import model_ngettext
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import PROTECT, Field, ManyToManyField, Model, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import languages
from accounts.admin.base import DelegatedAdmin, actor
from accounts.admin.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from accounts.models import User

_FLAGS = ("is_active", "is_staff", "is_superuser")


class RoleFilter(RelatedDropdownFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("role")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, DelegatedAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("person", "email", "roles", "language", "is_active", "last_login")
    list_display_links = ("person", "email")
    list_filter = (("groups", RoleFilter), ("is_active", BooleanRadioFilter))
    list_filter_submit = True
    search_fields = ("email", "full_name")
    search_help_text = _("Name or address")
    list_fullwidth = True
    ordering = ("email",)
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("last_login", "date_joined")
    warn_unsaved_form = True
    add_fieldsets = (
        (_("Person"), {"fields": ("email", "full_name", "groups")}),
        (_("Password"), {"fields": ("password1", "password2")}),
    )
    fieldsets = (
        (None, {"fields": ("email", "full_name", "password")}),
        (_("Access"), {"classes": ["tab"], "fields": (*_FLAGS, "groups")}),
        (
            _("Single permissions"),
            {
                "classes": ["tab"],
                "description": _("For exceptions, beside what the roles allow."),
                "fields": ("user_permissions",),
            },
        ),
        (_("Preferences"), {"classes": ["tab"], "fields": ("language", "time_zone")}),
        (_("Dates"), {"classes": ["tab"], "fields": ("last_login", "date_joined")}),
    )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [name for name in super().get_list_display(request) if name not in _unasked()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser makes superusers; a password that the person may not change is not shown either."""
        hidden = _unasked() if actor(request).is_superuser else {"is_superuser", *_unasked()}
        if not self.has_change_permission(request, obj):
            hidden.add("password")
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        if db_field.related_model is not Group:
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        return super().formfield_for_manytomany(
            db_field,
            request,
            **kwargs,
            label=_("Roles"),
            widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            help_text=_(
                "Operators work with what is theirs or shared with them; managers see all and may stop any mailing."
            ),
        )

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.name == "groups":
            field.widget.can_add_related = False  # roles have pages of their own
        return field

    def get_deleted_objects(
        self, objs: Sequence[Model] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """As Django's; what the people own keeps them from being deleted, and is counted: it may be a million rows."""
        if owned := list(_owned_by(objs)):
            return [], {}, set(), owned
        return super().get_deleted_objects(objs, request)

    @display(description=_("full name"), ordering="full_name", header=True)
    def person(self, user: User) -> list[str]:
        initials = "".join(word[0] for word in str(user).split()[:2])
        return [user.full_name or self.get_empty_value_display(), "", initials]

    @display(description=_("roles"), label=True)
    def roles(self, user: User) -> list[str]:
        names = [role.name for role in user.groups.all()]
        return [gettext("superuser"), *names] if user.is_superuser else names


def _unasked() -> set[str]:
    return set() if languages.are_a_choice() else {"language"}


def _owned_by(people: Sequence[Model] | QuerySet[Any]) -> Iterator[str]:
    for relation in User._meta.related_objects:
        if relation.on_delete is not PROTECT:
            continue
        model = relation.related_model
        count = model._base_manager.filter(**{f"{relation.field.name}__in": people}).count()
        if count:
            yield f"{number_format(count, force_grouping=True)} {model_ngettext(model._meta, count)}"
