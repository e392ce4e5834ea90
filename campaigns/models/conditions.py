"""A mailing's saved filter: conditions on recipients, kept as JSON, all of which must hold.

Each is {"field": …, "operator": …, "value": …}. The field is `email`, `full_name`, `comment`, `attributes.<name>`,
`list`, `created_at` or `updated_at`; the value a text, the id of a list, or a day as YYYY-MM-DD. Letter case makes no
difference, and an attribute that is not there is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.lookups import Exact, IContains, IEndsWith, IExact, IStartsWith
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models.attribute import text_of
from campaigns.models.membership import Membership

EMAIL, FULL_NAME, COMMENT, ATTRIBUTE = "email", "full_name", "comment", "attributes."
LIST, CREATED, UPDATED = "list", "created_at", "updated_at"
TEXTS, DATES = (EMAIL, FULL_NAME, COMMENT), (CREATED, UPDATED)
# So many conditions a filter has at the most, and so many characters each text of theirs.
MOST, LONGEST = 20, 200

EVERYWHERE = Q()

OPERATORS = {
    "contains": gettext_lazy("contains"),
    "lacks": gettext_lazy("does not contain"),
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "begins": gettext_lazy("begins with"),
    "ends": gettext_lazy("ends with"),
    "empty": gettext_lazy("is empty"),
    "filled": gettext_lazy("is not empty"),
    "in": gettext_lazy("is"),
    "not_in": gettext_lazy("is not"),
    "since": gettext_lazy("is on or after"),
    "before": gettext_lazy("is before"),
}
OF_LISTS, OF_DATES, WITHOUT_VALUE = ("in", "not_in"), ("since", "before"), ("empty", "filled")
OF_TEXTS = tuple(name for name in OPERATORS if name not in (*OF_LISTS, *OF_DATES))

_LOOKUPS: dict[str, Callable[[Combinable, Value], Any]] = {
    "contains": IContains,
    "lacks": IContains,
    "is": IExact,
    "is_not": IExact,
    "begins": IStartsWith,
    "ends": IEndsWith,
    "empty": Exact,
    "filled": Exact,
}
_NEGATIONS = ("lacks", "is_not", "filled", "not_in")


@dataclass(frozen=True)
class Condition:
    """One condition. Raises ValidationError for what is none, with a sentence."""

    field: str
    operator: str
    value: Any = ""

    def __post_init__(self) -> None:
        if self.operator not in operators_of(self.field):
            raise ValidationError(_("There is no such condition: choose a field, and what is asked of it."))
        if self.field == LIST:
            self._refuse_no_list()
        elif self.field in DATES:
            self._day()
        else:
            self._refuse_no_text()

    def q(self, zone: ZoneInfo, within: Q = EVERYWHERE) -> Q:
        """What it asks of a recipient; days are those of that time zone, and memberships are looked for `within`."""
        found = Q(self._asked(zone, within))
        return ~found if self.operator in _NEGATIONS else found

    def _asked(self, zone: ZoneInfo, within: Q) -> Any:
        if self.field == LIST:
            return Exists(Membership.objects.filter(within, list=self.value, recipient=OuterRef("pk")))
        if self.field in DATES:
            return Q(**{f"{self.field}__{_BOUNDS[self.operator]}": datetime.combine(self._day(), time(), zone)})
        text = F(self.field) if self.field in TEXTS else text_of(self.field.removeprefix(ATTRIBUTE).lower())
        return _LOOKUPS[self.operator](text, Value(self.value if self.operator not in WITHOUT_VALUE else ""))

    def _day(self) -> date:
        try:
            day = date.fromisoformat(self.value)
        except (TypeError, ValueError) as error:
            raise ValidationError(_("Write a day as 2026-12-31.")) from error
        # No time zone may lead out of the years that there are.
        if not date.min + _A_DAY < day < date.max - _A_DAY:
            raise ValidationError(_("Write a day as 2026-12-31."))
        return day

    def _refuse_no_list(self) -> None:
        if type(self.value) is not int or not 0 < self.value < 2**63:
            raise ValidationError(_("Choose a list."))

    def _refuse_no_text(self) -> None:
        name = self.field.removeprefix(ATTRIBUTE)
        if (
            not isinstance(self.value, str)
            or "\x00" in self.value + name
            or len(max(name, self.value, key=len)) > LONGEST
        ):
            raise ValidationError(_("Write a text of at most %s characters.") % LONGEST)
        if not self.value and self.operator not in WITHOUT_VALUE:
            raise ValidationError(_("Write what the text is compared with, or choose “is empty”."))


_BOUNDS = {"since": "gte", "before": "lt"}
_A_DAY = timedelta(days=2)


def operators_of(field: Any) -> tuple[str, ...]:
    """What can be asked of the field; of what is none, nothing."""
    if field == LIST:
        return OF_LISTS
    if field in DATES:
        return OF_DATES
    is_attribute = isinstance(field, str) and field.startswith(ATTRIBUTE) and field != ATTRIBUTE
    return OF_TEXTS if field in TEXTS or is_attribute else ()


def parse(given: Any) -> list[Condition]:
    """The conditions of what is kept as JSON. Raises ValidationError."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValidationError(_("These are no conditions."))
    if len(given) > MOST:
        raise ValidationError(_("A filter has at most %s conditions.") % MOST)
    try:
        return [Condition(**one) for one in given]
    except TypeError as error:
        raise ValidationError(_("These are no conditions.")) from error


def validate(given: Any) -> None:
    """Raises ValidationError for what are no conditions."""
    parse(given)


def as_json(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """As they are kept."""
    return [asdict(one) for one in conditions]
