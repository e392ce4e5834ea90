"""The audience of an attempt, written into the ledger in slices: the rows' one INSERT."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from campaigns.audience import LAST, Audience, Ids, as_sql
from campaigns.models import Chunk, Mailing, MailingAttempt, MailingLog
from campaigns.models.log import Status
from campaigns.sending.ledger import passed_over, tallies
from campaigns.sending.ledger.moves import finish


class ExpandedElsewhere(Exception):
    """Somebody else has written the slice meanwhile, or cancelled the attempt; nothing was written."""


def owners(attempt: int) -> list[int]:
    """Whose recipients the audience of the attempt is made of."""
    return owners_among(Audience.of_attempt(_launched(attempt)))


def owners_among(audience: Audience) -> list[int]:
    """Whose recipients the audience is made of."""
    return list(audience.recipients().order_by().values_list("owner", flat=True).distinct())


def count_letters(mailing: int, *, new_only: bool = False) -> int:
    """How many letters a launch would send now: an address once, and with `new_only` none to whom got one before.

    Agrees with what expand() writes, without its skipped rows (100,000 recipients: 0.1 s).
    """
    return count_letters_to(_saying(mailing), real_attempts(mailing) if new_only else [])


def count_letters_to(audience: Audience, known: Sequence[int] = ()) -> int:
    """How many letters would be sent to such an audience now, without those whom the attempts have in their ledgers."""
    if not known:
        return _count(_COUNT_ADDRESSES, audience)
    among = owners_among(audience)
    counted = _COUNT_NEW_RECIPIENTS if len(among) == 1 else _COUNT_NEW_ADDRESSES
    return _count(counted, audience, known=known, owners=among)


def has_newcomers(mailing: int) -> bool:
    """Whether there is one at all; found at once among those who were imported last."""
    return bool(last_newcomers(mailing, 1))


def last_newcomers(mailing: int, most: int) -> list[int]:
    """The newcomers who were imported last, at most so many."""
    known = real_attempts(mailing)
    # Part by part, and so each by its index from its end.
    found = {one for part in _saying(mailing).parts() for one in _last_of(part, known, most)}
    return sorted(found, reverse=True)[:most]


def real_attempts(mailing: int, before: int = LAST) -> list[int]:
    """The attempts that have sent letters, and so know whom a launch to new recipients passes over."""
    attempts = MailingAttempt.objects.real().begun().filter(mailing=mailing, pk__lt=before)
    return list(attempts.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def expand(attempt: int, among: list[int], rows: int, chunk_rows: int) -> list[int]:
    """Write the ledger rows of the next `rows` recipients of the audience, in chunks; returns the chunks' ids.

    `among` are the owners() of the audience. An owner has an address once; one that several owners' recipients
    share gets one letter, and the others' rows are SKIPPED, as are those of suppressed addresses. An attempt to new
    recipients only passes over those whom an earlier real one has in its ledger. Raises ExpandedElsewhere.
    """
    launched = _launched(attempt)
    if launched.expanded_at:
        return []
    audience = Audience.of_attempt(launched)
    upto = _end_of_slice(audience, launched.expanded_to, rows)
    known = real_attempts(launched.mailing_id, before=attempt) if launched.new_only else []
    which: dict[str, Any] = {"attempt": attempt, "after": launched.expanded_to, "upto": upto}
    slice_ = _SLICE.format(
        members=audience.in_sql(launched.expanded_to, upto),
        repeated=passed_over.repeated("r", audience, "%(owners)s", "%(known)s") if len(among) > 1 else "false",
    )
    with connection.cursor() as cursor:
        # Foreign keys are checked with the INSERT, and not at the commit, when the counters are locked already:
        # beside it, 99 % of the updates of the counters took up to 13 ms instead of 95.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # A worker's session plans each statement anew: it would plan the check of the foreign key for every row, which
        # took two thirds of the time.
        cursor.execute("SET LOCAL plan_cache_mode = auto")
        asked = {**which, "owners": among, "known": known, "chunk_rows": chunk_rows}
        cursor.execute(_EXPAND.format(slice=slice_), asked)
        count, skipped, chunks = cursor.fetchone()
    _expanded(
        launched,
        total=F("total") + count,
        skipped=F("skipped") + skipped,
        expanded_to=upto,
        expanded_at=Now() if upto == LAST else None,
    )
    tallies.add(attempt, Status.SKIPPED, skipped)
    return list(chunks)


@transaction.atomic
def write_test(attempt: int, recipient: int, address: str) -> int:
    """Write the one row of a test: the recipient's, with the address that gets the letter; returns its chunk's id."""
    launched = MailingAttempt.objects.get(pk=attempt)
    row = MailingLog.objects.create(attempt=launched, recipient_id=recipient, email=address)
    chunk = Chunk.objects.create(attempt=launched, first_id=row.pk, last_id=row.pk)
    _expanded(launched, total=1, expanded_to=LAST, expanded_at=Now())
    return chunk.pk


def _launched(attempt: int) -> MailingAttempt:
    found: MailingAttempt = MailingAttempt.objects.select_related("mailing").get(pk=attempt)
    return found


def _saying(mailing: int) -> Audience:
    return Audience.of(Mailing.objects.select_related("owner").get(pk=mailing))


def _last_of(part: Ids, known: list[int], most: int) -> list[int]:
    if not (members := as_sql(part)):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_LAST_NEWCOMERS.format(members=members), {"known": known, "most": most})
        return [recipient for (recipient,) in cursor.fetchall()]


def _count(statement: str, audience: Audience, **asked: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(members=audience.in_sql()), asked)
        return int(cursor.fetchone()[0])


def _end_of_slice(audience: Audience, after: int, rows: int) -> int:
    with connection.cursor() as cursor:
        # An audience made just now is not in the planner's statistics: each slice would sort all that is left
        # of it (1,000,000 rows in 33 s instead of 7).
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    return audience.end_of_slice(after, rows)


def _expanded(launched: MailingAttempt, **changes: Any) -> None:
    same = MailingAttempt.objects.filter(pk=launched.pk, expanded_to=launched.expanded_to, expanded_at=None)
    if not same.update(**changes):
        raise ExpandedElsewhere
    finish(launched.pk)


def _known(recipient: str) -> str:
    return passed_over.known(recipient, "%(known)s")


# In these statements, {members} are the audience's ids.
_LAST_NEWCOMERS = f"""
SELECT m.id FROM ({{members}}) m(id) WHERE NOT {_known("m.id")} ORDER BY m.id DESC LIMIT %(most)s
"""

_RECIPIENTS = "FROM ({members}) m(id) JOIN campaigns_recipient r ON r.id = m.id"
_NOT_SUPPRESSED = "NOT EXISTS (SELECT FROM campaigns_suppression s WHERE lower(s.email) = address.email)"
_COUNT_ADDRESSES = f"""
SELECT count(*) FROM (SELECT lower(r.email) AS email {_RECIPIENTS} GROUP BY lower(r.email)) address
WHERE {_NOT_SUPPRESSED}
"""
# An owner has an address once.
_COUNT_NEW_RECIPIENTS = f"""
SELECT count(*) FROM (SELECT lower(r.email) AS email {_RECIPIENTS} WHERE NOT {_known("m.id")} OFFSET 0) address
WHERE {_NOT_SUPPRESSED}
"""
# An address is not new either when it got the letter as a recipient who is in the audience no more.
_COUNT_NEW_ADDRESSES = f"""
SELECT count(*) FROM (
    SELECT lower(r.email) AS email {_RECIPIENTS}
    GROUP BY lower(r.email) HAVING NOT bool_or({_known("r.id")}) OFFSET 0
) address WHERE {_NOT_SUPPRESSED} AND NOT EXISTS (
    SELECT FROM campaigns_recipient other
    WHERE other.owner_id = ANY(%(owners)s::bigint[]) AND lower(other.email) = address.email AND {_known("other.id")}
)
"""

# Every table is bounded by the slice: whatever the planner thinks of it, a slice costs no more than itself. OFFSET 0
# has `skipped_for` worked out once for each row, and not wherever it is used.
_SLICE = f"""
    SELECT r.id, r.email,
           CASE WHEN s.reason IS NOT NULL THEN {passed_over.suppressed("s")}
                WHEN {{repeated}} THEN 'Another recipient of this mailing has the same address.' END AS skipped_for
    {_RECIPIENTS} LEFT JOIN campaigns_suppression s ON lower(s.email) = lower(r.email)
    WHERE r.id > %(after)s AND r.id <= %(upto)s
      AND (cardinality(%(known)s::bigint[]) = 0 OR NOT {_known("m.id")})
    OFFSET 0
"""
_EXPAND = f"""
WITH slice AS ({{slice}}), written AS (
    INSERT INTO campaigns_mailinglog (attempt_id, recipient_id, email, status, detail, tries, settled_at)
    SELECT %(attempt)s, id, email,
           CASE WHEN skipped_for IS NULL THEN {Status.PENDING} ELSE {Status.SKIPPED} END,
           coalesce(skipped_for, ''), 0,
           CASE WHEN skipped_for IS NOT NULL THEN now() END
    FROM slice ORDER BY id
    RETURNING id, status
), parts AS (
    SELECT id, (row_number() OVER (ORDER BY id) - 1) / %(chunk_rows)s AS part FROM written
    WHERE status = {Status.PENDING}
), made AS (
    INSERT INTO campaigns_chunk (attempt_id, first_id, last_id, lease)
    SELECT %(attempt)s, min(id), max(id), 0 FROM parts GROUP BY part ORDER BY part
    RETURNING id
)
SELECT count(*), count(*) FILTER (WHERE status = {Status.SKIPPED}), ARRAY(SELECT id FROM made ORDER BY id)
FROM written
"""
