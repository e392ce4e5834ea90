"""What all lists share: pages that need no full count, periods, and what stands in a list that is empty."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.contrib.filters.forms import DropdownForm

from campaigns import access
from campaigns.reports import counts, period


class CappedPaginator(Paginator):
    """Pages of the first rows. What follows is neither counted nor turned to: a search or a filter leads there."""

    template_name = "campaigns/pagination.html"

    @cached_property
    def counted(self) -> counts.Count:
        return counts.up_to_most(cast(QuerySet[Any], self.object_list))

    @cached_property
    def count(self) -> int:
        return self.counted.number


class LeanList(ChangeList):
    """The rows as the `in_list` of their admin wants them: with what they show, without what is long."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        noun: Any = self.model_admin
        found: QuerySet[Any] = noun.in_list(super().get_queryset(request, exclude_parameters))
        return found


class PeriodFilter(admin.FieldListFilter):
    """Since when, in days of the person's time zone."""

    template = "unfold/filters/filters_field.html"
    periods = (
        ("1", gettext_lazy("Today")),
        ("7", gettext_lazy("Last 7 days")),
        ("30", gettext_lazy("Last 30 days")),
        ("365", gettext_lazy("Last 365 days")),
    )

    def __init__(self, *args: Any, field_path: str, **kwargs: Any) -> None:
        self.parameter = f"{field_path}_days"
        super().__init__(*args, **{**kwargs, "field_path": field_path})
        self.title = gettext_lazy("period")

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self._chosen not in dict(self.periods):
            return queryset
        return queryset.filter(**{f"{self.field_path}__gte": period.last_days(int(self._chosen)).since})

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        form = DropdownForm(
            name=self.parameter,
            label=gettext_lazy("By period"),
            choices=(("", gettext_lazy("All")), *self.periods),
            data={self.parameter: self._chosen},
        )
        yield {"form": form}

    @property
    def _chosen(self) -> str:
        values: Any = self.used_parameters.get(self.parameter) or [""]
        return str(values[-1])


@dataclass(frozen=True)
class Step:
    """What to do first where there is nothing yet: a link for those who have the permission."""

    title: Any
    icon: str
    url_name: str
    permission: str

    @property
    def url(self) -> str:
        return reverse(self.url_name)


IMPORT_RECIPIENTS = Step(
    gettext_lazy("Import recipients"), "upload", "admin:campaigns_recipient_import", "campaigns.add_recipient"
)
ADD_RECIPIENT = Step(
    gettext_lazy("Add one recipient"), "person_add", "admin:campaigns_recipient_add", "campaigns.add_recipient"
)
WRITE_MESSAGE = Step(gettext_lazy("Write a message"), "edit", "admin:campaigns_message_add", "campaigns.add_message")
NEW_MAILING = Step(gettext_lazy("New mailing"), "add", "admin:campaigns_mailing_add", "campaigns.add_mailing")
OPEN_MAILINGS = Step(
    gettext_lazy("Open the mailings"),
    "outgoing_mail",
    "admin:campaigns_mailing_changelist",
    "campaigns.view_mailing",
)
ADD_LIMIT = Step(gettext_lazy("Add a limit"), "add", "admin:campaigns_sendinglimit_add", "campaigns.add_sendinglimit")


def owner_filter(request: HttpRequest, model: type[Model]) -> list[Any]:
    """The filter by owner, for those who see everybody's."""
    return [("owner", RelatedDropdownFilter)] if access.sees_all(request.user, model) else []


def allowed(request: HttpRequest, steps: tuple[Step, ...]) -> list[Step]:
    """Those of the steps that the person may take."""
    return [step for step in steps if request.user.has_perm(step.permission)]
