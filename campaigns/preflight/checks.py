"""The checks, in their order."""

from collections.abc import Iterator

from django.db import connection, transaction
from django.db.models import Q, Value
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.audience import Audience as Said
from campaigns.models import Mailing
from campaigns.preflight import addresses, gaps, links, rehearsal, size
from campaigns.preflight import audience as audiences
from campaigns.preflight.audience import Audience
from campaigns.preflight.draft import Draft
from campaigns.preflight.finding import Finding
from campaigns.sending.letters.preview import NoLetter

_UNUSUAL = "unusual"


def findings(mailing: Mailing, *, new_only: bool = False) -> list[Finding]:
    """What stands in the way of the mailing's letters now, blocking findings first; empty: nothing was found.

    With `new_only`, of those letters that a launch to new recipients only would write. The rows of a finding are
    everybody's: whoever shows them asks access.visible. Changes nothing.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # With the usual 4 MB a million recipients are joined in 32 parts on the disk; compiling gains nothing.
        cursor.execute("SET LOCAL work_mem = '32MB'")
        cursor.execute("SET LOCAL jit = off")
        found = list(_findings(mailing, new_only=new_only))
    return sorted(found, key=lambda finding: not finding.blocking)


def _findings(mailing: Mailing, *, new_only: bool) -> Iterator[Finding]:
    if Mailing.objects.filter(pk=mailing.pk).over().exists():
        yield Finding("over", True, _("The time of “%s” is over: enter a later end.") % mailing)
    draft = None
    try:
        draft = Draft.of(mailing)
    except NoLetter as reason:
        yield Finding("no-letter", True, _("No letter can be written. %s") % reason)
    else:
        yield from gaps.of_everybody(draft)
    yield from links.findings(mailing.message)
    audience = _read(mailing, draft, new_only=new_only)
    yield from _suppressed(audience)
    yield from (
        _of_recipients(mailing, draft, audience) if audience.total else _nobody(mailing, audience, new_only=new_only)
    )


def _read(mailing: Mailing, draft: Draft | None, *, new_only: bool) -> Audience:
    conditions = {_UNUSUAL: addresses.unusual(), **(gaps.conditions(draft) if draft else {})}
    weight = size.weight(draft) if draft else Value(0)
    return audiences.read(mailing, conditions, weight, new_only=new_only)


def _suppressed(audience: Audience) -> Iterator[Finding]:
    if count := audience.refused:
        sentence = ngettext(
            "%(count)s recipient is suppressed, and gets no letter.",
            "%(count)s recipients are suppressed, and get no letter.",
            count,
        )
        yield Finding("suppressed", False, sentence % {"count": count}, count, audience.suppressed)


def _nobody(mailing: Mailing, audience: Audience, *, new_only: bool) -> Iterator[Finding]:
    sentence = _("“%s” has no recipients.")
    if audience.refused or audience.passed_over:
        sentence = _("Nobody would get a letter of “%s”.")
    elif new_only and Said.of(mailing).first(1):
        sentence = _("“%s” has no new recipients: everybody is in an earlier attempt.")
    yield Finding("nobody", True, sentence % mailing)


def _of_recipients(mailing: Mailing, draft: Draft | None, audience: Audience) -> Iterator[Finding]:
    unusual = audience.counts[_UNUSUAL]
    wrong = addresses.wrong(audience) if unusual else []
    yield from addresses.findings(audience, wrong, unusual)
    yield from _passed_over(audience)
    if draft:
        unable = gaps.any_missing(draft) | Q(pk__in=wrong)
        yield from gaps.of_recipients(draft, audience)
        yield from _all_unable(draft, audience, wrong)
        yield from size.findings(draft, audience)
        yield from rehearsal.findings(mailing, draft, audience, unable)


def _passed_over(audience: Audience) -> Iterator[Finding]:
    if count := audience.passed_over:
        sentence = ngettext(
            "%(count)s recipient is passed over: another one has the same address, and gets the letter.",
            "%(count)s recipients are passed over: others have the same addresses, and get the letter.",
            count,
        )
        yield Finding("repeated", False, sentence % {"count": count}, count, audience.repeated)


def _all_unable(draft: Draft, audience: Audience, wrong: list[int]) -> Iterator[Finding]:
    """One gets no letter for this reason and the next for that, and so nobody gets one."""
    missing = audience.counts[gaps.ANY_MISSING]
    each = [audience.counts[f"{gaps.MISSING}{name}"] for name in draft.required]
    if audience.total in (*each, len(wrong)) or missing + len(wrong) < audience.total:
        return
    others = audience.letters.filter(pk__in=wrong).exclude(gaps.any_missing(draft))
    if missing + others.count() == audience.total:
        yield Finding("no-letters", True, _("Nobody would get a letter."), audience.total, audience.letters)
