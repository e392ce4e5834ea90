"""What the placeholders stand for, as the database sees it: the composer's rules as conditions on recipients."""

from collections import Counter
from collections.abc import Sequence

from django.db.models import BigIntegerField, F, Func, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.lookups import IsNull, Regex

from campaigns.models.attribute import Attribute, text_of
from campaigns.placeholders import ATTRIBUTE, FIELDS, Part, Placeholder

BLANK, SPACES = r"^\s*$", r"^\s+$"


def missing(name: str) -> Q:
    """There is no such attribute. One that is null is there, and empty."""
    return Q(IsNull(Attribute(_key(name), "->"), True))


def blank(parts: Sequence[Part]) -> Q | None:
    """Nothing can be seen of the text when it is filled; None: that can not be."""
    if any(isinstance(part, str) and part.strip() for part in parts):
        return None
    condition = Q()
    for part in parts:
        if isinstance(part, Placeholder):
            condition &= _blank(part)
    return condition


def weight(names: Sequence[str]) -> Combinable:
    """The bytes of these values together, as often as each is named."""
    total: Combinable = Value(0, BigIntegerField())
    for name, times in Counter(names).items():
        total += Value(times) * Func(_text(name), function="octet_length", output_field=BigIntegerField())
    return total


def _blank(placeholder: Placeholder) -> Q:
    if placeholder.default and placeholder.default.strip():
        return Q(Regex(_text(placeholder.name), Value(SPACES)))
    blank = Q(Regex(_text(placeholder.name), Value(BLANK)))
    may_be_missing = placeholder.default is None and placeholder.name not in FIELDS
    return blank & ~missing(placeholder.name) if may_be_missing else blank


def _text(name: str) -> Combinable:
    return F(name) if name in FIELDS else text_of(_key(name))


def _key(name: str) -> str:
    return name.removeprefix(ATTRIBUTE)
