"""Whom a letter is shown for: one of those whom the person may see, or nobody, with sample values."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

AS, SAMPLE, SEARCH = "as", "sample", "q"
MOST_FOUND = 20


class SearchForm(forms.Form):
    q = forms.CharField(
        required=False,
        label=gettext_lazy("Find a recipient"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "search"}),
    )


class Addressees:
    """The queryset holds those whom the letter may be shown for; they stand in the order of that field."""

    def __init__(self, request: HttpRequest, queryset: QuerySet[Any], order: str, search_fields: Sequence[str]) -> None:
        self._queryset = queryset.order_by(order)
        self._order = order
        self._search_fields = search_fields
        self._asked = request.GET.get(AS, "")
        self.form = SearchForm(request.GET)
        self.term = request.GET.get(SEARCH, "").strip()

    @cached_property
    def chosen(self) -> Any:
        """Whom the address asks for, or else the first one; None stands for sample values. Raises Http404."""
        if self._asked == SAMPLE:
            return None
        if not self._asked:
            return self.first
        if not self._asked.isdecimal():
            raise Http404
        found = self._queryset.filter(pk=self._asked).first()
        if found is None:
            raise Http404
        return found

    @cached_property
    def first(self) -> Any:
        return self._queryset.first()

    @property
    def key(self) -> str:
        """The chosen one, as addresses name it."""
        return SAMPLE if self.chosen is None else str(self.chosen.pk)

    @cached_property
    def next(self) -> Any:
        return self._neighbour("gt", self._order)

    @cached_property
    def previous(self) -> Any:
        return self._neighbour("lt", f"-{self._order}")

    @cached_property
    def found(self) -> list[Any]:
        """The first of those whom the person searches."""
        if not self.term:
            return []
        matches = Q()
        for field in self._search_fields:
            matches |= Q(**{f"{field}__icontains": self.term})
        return list(self._queryset.filter(matches)[:MOST_FOUND])

    def _neighbour(self, beyond: str, order: str) -> Any:
        place = getattr(self.chosen, self._order, None)
        if place is None:
            return None
        return self._queryset.filter(**{f"{self._order}__{beyond}": place}).order_by(order).first()
