"""What would leave at the press of a button: how many letters, which, when, and what stands in the way."""

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import NamedTuple

from django.conf import settings

from accounts.models import User
from campaigns import access, lifecycle, preflight
from campaigns.audience import Audience, is_suppressed
from campaigns.models import Mailing, Recipient
from campaigns.models.log import Status
from campaigns.preflight import Finding
from campaigns.sending.ledger import audience
from campaigns.sending.letters import preview
from campaigns.sending.letters.preview import NoLetter, Preview

# An audience of so many is counted, and one of so many is looked at, while the dialog opens. On two busy cores, 100,000
# addresses took 0.4 s to count, and the rest of the dialog 0.2 s.
COUNTED_AT_ONCE = 20_000
CHECKED_AT_ONCE = 2_000
# So many candidates at each place of the audience, for letters to show.
WINDOW = 10


class Sample(NamedTuple):
    """A letter to one of them, or the reason why there is none; without `to`, it has sample values."""

    to: str
    letter: Preview | None
    reason: str


class Outgoing:
    """The letters of a verb. Each figure is worked out when it is asked for, and once."""

    # Whether a preflight has something to say of them.
    checked = False
    # Whether they go to people who have had them before.
    repeats = False

    def __init__(self, mailing: Mailing) -> None:
        self.mailing = mailing

    @property
    def subject(self) -> str:
        return self.mailing.message.subject

    @property
    def sender(self) -> str:
        return settings.DEFAULT_FROM_EMAIL

    @property
    def delay(self) -> int:
        """Seconds until the first letter leaves, in which the launch can be undone."""
        return 0

    @property
    def counts_at_once(self) -> bool:
        return True

    @property
    def checks_at_once(self) -> bool:
        return True

    @cached_property
    def letters(self) -> int:
        raise NotImplementedError

    @cached_property
    def findings(self) -> list[Finding]:
        return []

    @property
    def blocking(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.blocking]

    def samples(self, user: User) -> list[Sample]:
        """At most three of the letters, to recipients whom the person may see."""
        raise NotImplementedError


class Launch(Outgoing):
    """The letters of a launch to the audience, or to the new ones of it."""

    checked = True

    def __init__(self, mailing: Mailing, *, new_only: bool = False) -> None:
        super().__init__(mailing)
        self._new_only = new_only
        self.repeats = not new_only

    @property
    def delay(self) -> int:
        return settings.SENDING_UNDO_SECONDS if lifecycle.can_be_undone(self.mailing) else 0

    @property
    def counts_at_once(self) -> bool:
        return self._size <= COUNTED_AT_ONCE

    @property
    def checks_at_once(self) -> bool:
        return self._size <= CHECKED_AT_ONCE

    @cached_property
    def _size(self) -> int:
        return self._audience.count_up_to(COUNTED_AT_ONCE + 1)

    @cached_property
    def _audience(self) -> Audience:
        return Audience.of(self.mailing)

    @cached_property
    def letters(self) -> int:
        return audience.count_letters(self.mailing.pk, new_only=self._new_only)

    @cached_property
    def findings(self) -> list[Finding]:
        return preflight.findings(self.mailing, new_only=self._new_only)

    def samples(self, user: User) -> list[Sample]:
        people = _seen(user, self._candidates())
        try:
            write = preview.writer(self.mailing.message, self.mailing)
        except NoLetter as reason:
            return [Sample("", None, str(reason))]
        # Who may see none of them sees sample values.
        return [_sample(person, partial(write, person)) for person in people] or [_sample(None, partial(write, None))]

    def _candidates(self) -> list[int]:
        """The first of the audience, some in the middle by their numbers, and the last."""
        if self._new_only:
            return audience.last_newcomers(self.mailing.pk, 3 * WINDOW)
        first, last = self._audience.first(WINDOW), self._audience.last(WINDOW)
        middle = self._audience.first(WINDOW, beyond=(first[0] + last[0]) // 2) if first else []
        return [*first, *middle, *last]


class Repeat(Outgoing):
    """The letters of the last attempt that ended like this, once more."""

    def __init__(self, mailing: Mailing, *, status: Status, counter: str) -> None:
        super().__init__(mailing)
        self._status, self._counter = status, counter
        self._attempt = mailing.attempts.real().begun().first()

    @property
    def subject(self) -> str:
        return self._attempt.subject if self._attempt else super().subject

    @property
    def sender(self) -> str:
        return self._attempt.from_email if self._attempt else super().sender

    @cached_property
    def letters(self) -> int:
        return int(getattr(self._attempt, self._counter)) if self._attempt else 0

    def samples(self, user: User) -> list[Sample]:
        if not self._attempt:
            return []
        ended = self._attempt.logs.filter(attention=self._status).order_by("pk")
        rows = {row.recipient_id: row for row in ended[: 3 * WINDOW]}
        shown = [rows[person.pk] for person in _seen(user, rows)]
        write = partial(preview.as_sent, self._attempt)
        return [_sample(row.email, partial(write, row)) for row in shown] or [_sample(None, partial(write, None))]


def _sample(to: object, write: Callable[[], Preview]) -> Sample:
    try:
        return Sample(str(to or ""), write(), "")
    except NoLetter as reason:
        return Sample(str(to or ""), None, str(reason))


def _seen(user: User, candidates: Iterable[int | None]) -> list[Recipient]:
    """The first, the middle and the last of the candidates whom the person may see, and who get a letter."""
    found = Recipient.objects.filter(pk__in=[number for number in candidates if number]).exclude(is_suppressed())
    seen = list(access.visible_among(user, found).order_by("pk"))
    return list(dict.fromkeys((seen[0], seen[len(seen) // 2], seen[-1]))) if seen else []
