"""What the mail servers said, or why letters failed: an attempt's rows that want a person, grouped by the reply."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, F, Func, Max, Min, QuerySet, TextField, Value

from campaigns.models import MailingAttempt, MailingLog
from campaigns.reports.cache import remembered

MOST_GROUPS = 10
# Words that differ from letter to letter: addresses, and numbers of sessions, queues and times.
PERSONAL_WORDS = r"(?<!\S)(\S*@\S*|(?=\S*\d)\S{8,})"


class Reply(NamedTuple):
    """A reply that so many rows have, one of their addresses, when the last came, and when the first is tried again."""

    status: int
    text: str
    letters: int
    email: str
    example: str
    last_at: datetime | None
    retry_at: datetime | None

    @property
    def label(self) -> Any:
        return MailingLog.Status(self.status).label


def common() -> Func:
    """The reply of a ledger row without what is the row's own in it, so that equal replies are equal."""
    parts = (F("detail"), Value(PERSONAL_WORDS), Value("…"), Value("g"))
    return Func(*parts, function="regexp_replace", output_field=TextField())


def with_reply(logs: QuerySet[MailingLog], text: str) -> QuerySet[MailingLog]:
    """The rows that want a person and have this reply, which common() made."""
    return logs.alias(reply=common()).filter(attention__isnull=False, reply=text)


def of_attempt(attempt: MailingAttempt) -> tuple[list[Reply], int]:
    """The most frequent replies, and how many others there are."""
    groups, total = remembered(attempt, "replies", lambda: _grouped(attempt))
    return [Reply(*group) for group in groups], total - len(groups)


def _grouped(attempt: MailingAttempt) -> tuple[list[tuple[Any, ...]], int]:
    rows = MailingLog.objects.filter(attempt=attempt, attention__isnull=False).order_by()
    groups = rows.values_list("attention", common()).annotate(
        letters=Count("pk"), example=Max("pk"), last_at=Max("settled_at"), retry_at=Min("retry_at")
    )
    found = list(groups.order_by("-letters", "-example"))
    examples = MailingLog.objects.in_bulk([group[3] for group in found[:MOST_GROUPS]])
    shown = [
        (status, text, count, examples[example].email, examples[example].detail, last_at, retry_at)
        for status, text, count, example, last_at, retry_at in found[:MOST_GROUPS]
        if example in examples
    ]
    return shown, len(found)
