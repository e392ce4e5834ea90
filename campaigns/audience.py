"""Whom a mailing is for: the one definition, as querysets, and as SQL for where a million are handled at a time.

Recipients chosen one by one, members of its lists, and those of its owner's who match its conditions; without members
of its excluded lists. Who is suppressed is a part of it, and gets no letter: the ledger says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from campaigns.models import Mailing, MailingAttempt, Membership, Recipient, Suppression
from campaigns.models.conditions import LIST, Condition, as_json, parse

# No recipient has a greater id.
LAST = 2**63 - 1

type Ids = QuerySet[Any, int]


@dataclass(frozen=True)
class Audience:
    """What a mailing says of whom it is for.

    `mailing` is whose chosen recipients are in it, if there are any; `also` are some that are not chosen yet.
    """

    owner: int
    zone: ZoneInfo
    mailing: int | None = None
    lists: tuple[int, ...] = ()
    excluded_lists: tuple[int, ...] = ()
    conditions: tuple[Condition, ...] = ()
    also: tuple[QuerySet[Recipient], ...] = ()

    @classmethod
    def of(cls, mailing: Mailing) -> Audience:
        """As the mailing says now."""
        return cls(
            mailing.owner_id,
            ZoneInfo(mailing.owner.time_zone),
            mailing.pk if mailing.recipients.exists() else None,
            tuple(mailing.lists.order_by("pk").values_list("pk", flat=True)),
            tuple(mailing.excluded_lists.order_by("pk").values_list("pk", flat=True)),
            tuple(parse(mailing.conditions)),
        )

    @classmethod
    def of_attempt(cls, attempt: MailingAttempt) -> Audience:
        """As the mailing said when the attempt was launched."""
        mailing, said = attempt.mailing, attempt.audience
        return cls(
            mailing.owner_id,
            ZoneInfo(said.get("zone", "UTC")),
            mailing.pk if said.get("chosen", True) else None,
            tuple(said.get("lists", ())),
            tuple(said.get("excluded_lists", ())),
            tuple(parse(said.get("conditions", []))),
        )

    def frozen(self) -> dict[str, Any]:
        """What an attempt keeps of it."""
        return {
            "zone": self.zone.key,
            "chosen": self.mailing is not None,
            "lists": self.lists,
            "excluded_lists": self.excluded_lists,
            "conditions": as_json(self.conditions),
        }

    @property
    def is_plain(self) -> bool:
        """Whether all of it was chosen one by one."""
        return not (self.lists or self.excluded_lists or self.conditions)

    def ids(self, after: int = 0, upto: int = LAST) -> Ids:
        """Who is in it, once each, by ids within these bounds; every part is read by an index."""
        first, *others = self.parts(after, upto)
        return first.union(*others) if others else first

    def recipients(self) -> QuerySet[Recipient]:
        """Who is in it."""
        first, *others = self.parts()
        return Recipient.objects.filter(pk__in=first.union(*others, all=True) if others else first)

    def count(self) -> int:
        return self.ids().count()

    def count_up_to(self, most: int) -> int:
        """How many are in it, counted no further than that."""
        first, *others = (part[:most] for part in self.parts())
        return (first.union(*others)[:most] if others else first).count()

    def first(self, most: int, beyond: int = 0) -> list[int]:
        """The ids of the first, in their order, beyond that one."""
        parts = self.parts(beyond)
        return sorted({id_ for part in parts for id_ in part.order_by(id_of(part))[:most]})[:most]

    def last(self, most: int) -> list[int]:
        """The ids of the last, the last one first."""
        parts = self.parts()
        return sorted({id_ for part in parts for id_ in part.order_by(f"-{id_of(part)}")[:most]}, reverse=True)[:most]

    def end_of_slice(self, after: int, rows: int) -> int:
        """The greatest id of the next slice beyond `after`; LAST, when it is the last one.

        In the slice are at most so many recipients. Those who do not match, or are excluded, are counted as well, so
        that no slice reads more than itself.
        """
        parts = self._candidates(after, LAST)
        first, *others = (part.order_by(id_of(part))[: rows + 1] for part in parts)
        together = first.union(*others).order_by(id_of(parts[0])) if others else first
        following = together[rows : rows + 1].first()
        return following - 1 if following else LAST

    def in_sql(self, after: int = 0, upto: int = LAST) -> str:
        """`ids()` as a statement; per cent signs are doubled."""
        return as_sql(self.ids(after, upto)) or "SELECT NULL::bigint WHERE false"

    def has(self, recipient: str) -> str:
        """As a condition in SQL: the recipient of that id is in it, looked up by an index."""
        found = filter(None, map(as_sql, self.parts()))
        # OFFSET 0 keeps the planner from joining all of it instead.
        looked_up = [f"EXISTS (SELECT FROM ({one}) member(id) WHERE member.id = {recipient} OFFSET 0)" for one in found]
        return f"({' OR '.join(looked_up)})" if looked_up else "false"

    def parts(self, after: int = 0, upto: int = LAST) -> list[Ids]:
        """Of what `ids()` is made; somebody may be in several."""
        # Also of the lists that are only asked, or else a slice would read all their members.
        within = _within("recipient", after, upto)
        parts = self._candidates(after, upto)
        if self.conditions:
            parts[-1] = parts[-1].filter(*(one.q(self.zone, within) for one in self.conditions))
        return [self._without_excluded(part, within) for part in parts]

    def _candidates(self, after: int, upto: int) -> list[Ids]:
        """All who may be in it; who has to match conditions comes last."""
        bounds, own_bounds = _within("recipient", after, upto), _within("pk", after, upto)
        memberships: list[Any] = [Membership.objects.filter(bounds, list=one) for one in self.lists]
        if self.mailing:
            memberships.insert(0, Mailing.recipients.through.objects.filter(bounds, mailing=self.mailing))
        people = [part.filter(own_bounds).order_by() for part in self.also]
        if self.conditions:
            people.append(Recipient.objects.filter(own_bounds, owner=self.owner).order_by())
        found = [part.values_list("recipient_id", flat=True) for part in memberships]
        return [*found, *(part.values_list("pk", flat=True) for part in people)] or [_nobody()]

    def _without_excluded(self, part: Ids, within: Q) -> Ids:
        if not self.excluded_lists:
            return part
        excluded = Membership.objects.filter(within, list__in=self.excluded_lists, recipient=OuterRef(id_of(part)))
        return part.filter(~Exists(excluded))


def may_have(recipients: Collection[int]) -> QuerySet[Mailing]:
    """The mailings that have one of the recipients, but for their conditions, which are not asked."""
    chosen = Mailing.recipients.through.objects.filter(recipient__in=recipients).values("mailing")
    lists = Mailing.lists.through.objects.filter(recipientlist__memberships__recipient__in=recipients).values("mailing")
    owners = Recipient.objects.filter(pk__in=recipients).order_by().values("owner")
    asking = Mailing.objects.filter(owner__in=owners).exclude(conditions=[]).order_by().values("pk")
    found: QuerySet[Mailing] = Mailing.objects.filter(pk__in=chosen.union(lists, asking, all=True))
    return found


def naming(lists: Collection[int]) -> QuerySet[Mailing]:
    """The mailings whose audience depends on one of the lists."""
    named = Q(lists__in=lists) | Q(excluded_lists__in=lists)
    for one in lists:
        named |= Q(conditions__contains=[{"field": LIST, "value": one}])
    found: QuerySet[Mailing] = Mailing.objects.filter(named).distinct()
    return found


def is_suppressed() -> Exists:
    """Of recipients: no mail goes to the address, whosever recipient it is."""
    same = Suppression.objects.alias(address=Lower("email")).filter(address=Lower(OuterRef("email")))
    return Exists(same)


def suppressed_among(addresses: Iterable[str]) -> set[str]:
    """Those of the addresses, in lower case, to which no mail goes."""
    wanted = {address.lower() for address in addresses}
    found = Suppression.objects.annotate(address=Lower("email")).filter(address__in=wanted)
    return set(found.values_list("address", flat=True))


def as_sql(queryset: QuerySet[Any, Any]) -> str:
    """The queryset as a statement without parameters, per cent signs doubled; nothing, if nobody can be in it."""
    operations: Any = connection.ops
    try:
        composed: str = operations.compose_sql(*queryset.order_by().query.sql_with_params())
    except EmptyResultSet:
        return ""
    return composed.replace("%", "%%")


def _within(name: str, after: int, upto: int) -> Q:
    """The bounds that there are: before there are statistics, the planner takes any for narrow."""
    low = Q(**{f"{name}__gt": after}) if after else Q()
    return low & Q(**{f"{name}__lte": upto}) if upto < LAST else low


def _nobody() -> Ids:
    return Recipient.objects.none().values_list("pk", flat=True)


def id_of(part: QuerySet[Any, Any]) -> str:
    """The name of the one column of a part."""
    return "pk" if part.model is Recipient else "recipient_id"
