"""Letters that are too large to be taken."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models.expressions import Combinable
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import ngettext

from campaigns.models import Recipient
from campaigns.placeholders import ATTRIBUTE
from campaigns.preflight import values
from campaigns.preflight.audience import Audience
from campaigns.preflight.draft import Draft
from campaigns.preflight.finding import Finding
from campaigns.sending.letters.composer import Addressee

# A byte of a value becomes at most so many of the letter: " is &quot; in HTML, and ' is &#x27;; with its soft breaks.
MOST_GROWTH = 7


def weight(draft: Draft) -> Combinable:
    """What the values that may be long add to the letter, in bytes, before they are encoded."""
    long = [part.name for part in draft.placeholders if part.name == "comment" or part.name.startswith(ATTRIBUTE)]
    return values.weight(long)


def findings(draft: Draft, audience: Audience) -> Iterator[Finding]:
    limit: int = settings.SENDING_MAX_LETTER_BYTES
    bare = _size(draft, Recipient())
    if bare > limit:
        yield Finding("too-large", True, _too_large(audience.total, bare), audience.total, audience.letters)
    elif bare + MOST_GROWTH * audience.heaviest > limit:
        by_weight = audience.letters.annotate(weight=weight(draft))
        heaviest = by_weight.order_by("-weight", "pk")[:1].get()
        if (largest := _size(draft, heaviest)) > limit:
            # Those that are too large however their values are encoded, and the largest one in any case.
            large = by_weight.filter(weight__gt=limit - bare) | by_weight.filter(pk=heaviest.pk)
            count = large.count()
            yield Finding("too-large", count == audience.total, _too_large(count, largest), count, large)


def _size(draft: Draft, recipient: Recipient) -> int:
    """Of the recipient's letter, even if a value is missing or the address is wrong."""
    given = recipient.attributes if isinstance(recipient.attributes, dict) else {}
    attributes = {part.name.removeprefix(ATTRIBUTE): "" for part in draft.placeholders} | given
    addressee = Addressee(0, "jane.doe@example.com", recipient.full_name, recipient.comment, attributes)
    return len(draft.composer.compose(addressee, timezone.now()).content)


def _too_large(count: int, largest: int) -> str:
    sentence = ngettext(
        "%(count)s letter has more than %(limit)s, and mail servers may refuse it. The largest has %(largest)s.",
        "%(count)s letters have more than %(limit)s, and mail servers may refuse them. The largest has %(largest)s.",
        count,
    )
    limit = filesizeformat(settings.SENDING_MAX_LETTER_BYTES)
    return sentence % {"count": count, "limit": limit, "largest": filesizeformat(largest)}
