from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SendingHome(models.Model):
    """The database that sends, as PostgreSQL names it: a restored copy has these names of another one. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # Of the cluster; None where the role may not read it.
    system_identifier = models.BigIntegerField(null=True)
    database_oid = models.BigIntegerField()
    database_name = models.CharField(max_length=63)

    class Meta:
        verbose_name = _("database that sends")
        verbose_name_plural = _("databases that send")
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="home_is_one")]

    def __str__(self) -> str:
        return self.database_name

    def is_same(self, other: SendingHome) -> bool:
        """Whether both are the same database of the same cluster."""
        names = ("system_identifier", "database_oid", "database_name")
        return all(getattr(self, name) == getattr(other, name) for name in names)
