"""What was caught: journalled before the sender hears of it, counted for ever, kept while it is among the newest."""

import json
import os
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from hashlib import sha256
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Mail:
    number: int
    recipients: tuple[str, ...]
    source: bytes
    accepted_at: datetime


class Tally:
    """What was accepted for one attempt: exact, however many of its mails were let go since."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()
        self._message_ids: list[str] = []
        self._first = self._last = time.time()

    def add(self, recipient: str, message_id: str) -> None:
        self._times[recipient] += 1
        self._message_ids.append(message_id)
        self._last = time.time()

    def summary(self) -> dict[str, Any]:
        duplicates = [recipient for recipient, times in self._times.items() if times > 1]
        return {
            "accepted": len(self._message_ids),
            "distinct": len(self._times),
            "duplicates": duplicates[:20],
            "seconds": round(self._last - self._first, 3),
            "message_ids_sha256": sha256("\n".join(sorted(self._message_ids)).encode()).hexdigest(),
        }


class Mailbox:
    """What was caught; one thread puts mails in while others read."""

    def __init__(self, journal: Path | None, keep: int) -> None:
        self._journal = journal.open("ab") if journal else None
        self._mails: deque[Mail] = deque(maxlen=keep)
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._lock = threading.Lock()
        self._total = 0

    def accept(self, recipients: list[str], source: bytes) -> None:
        """Take the mail in; when this returns, the journal that names it is on the disk."""
        headers = BytesHeaderParser().parsebytes(source.partition(b"\r\n\r\n")[0])
        message_id = str(headers.get("Message-ID", "")).strip()
        attempt = str(headers.get("X-Mailing-Attempt", "")).strip()
        self._write(recipients, {"message_id": message_id, "attempt": attempt, "time": time.time()})
        with self._lock:
            self._total += 1
            self._mails.append(Mail(self._total, tuple(recipients), source, datetime.now(UTC)))
            for recipient in recipients:
                self._tallies[attempt].add(recipient, message_id)

    def accepted(self, attempt: str) -> dict[str, Any]:
        with self._lock:
            return self._tallies.get(attempt, Tally()).summary()

    def find(self, number: int) -> Mail | None:
        """The mail of this number, while it is kept."""
        with self._lock:
            first = self._mails[0].number if self._mails else 1
            return self._mails[number - first] if first <= number <= self._total else None

    def search(self, wanted: str) -> list[Mail]:
        """The kept mails to an address that contains these words, newest first."""
        with self._lock:
            mails = list(reversed(self._mails))
        wanted = wanted.casefold()
        return [mail for mail in mails if any(wanted in recipient.casefold() for recipient in mail.recipients)]

    def _write(self, recipients: list[str], entry: dict[str, Any]) -> None:
        if self._journal is None:
            return
        lines = [json.dumps({"recipient": recipient, **entry}) + "\n" for recipient in recipients]
        self._journal.write("".join(lines).encode())
        self._journal.flush()
        os.fsync(self._journal.fileno())
