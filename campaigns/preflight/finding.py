"""What a preflight says of a mailing."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from campaigns.models import Recipient


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a mailing, or may be.

    `code` is a slug that names it on this mailing, such as `missing-attributes-city`. `blocking`: as it is, sending
    makes no sense, or is refused. `sentence` is translated and has the count in it. `count` is how many recipients
    it concerns, and `rows` who they are; 0 and None where it is about the mailing as a whole.
    """

    code: str
    blocking: bool
    sentence: str
    count: int = 0
    rows: QuerySet[Recipient] | None = None
