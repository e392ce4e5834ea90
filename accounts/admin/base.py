from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import ManyToManyField, Model, Q, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest

from accounts import access
from accounts.models import User
from backoffice.history import GuardedHistory


class DelegatedAdmin(GuardedHistory):
    """Accounts and roles, managed by people who are not superusers without a way to become one (accounts/access.py)."""

    def has_change_permission(self, request: HttpRequest, obj: User | Group | None = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or access.may_manage(actor(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | Group | None = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or access.may_manage(actor(request), obj))

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        """Offers, and takes, only what the person may give."""
        if db_field.related_model is Permission:
            kwargs["queryset"] = self._offered(access.held_permissions(actor(request)))
        if db_field.related_model is Group:
            kwargs["queryset"] = access.givable_roles(actor(request))
        field: ModelMultipleChoiceField[Any] | None = super().formfield_for_manytomany(db_field, request, **kwargs)
        return field

    def _offered(self, permissions: QuerySet[Permission]) -> QuerySet[Permission]:
        """Those for what has pages here; others only where they are in use, so that saving does not drop them."""
        models = [model for model in apps.get_models() if self.admin_site.is_registered(model)]
        has_pages = Q(content_type__in=ContentType.objects.get_for_models(*models).values())
        in_use = Q(group__isnull=False) | Q(user__isnull=False)
        return permissions.filter(has_pages | in_use).select_related("content_type").distinct()

    def get_deleted_objects(
        self, objs: Sequence[Model] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """As Django's, but what goes along is only counted: the names of shared objects are not this page's to tell."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return [line for line in deleted if not isinstance(line, list)], counts, lacking, protected


def actor(request: HttpRequest) -> User:
    """Who asks for the page."""
    return cast(User, request.user)  # admin_view lets nobody else in
