"""From what the mail server said, or did not say, to what becomes of the ledger row. No input or output here."""

from dataclasses import dataclass

from campaigns.models.log import Status


class TransportDown(Exception):
    """Nothing can be sent at all, for a reason that concerns every letter; the text says which."""


class NotComposed(Exception):
    """The letter to this recipient can not be written; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """What became of one letter. `detail` is the reply, or the reason, as a person may read it."""

    status: Status
    detail: str = ""


SENT_DETAIL_LENGTH = 500


def reply(code: int, text: str) -> Outcome:
    """The outcome of a reply to RCPT, DATA or the final dot (RFC 5321, 4.2.1): 2xx, 4xx or 5xx."""
    detail = f"{code} {' '.join(text.split())}"[:SENT_DETAIL_LENGTH]
    if 200 <= code < 300:
        return Outcome(Status.SENT, detail)
    if 400 <= code < 500:
        return Outcome(Status.DEFERRED, detail)
    return Outcome(Status.ERROR, detail)


def lost(*, body_was_sent: bool, reason: str) -> Outcome:
    """The connection broke. Before the body left, nothing can have been delivered; after it, nobody knows."""
    if body_was_sent:
        return Outcome(Status.UNCONFIRMED, f"The connection was lost before the server confirmed: {reason}")
    return Outcome(Status.DEFERRED, f"The connection was lost before the message was handed over: {reason}")
