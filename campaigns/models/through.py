"""Recipients put into something, many at a time: rows of the table between them."""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet, Value

from campaigns.models.recipient import Recipient

# Each recipient is held until the transaction ends, as the foreign key would do at its end: who is being deleted is
# waited for and left out, and does not make the whole of it fail. In order, so that no two wait for each other.
_ADD = """
INSERT INTO {table} ({target}, recipient_id) {recipients}
FOR KEY SHARE OF campaigns_recipient ON CONFLICT DO NOTHING
"""


def add(recipients: QuerySet[Recipient], through: type[Model], target: Model) -> int:
    """Put the recipients of the queryset into the target in one statement; returns how many were not there before.

    `through` is the model of the rows, which has two foreign keys: one to the target, and `recipient`.
    """
    try:
        sql, params = recipients.order_by("pk").values_list(Value(target.pk), "pk").query.sql_with_params()
    except EmptyResultSet:
        return 0  # Django knows without asking the database that nobody is in the queryset
    statement = _ADD.format(table=through._meta.db_table, target=_key(through, target).column, recipients=sql)
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def remove(recipients: QuerySet[Recipient], through: Any, target: Model) -> int:
    """Take the recipients of the queryset out of the target in one statement; returns how many were there."""
    rows = through._default_manager.filter(**{_key(through, target).name: target.pk})
    removed: int = rows.filter(recipient__in=recipients.order_by().values("pk")).delete()[0]
    return removed


def _key(through: type[Model], target: Model) -> Any:
    """The foreign key to the target."""
    [found] = (field for field in through._meta.fields if field.related_model is type(target))
    return found
