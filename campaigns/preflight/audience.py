"""The audience, read as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, Count, Func, Max, Min, Q, QuerySet, TextField, Value
from django.db.models.expressions import Combinable, RawSQL
from django.db.models.functions import Lower

from campaigns.audience import Audience as Said
from campaigns.audience import is_suppressed
from campaigns.models import Mailing, Recipient, Suppression
from campaigns.sending.ledger import audience, passed_over

# As the conditions of the ledger name a row of it.
_RECIPIENT = Recipient._meta.db_table


@dataclass(frozen=True)
class Audience:
    """Who would get a letter by a launch now, and who not.

    That is who is suppressed, and who has the same address as somebody before them.

    `passed_over` are repeated, and `refused` suppressed. `counts` says by name for how many of the letters each
    condition holds, `heaviest` what is the greatest weight among them, and `changed_at` when one of the recipients was
    changed last.
    """

    letters: QuerySet[Recipient]
    repeated: QuerySet[Recipient]
    suppressed: QuerySet[Recipient]
    total: int
    passed_over: int
    refused: int
    counts: dict[str, int]
    heaviest: int
    changed_at: datetime | None


def read(mailing: Mailing, conditions: Mapping[str, Q], weight: Combinable, *, new_only: bool) -> Audience:
    """Read all of it in one statement; where it has several owners' recipients, compare their addresses, too."""
    known = audience.real_attempts(mailing.pk) if new_only else []
    said = Said.of(mailing)
    all_of_it = _all_of_it(said, known)
    suppressed = all_of_it.filter(is_suppressed())
    # A million addresses are not compared with nothing.
    refused = suppressed.count() if Suppression.objects.exists() else 0
    everybody = all_of_it.exclude(is_suppressed()) if refused else all_of_it
    read = everybody.aggregate(
        heaviest=Max(weight), changed_at=Max("updated_at"), several=Max("owner") - Min("owner"), **_counts(conditions)
    )
    # Nobody has an address twice.
    repeated = _repeated(said, everybody, known) if known or read["several"] else []
    others = everybody.filter(_among("pk", repeated))
    twice = others.aggregate(**_counts(conditions))
    total, *counts = (read[name] - twice[name] for name in twice)
    return Audience(
        letters=everybody.exclude(_among("pk", repeated)),
        repeated=others,
        suppressed=suppressed,
        total=total,
        passed_over=len(repeated),
        refused=refused,
        counts=dict(zip(conditions, counts, strict=True)),
        heaviest=read["heaviest"] or 0,
        changed_at=read["changed_at"],
    )


def without_row(recipients: QuerySet[Recipient], attempt: int) -> QuerySet[Recipient]:
    """Those of them whom the attempt does not have in its ledger."""
    return recipients.exclude(_condition(passed_over.known(f"{_RECIPIENT}.id", _array([attempt]))))


def _all_of_it(said: Said, known: list[int]) -> QuerySet[Recipient]:
    everybody = said.recipients().order_by("pk")
    return everybody.exclude(_condition(passed_over.known(f"{_RECIPIENT}.id", _array(known)))) if known else everybody


def _repeated(said: Said, everybody: QuerySet[Recipient], known: list[int]) -> list[int]:
    """Who is passed over, by their ids.

    The ledger's rule looks for the others of each: it is asked only of those whose address is there twice, which one
    reading finds.
    """
    owners = audience.owners_among(said)
    if len(owners) == 1:
        return []
    among = Recipient.objects.filter(owner__in=owners) if known else everybody
    by_address = among.order_by().values(address=Lower("email")).annotate(count=Count("pk"))
    twice = list(by_address.filter(count__gt=1).values_list("address", flat=True))
    alike = everybody.filter(_among(Lower("email"), twice), owner__in=owners)
    rule = passed_over.repeated(_RECIPIENT, said, _array(owners), _array(known))
    candidates = Recipient.objects.filter(_among("pk", list(alike.values_list("pk", flat=True))))
    return list(candidates.filter(_condition(rule)).values_list("pk", flat=True))


def _counts(conditions: Mapping[str, Q]) -> dict[str, Any]:
    counts = (Count("pk", filter=condition) for condition in conditions.values())
    return {"total": Count("pk")} | {f"count_{number}": count for number, count in enumerate(counts)}


def _among(what: str | Lower, values: list[Any]) -> Q | Func:
    """It is one of the values; of none, Django knows without asking the database."""
    return _Among(what, values) if values else Q(pk__in=[])


class _Among(Func):
    """It is one of the values, all of them in one parameter.

    Of 1,000,000 recipients of two owners with the same addresses, a preflight took 42 s of processor time with a
    parameter for each value, and takes 19.

    An address is given as the expression for it, a recipient by the name of its key.
    """

    template, arg_joiner = "(%(expressions)s))", " = ANY("
    output_field = BooleanField()

    def __init__(self, what: str | Lower, values: list[Any]) -> None:
        kind: Any = TextField() if isinstance(what, Lower) else BigIntegerField()
        super().__init__(what, Value(values, ArrayField(kind)))


def _condition(sql: str) -> RawSQL:
    return RawSQL(sql, (), output_field=BooleanField())  # noqa: S611 - nothing but numbers of ours is put into it


def _array(ids: list[int]) -> str:
    return f"'{{{','.join(map(str, ids))}}}'"
