"""Placeholders that nothing can stand for, and letters in which nothing stands."""

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.preflight import values
from campaigns.preflight.audience import Audience
from campaigns.preflight.draft import Draft
from campaigns.preflight.finding import Finding

MISSING, ANY_MISSING, NO_SUBJECT, NO_TEXT = "missing-", "missing", "no-subject", "no-text"


def conditions(draft: Draft) -> dict[str, Q]:
    """What to ask of each recipient; those of findings by their codes."""
    missing = {f"{MISSING}{name}": values.missing(name) for name in draft.required}
    blank = {NO_SUBJECT: values.blank(draft.subject), NO_TEXT: values.blank(draft.body)}
    return missing | {ANY_MISSING: any_missing(draft)} | {code: asked for code, asked in blank.items() if asked}


def any_missing(draft: Draft) -> Q:
    condition = Q(pk__in=[])
    for name in draft.required:
        condition |= values.missing(name)
    return condition


def of_everybody(draft: Draft) -> Iterator[Finding]:
    """What no value fills, because nothing of it is personal."""
    if values.blank(draft.subject) == Q():
        yield Finding(NO_SUBJECT, False, _("The subject is blank."))
    if values.blank(draft.body) == Q():
        sentence = _("There is no text, and the HTML leaves none: who reads mail as text sees nothing.")
        yield Finding(NO_TEXT, False, sentence if draft.attempt.body_html.strip() else _("The letter is empty."))


def of_recipients(draft: Draft, audience: Audience) -> Iterator[Finding]:
    asked = conditions(draft)
    for name in draft.required:
        yield from _missing(name, asked[f"{MISSING}{name}"], audience)
    for code, sentence in ((NO_SUBJECT, _without_subject), (NO_TEXT, _without_text)):
        if count := audience.counts.get(code, 0):
            yield Finding(code, False, sentence(count) % {"count": count}, count, audience.letters.filter(asked[code]))


def _missing(name: str, condition: Q, audience: Audience) -> Iterator[Finding]:
    count = audience.counts[f"{MISSING}{name}"]
    if not count:
        return
    sentence = ngettext(
        "%(count)s recipient has no %(name)s, and gets no letter.",
        "%(count)s recipients have no %(name)s, and get no letter.",
        count,
    )
    if count == audience.total:
        sentence = _("None of the %(count)s recipients has %(name)s: nobody gets a letter.")
    rows = audience.letters.filter(condition)
    yield Finding(f"{MISSING}{name}", count == audience.total, sentence % {"count": count, "name": name}, count, rows)


def _without_subject(count: int) -> str:
    return ngettext(
        "%(count)s recipient gets a letter without a subject: what would stand there is empty.",
        "%(count)s recipients get a letter without a subject: what would stand there is empty.",
        count,
    )


def _without_text(count: int) -> str:
    return ngettext(
        "%(count)s recipient gets a letter without a text: what would stand there is empty.",
        "%(count)s recipients get a letter without a text: what would stand there is empty.",
        count,
    )
