"""How far an attempt is, drawn in a row: what came to which end, and the figures beside it."""

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import MailingAttempt
from campaigns.reports.progress import OUTCOMES


def meter(attempt: MailingAttempt) -> SafeString:
    """The attempt's bar with its figures."""
    return format_html('<span class="autosend-meter">{}<small>{}</small></span>', bar(attempt), figures(attempt))


def bar(attempt: MailingAttempt) -> SafeString:
    """A bar of what came to which end; the figures tell the same to who does not see it."""
    return stacked([(getattr(attempt, name), colour) for name, _label, colour, _status in OUTCOMES], attempt.total)


def stacked(counts: list[tuple[int, str]], total: int) -> SafeString:
    """A bar of so many of each colour, of `total` together."""
    # Numbers and names of ours, which want no escaping: that would take five times as long, and pages have 80 bars.
    parts, start = [], 0
    for count, colour in counts:
        if count:
            parts.append(f'<rect class="autosend-{colour}" x="{start}" width="{count}" height="1"></rect>')
        start += count
    box = f'viewBox="0 0 {max(1, total)} 1" preserveAspectRatio="none" aria-hidden="true"'
    return SafeString(f"<svg {box}>{''.join(parts)}</svg>")


def figures(attempt: MailingAttempt) -> str:
    """How many of how many, and what went wrong."""
    done = attempt.dry_runs if attempt.dry_run else attempt.sent
    sentence = _("%(count)s of %(total)s composed") if attempt.dry_run else _("%(count)s of %(total)s sent")
    parts = [sentence % {"count": intcomma(done), "total": intcomma(attempt.total)}]
    if attempt.errors:
        parts.append(ngettext("%s error", "%s errors", attempt.errors) % intcomma(attempt.errors))
    if attempt.unconfirmed:
        parts.append(_("%s unconfirmed") % intcomma(attempt.unconfirmed))
    return ", ".join(parts)
