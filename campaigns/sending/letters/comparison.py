"""What has changed in a message since it was frozen."""

from collections.abc import Iterator
from difflib import unified_diff
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext as _

from campaigns.models import MailingAttempt
from campaigns.sending.letters import content
from campaigns.sending.letters.content import Content

# Comparing takes the square of the lines at worst.
MOST_LINES = 3000
AROUND = 2


class Mark(StrEnum):
    SAME = " "
    REMOVED = "-"
    ADDED = "+"
    # Lines that are the same in both are left out here.
    GAP = "@"


class Line(NamedTuple):
    mark: Mark
    text: str


class Change(NamedTuple):
    """A part of the message that is not what it was; `too_long` to show line by line."""

    part: str
    lines: list[Line]
    too_long: bool = False


def since_launch(attempt: MailingAttempt) -> list[Change]:
    """How the message of today differs from what the attempt has sent. Raises content.NotFrozen.

    Both are compared as they are sent: with the styles inlined, and the text made where the author wrote none.
    """
    sent = Content(attempt.subject, attempt.body, attempt.body_html)
    today = content.freeze(attempt.mailing.message)
    named = zip((_("Subject"), _("Text"), _("HTML")), sent, today, strict=True)
    return [_change(part, before, after) for part, before, after in named if before != after]


def _change(part: str, before: str, after: str) -> Change:
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MOST_LINES:
        return Change(part, [], too_long=True)
    return Change(part, list(_lines(old, new)))


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    _from, _to, *diff = [*unified_diff(old, new, n=AROUND, lineterm="")] or ["", ""]
    for position, line in enumerate(diff):
        mark = Mark(line[0])
        if mark != Mark.GAP:
            yield Line(mark, line[1:])
        elif position:
            yield Line(mark, "")
