"""Who else may do what with whose objects: guardian's tables with direct foreign keys, one pair a noun."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import EmptyResultSet
from django.db import connection, models, transaction
from django.db.models import Value
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models import User
from campaigns.models.mailing import Mailing
from campaigns.models.message import Message
from campaigns.models.recipient import Recipient
from campaigns.models.recipient_list import RecipientList


class MailingUserShare(UserObjectPermissionBase):
    content_object = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="user_shares")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class MailingGroupShare(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="group_shares")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class MessageUserShare(UserObjectPermissionBase):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="user_shares")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class MessageGroupShare(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="group_shares")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class RecipientUserShare(UserObjectPermissionBase):
    content_object = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="user_shares")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class RecipientGroupShare(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="group_shares")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class RecipientListUserShare(UserObjectPermissionBase):
    content_object = models.ForeignKey(RecipientList, on_delete=models.CASCADE, related_name="user_shares")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class RecipientListGroupShare(GroupObjectPermissionBase):
    content_object = models.ForeignKey(RecipientList, on_delete=models.CASCADE, related_name="group_shares")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


type Grantee = User | Group
type Objects = models.QuerySet[Any]

# Where the shares of each noun stand: users', and groups'.
SHARES: dict[type[models.Model], tuple[Any, Any]] = {
    Mailing: (MailingUserShare, MailingGroupShare),
    Message: (MessageUserShare, MessageGroupShare),
    Recipient: (RecipientUserShare, RecipientGroupShare),
    RecipientList: (RecipientListUserShare, RecipientListGroupShare),
}
# What of each noun can be shared.
SHARED_VERBS: dict[type[models.Model], tuple[str, ...]] = {
    Mailing: ("view", "change", "send"),
    Message: ("view", "change"),
    Recipient: ("view", "change"),
    RecipientList: ("view", "change"),
}
# Who may change or send may view.
INCLUDED_IN = {"view": ("view", "change", "send"), "change": ("change",), "send": ("send",)}

_INSERT = """INSERT INTO {} ({}_id, permission_id, content_object_id) {}
ON CONFLICT DO NOTHING RETURNING content_object_id"""


@dataclass(frozen=True)
class Share:
    """What one user or group may do with an object."""

    grantee: Grantee
    verbs: tuple[str, ...]

    @property
    def key(self) -> str:
        """Names the grantee in a form."""
        return f"{_kind(self.grantee)}-{self.grantee.pk}"


def of(obj: models.Model) -> list[Share]:
    """The shares of the object, users' before groups', by name."""
    return [share for kind, table in _tables(type(obj)) for share in _in_table(table, kind, obj)]


@transaction.atomic
def give(objects: Objects, grantee: Grantee, verbs: Iterable[str]) -> set[int]:
    """Let the grantee do just that with the objects, and nothing else that was shared; returns the ids of the changed.

    Owners are passed over: they have no shares of what is theirs. A few statements, however many objects there are.
    """
    verbs = list(verbs)
    return add(objects, grantee, verbs) | _take_others(objects, grantee, verbs)


def add(objects: Objects, grantee: Grantee, verbs: Iterable[str]) -> set[int]:
    """Let the grantee do that, too, with the objects; returns the ids of the changed ones."""
    if isinstance(grantee, User):
        objects = objects.exclude(owner=grantee)
    rows = [_insert(objects, grantee, permission) for permission in _permissions(objects.model, verbs)]
    return set().union(*rows)


def take(objects: Objects, grantee: Grantee) -> set[int]:
    """End all that is shared of the objects with the grantee; returns the ids of the changed ones."""
    return _take_others(objects, grantee, ())


@transaction.atomic
def _take_others(objects: Objects, grantee: Grantee, verbs: Iterable[str]) -> set[int]:
    kind = _kind(grantee)
    table = dict(_tables(objects.model))[kind]
    others = table.objects.filter(**{kind: grantee}, content_object__in=objects.order_by().values("pk"))
    others = others.exclude(permission__in=_permissions(objects.model, verbs))
    found = dict(others.select_for_update(of=("self",)).values_list("pk", "content_object_id"))
    table.objects.filter(pk__in=found).delete()
    return set(found.values())


def _insert(objects: Objects, grantee: Grantee, permission: Permission) -> set[int]:
    kind = _kind(grantee)
    table = dict(_tables(objects.model))[kind]
    rows = objects.order_by("pk").values_list(Value(grantee.pk), Value(permission.pk), "pk")
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return set()  # Django knows without asking the database that there is no such object
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(table._meta.db_table, kind, sql), params)
        return {pk for (pk,) in cursor.fetchall()}


def _in_table(table: Any, kind: str, obj: models.Model) -> list[Share]:
    verbs: dict[Grantee, list[str]] = defaultdict(list)
    for row in table.objects.filter(content_object=obj.pk).select_related(kind, "permission"):
        verbs[getattr(row, kind)].append(row.permission.codename.partition("_")[0])
    return [Share(grantee, tuple(verbs[grantee])) for grantee in sorted(verbs, key=str)]


def _permissions(model: type[models.Model], verbs: Iterable[str]) -> list[Permission]:
    codenames = [f"{verb}_{model._meta.model_name}" for verb in verbs]
    return list(Permission.objects.filter(content_type__app_label=model._meta.app_label, codename__in=codenames))


def _tables(model: type[models.Model]) -> list[tuple[str, Any]]:
    return list(zip(("user", "group"), SHARES[model], strict=True))


def _kind(grantee: Grantee) -> str:
    return "user" if isinstance(grantee, User) else "group"
