"""The lists that the recipients of a file come into, and are taken out of when they are not in it.

The file is in merge.py's temporary tables by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns import access
from campaigns.imports.errors import UnusableFile
from campaigns.models import ImportJob, RecipientList
from campaigns.models.import_job import Mode

# Stands for a list that is made when the import is confirmed: nobody is in it.
NOT_YET = -1


class Into(NamedTuple):
    """What a person wants of the lists: those that are there, the name of a new one, and whether it also takes out."""

    chosen: Sequence[RecipientList] = ()
    new: str = ""
    takes_out: bool = False


NOWHERE = Into()


class Moves(NamedTuple):
    """How many entries of lists are made, and how many are taken out."""

    joined: int
    taken_out: int


def choose(job: ImportJob, into: Into) -> None:
    """Keep with the import what is wanted; part of the caller's transaction. Raises UnusableFile."""
    job.lists.set(into.chosen)
    job.lists_chosen = len(into.chosen)
    job.new_list = into.new.strip()
    job.takes_out = into.takes_out and bool(into.chosen or job.new_list)
    job.save(update_fields=["lists_chosen", "new_list", "takes_out"])
    check(job)


def check(job: ImportJob) -> None:
    """Raises UnusableFile when one of the lists is gone, or the owner may not change it, or not any more."""
    if job.lists.count() < job.lists_chosen:
        raise UnusableFile(_("A list that was chosen has been deleted: import the file again."))
    changeable = access.changeable(job.owner, RecipientList.objects.all())
    if lost := job.lists.exclude(pk__in=changeable.values("pk")).first():
        raise UnusableFile(_("You may not change the list “%s”.") % lost)
    if job.new_list and not job.owner.has_perm("campaigns.add_recipientlist"):
        raise UnusableFile(_("You may not make lists."))


def found(job: ImportJob) -> list[int]:
    """The ids of the lists, and NOT_YET. Raises UnusableFile as check() does."""
    check(job)
    ids = list(job.lists.order_by("pk").values_list("pk", flat=True))
    if job.new_list:
        there = _of_name(job).first()
        ids.append(there.pk if there else NOT_YET)
    return list(dict.fromkeys(ids))


def made(job: ImportJob) -> list[int]:
    """The ids of the lists, of which the new one is there now, and none goes until the caller's transaction ends.

    Raises UnusableFile as check() does.
    """
    _hold(job)
    check(job)
    if job.new_list:
        # One of that name that somebody has made since then is the one that is meant.
        new = RecipientList(owner_id=job.owner_id, name=job.new_list)
        RecipientList.objects.bulk_create([new], ignore_conflicts=True)
        job.lists.add(_of_name(job).get())
        _hold(job)
    return list(job.lists.order_by("pk").values_list("pk", flat=True))


def _hold(job: ImportJob) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [job.pk])


def _of_name(job: ImportJob) -> QuerySet[RecipientList]:
    """The owner's list of the name that was given for a new one, if it is there."""
    found: QuerySet[RecipientList] = job.owner.recipient_lists.of_name(job.new_list)
    return found


def moves(lists: list[int], mode: str, *, takes_out: bool) -> Moves:
    """How many entries would be made and taken out."""
    if not lists:
        return Moves(0, 0)
    given = {"lists": lists, "adds": mode != Mode.UPDATE}
    with connection.cursor() as cursor:
        joined = _counted(cursor, _WOULD_JOIN, given)
        return Moves(joined, _counted(cursor, _WOULD_GO, given) if takes_out else 0)


def take_out(lists: list[int]) -> int:
    """Take those out of the lists whose address is not in the file; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_OUT, {"lists": lists})
        return int(cursor.rowcount)


def suppressed() -> int:
    """How many addresses of the file get no mail."""
    with connection.cursor() as cursor:
        return _counted(cursor, _SUPPRESSED, {})


def _counted(cursor: Any, sql: str, given: dict[str, Any]) -> int:
    cursor.execute(sql, given)
    [count] = cursor.fetchone()
    return int(count)


_HOLD = """
SELECT FROM campaigns_recipientlist
WHERE id IN (SELECT recipientlist_id FROM campaigns_importjob_lists WHERE importjob_id = %s)
ORDER BY id FOR KEY SHARE
"""

_WOULD_JOIN = """
SELECT count(*) FROM import_row k CROSS JOIN unnest(%(lists)s::bigint[]) AS l(id)
WHERE (k.known IS NOT NULL OR %(adds)s) AND NOT EXISTS (
    SELECT 1 FROM campaigns_membership m WHERE m.list_id = l.id AND m.recipient_id = k.known
)
"""

# By address, for a shared list holds recipients of several owners.
_GONE = """
FROM campaigns_membership m JOIN campaigns_recipient r ON r.id = m.recipient_id
WHERE m.list_id = ANY(%(lists)s) AND NOT EXISTS (
    SELECT 1 FROM import_row k WHERE lower(k.email) = lower(r.email)
)
"""
_WOULD_GO = f"SELECT count(*) {_GONE}"
_TAKE_OUT = f"DELETE FROM campaigns_membership WHERE id IN (SELECT m.id {_GONE})"  # noqa: S608 - our own constants

_SUPPRESSED = "SELECT count(*) FROM import_row k JOIN campaigns_suppression s ON lower(s.email) = lower(k.email)"
