"""From what the mail server said, or did not say, to what becomes of the ledger row. No input or output here."""

import re
from typing import NamedTuple

from campaigns.models.log import Status


class TransportDown(Exception):
    """Nothing can be sent at all, for a reason that concerns every letter; the text says which.

    `temporary`: the mail server says itself that another try may do (4xx).
    """

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        super().__init__(reason)
        self.temporary = temporary


class NotComposed(Exception):
    """The letter to this recipient can not be written; the text says why."""


class Outcome(NamedTuple):
    """What became of one letter.

    `detail` is the reply, or the reason, as a person may read it; `slows`: the server asks for less mail to the domain.
    """

    status: Status
    detail: str = ""
    slows: bool = False


DETAIL_LENGTH = 500
# When so many of the last letters of an attempt failed, the fault is hardly the recipients'.
WINDOW, MOST = 100, 80

_ENHANCED_4_7 = re.compile(rb"\s*4\.7\.\d{1,3}(\s|$)")
_BY_CLASS = {2: Status.SENT, 4: Status.DEFERRED, 5: Status.ERROR}


class Failures:
    """Counts the letters of an attempt in windows, to notice that most of them fail."""

    def __init__(self) -> None:
        self._letters = self._failed = 0

    def note(self, outcome: Outcome) -> TransportDown | None:
        """Count the outcome of a letter that was handed to the mail server; the reason to stop, if it is one."""
        self._letters += 1
        self._failed += outcome.status != Status.SENT
        if self._letters < WINDOW:
            return None
        failed, self._letters, self._failed = self._failed, 0, 0
        if failed < MOST:
            return None
        return TransportDown(f"{failed} of the last {WINDOW} letters could not be sent; the last: {outcome.detail}")


def reply(code: int, text: bytes) -> Outcome:
    """The outcome of a reply to the final dot (RFC 5321, 4.2.1): 2xx, 4xx or 5xx; any other says nothing."""
    return Outcome(_BY_CLASS.get(code // 100, Status.UNCONFIRMED), said(code, text), slows(code, text))


def refusal(code: int, text: bytes) -> Outcome:
    """The outcome of an unwanted reply to MAIL, RCPT or DATA: whatever it is, nothing was sent."""
    return Outcome(Status.ERROR if code // 100 == 5 else Status.DEFERRED, said(code, text), slows(code, text))


def slows(code: int, text: bytes) -> bool:
    """Whether this reply asks for less mail: 421 (RFC 5321, 3.8) or an enhanced status of 4.7.x (RFC 3463, 3.8)."""
    return code == 421 or (code // 100 == 4 and _ENHANCED_4_7.match(text) is not None)


def said(code: int, text: bytes) -> str:
    """A reply as a person may read it."""
    return readable(f"{code} {text.decode('utf-8', 'replace')}")


def readable(text: str) -> str:
    """One line that the database takes, whatever bytes the server sent."""
    if not text.isprintable():
        text = text.replace("\0", "").encode("utf-8", "replace").decode()
    return " ".join(text.split())[:DETAIL_LENGTH]


def lost(*, body_was_sent: bool, reason: str) -> Outcome:
    """The connection broke. Before the body left, nothing can have been delivered; after it, nobody knows."""
    if body_was_sent:
        return Outcome(Status.UNCONFIRMED, f"The connection was lost before the server confirmed: {readable(reason)}")
    return Outcome(Status.DEFERRED, f"The connection was lost before the message was handed over: {readable(reason)}")
