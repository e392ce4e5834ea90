"""Whom of an audience an attempt passes over, as conditions in SQL.

Their arguments are SQL, too: the attempts and owners arrays of ids.
"""

from campaigns.audience import Audience


def known(recipient: str, attempts: str) -> str:
    """One of the attempts has the recipient of that id in its ledger."""
    # OFFSET 0 keeps the planner from a join: before there were statistics of the last attempt, one to 900,000 rows
    # of it had not ended after ten minutes. The look-ups take 1 s.
    return f"""EXISTS (
        SELECT 1 FROM campaigns_mailinglog past
        WHERE past.attempt_id = ANY({attempts}::bigint[]) AND past.recipient_id = {recipient} OFFSET 0)"""


def repeated(recipient: str, audience: Audience, owners: str, attempts: str) -> str:
    """Another of the owners' recipients gets the letter at the same address; `recipient` names a row of the table.

    An owner has an address once. Of several owners' recipients the one with the smallest id gets the letter, unless
    one of the attempts has another of them in its ledger.
    """
    return f"""EXISTS (
               SELECT 1 FROM campaigns_recipient other
               WHERE other.owner_id = ANY(array_remove({owners}::bigint[], {recipient}.owner_id))
                 AND lower(other.email) = lower({recipient}.email)
                 AND (other.id < {recipient}.id AND {audience.has("other.id")}
                      OR {known("other.id", attempts)})
           )"""


def suppressed(suppression: str) -> str:
    """Why no mail goes to the address of that row of the suppressions."""
    return f"'This address is suppressed (' || {suppression}.reason || ').'"
