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


DETAIL_LENGTH = 500


_BY_CLASS = {2: Status.SENT, 4: Status.DEFERRED, 5: Status.ERROR}


def reply(code: int, text: str) -> Outcome:
    """The outcome of a reply to the final dot (RFC 5321, 4.2.1): 2xx, 4xx or 5xx; any other says nothing."""
    return Outcome(_BY_CLASS.get(code // 100, Status.UNCONFIRMED), readable(f"{code} {text}"))


def refusal(code: int, text: str) -> Outcome:
    """The outcome of an unwanted reply to MAIL, RCPT or DATA: whatever it is, nothing was sent."""
    return Outcome(Status.ERROR if code // 100 == 5 else Status.DEFERRED, readable(f"{code} {text}"))


def readable(text: str) -> str:
    """One line that the database takes, whatever bytes the server sent."""
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    return " ".join(clean.split())[:DETAIL_LENGTH]


def lost(*, body_was_sent: bool, reason: str) -> Outcome:
    """The connection broke. Before the body left, nothing can have been delivered; after it, nobody knows."""
    if body_was_sent:
        return Outcome(Status.UNCONFIRMED, f"The connection was lost before the server confirmed: {readable(reason)}")
    return Outcome(Status.DEFERRED, f"The connection was lost before the message was handed over: {readable(reason)}")
