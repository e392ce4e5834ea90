"""The audience of an attempt, written into the ledger in slices: the rows' one INSERT."""

from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from campaigns.models import MailingAttempt, Recipient
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending.ledger import finish


class ExpandedElsewhere(Exception):
    """Somebody else has written the slice meanwhile; nothing was written."""


def owners(mailing: int) -> list[int]:
    """Whose recipients the audience is made of."""
    audience = Recipient.objects.filter(mailings=mailing).order_by()
    return list(audience.values_list("owner", flat=True).distinct())


@transaction.atomic
def expand(attempt: int, among: list[int], rows: int, chunk_rows: int) -> list[int]:
    """Write the ledger rows of the next `rows` recipients of the audience, in chunks; returns the chunks' ids.

    `among` are the owners() of the audience. An owner has an address once; one that several owners' recipients
    share gets one letter, and the others' rows are SKIPPED. The slice that is not full is the last. Raises
    ExpandedElsewhere.
    """
    launched = MailingAttempt.objects.get(pk=attempt)
    if launched.expanded_at:
        return []
    if launched.status == AttemptStatus.CANCELLED:
        _expanded(launched, expanded_at=Now())
        return []
    which = {"mailing": launched.mailing_id, "after": launched.expanded_to, "rows": rows}
    with connection.cursor() as cursor:
        cursor.execute(_EXPAND, {"attempt": attempt, "owners": among, "chunk_rows": chunk_rows, **which})
        count, skipped, last, chunks = cursor.fetchone()
    _expanded(
        launched,
        total=F("total") + count,
        skipped=F("skipped") + skipped,
        expanded_to=last or launched.expanded_to,
        expanded_at=Now() if count < rows else None,
    )
    return list(chunks)


def _expanded(launched: MailingAttempt, **changes: Any) -> None:
    same = MailingAttempt.objects.filter(pk=launched.pk, expanded_to=launched.expanded_to, expanded_at=None)
    if not same.update(**changes):
        raise ExpandedElsewhere
    finish(launched.pk)


_EXPAND = f"""
WITH slice AS (
    SELECT r.id, r.email,
           cardinality(%(owners)s::bigint[]) > 1 AND EXISTS (
               SELECT 1 FROM campaigns_recipient other
               JOIN campaigns_mailing_recipients too ON too.recipient_id = other.id AND too.mailing_id = %(mailing)s
               WHERE other.owner_id = ANY(%(owners)s::bigint[]) AND lower(other.email) = lower(r.email)
                 AND other.id < r.id) AS repeated
    FROM campaigns_mailing_recipients m JOIN campaigns_recipient r ON r.id = m.recipient_id
    WHERE m.mailing_id = %(mailing)s AND m.recipient_id > %(after)s
    ORDER BY m.recipient_id LIMIT %(rows)s
), written AS (
    INSERT INTO campaigns_mailinglog (attempt_id, recipient_id, email, status, detail, tries, settled_at)
    SELECT %(attempt)s, id, email,
           CASE WHEN repeated THEN {Status.SKIPPED} ELSE {Status.PENDING} END,
           CASE WHEN repeated THEN 'Another recipient of this mailing has the same address.' ELSE '' END, 0,
           CASE WHEN repeated THEN now() END
    FROM slice ORDER BY id
    RETURNING id, recipient_id, status
), parts AS (
    SELECT id, (row_number() OVER (ORDER BY id) - 1) / %(chunk_rows)s AS part FROM written
    WHERE status = {Status.PENDING}
), made AS (
    INSERT INTO campaigns_chunk (attempt_id, first_id, last_id, lease)
    SELECT %(attempt)s, min(id), max(id), 0 FROM parts GROUP BY part ORDER BY part
    RETURNING id
)
SELECT count(*), count(*) FILTER (WHERE status = {Status.SKIPPED}), max(recipient_id),
       ARRAY(SELECT id FROM made ORDER BY id)
FROM written
"""
