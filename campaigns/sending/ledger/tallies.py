"""The tally, where the statement that writes the letters' outcomes (entries.py) does not write it.

Called in the transaction that changes the ledger's rows.
"""

from django.db import connection

from campaigns.models.log import Status

COLUMNS = {
    Status.SENT: "sent",
    Status.ERROR: "errors",
    Status.SKIPPED: "skipped",
    Status.UNCONFIRMED: "unconfirmed",
    Status.CANCELLED: "cancelled",
}


def add(attempt: int, status: Status, count: int) -> None:
    """Count so many rows that come to that end now."""
    if not count:
        return
    column = COLUMNS[status]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO campaigns_tally AS t (attempt_id, minute, {column})
            VALUES (%s, date_trunc('minute', now()), %s)
            ON CONFLICT (attempt_id, minute) DO UPDATE SET {column} = t.{column} + excluded.{column}
            """,
            [attempt, count],
        )


def move(attempt: int, of: Status, to: Status | None = None) -> None:
    """Count the attempt's rows that ended as `of` as `to`, or no longer, in the minutes in which they ended.

    Comes before the rows themselves change, and after their chunks are locked. `of` is one of MailingLog.ATTENTION.
    """
    changes = [f"{COLUMNS[of]} = t.{COLUMNS[of]} - ended.count"]
    if to is not None:
        changes.append(f"{COLUMNS[to]} = t.{COLUMNS[to]} + ended.count")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE campaigns_tally t SET {", ".join(changes)}
            FROM (SELECT date_trunc('minute', settled_at) AS minute, count(*) FROM campaigns_mailinglog
                  WHERE attempt_id = %(attempt)s AND attention = %(of)s GROUP BY 1) AS ended
            WHERE t.attempt_id = %(attempt)s AND t.minute = ended.minute
            """,
            {"attempt": attempt, "of": of},
        )
