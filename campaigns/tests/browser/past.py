"""The last weeks of a department, as its reports have them: newsletters, reminders, and what came of them."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from accounts.models import User
from campaigns.models import Mailing, MailingAttempt, Recipient, Tally
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.test_statistics import delivered

DOMAINS = ("mail.example", "post.example", "mail.example", "office.example", "uni.example", "web.example")
REPLIES = (
    "550 5.1.1 No such mailbox",
    "550 5.1.1 No such mailbox",
    "552 5.2.2 Mailbox full",
    "550 5.7.1 Refused by the policy of the recipient's domain",
)


class Run(NamedTuple):
    """A mailing, to how many, on which days before today, of how many letters one fails."""

    name: str
    audience: int
    days_ago: tuple[int, ...]
    one_fails_of: int


RUNS = (
    Run("Weekly news", 420, (37, 30, 23, 16, 9, 2), 61),
    Run("Welcome to new members", 35, (33, 28, 26, 21, 19, 14, 12, 7, 5), 35),
    Run("Invitation to the open day", 310, (18, 4), 24),
    Run("Invoices of the month", 160, (31, 1), 80),
    Run("Change of opening hours", 380, (11,), 95),
)
MORE_RUNS = (
    Run("Survey among customers", 260, (34, 13), 40),
    Run("Reminder of open fees", 90, (24, 17, 10, 3), 18),
)


def some_weeks(owner: User, runs: tuple[Run, ...] = RUNS) -> list[Mailing]:
    """The mailings, with their attempts."""
    people = _people(owner, max(run.audience for run in runs))
    mailings = []
    for run in runs:
        mailing = factories.mailing(owner, people[: run.audience], name=run.name)
        for days in run.days_ago:
            _move(_sent(mailing, run.one_fails_of), timezone.now() - timedelta(days=days, hours=2))
        mailings.append(mailing)
    return mailings


def _people(owner: User, number: int) -> list[Recipient]:
    addresses = (f"member{n}@{DOMAINS[n % len(DOMAINS)]}" for n in range(number))
    return Recipient.objects.bulk_create(Recipient(owner=owner, email=address) for address in addresses)


def _sent(mailing: Mailing, one_fails_of: int) -> MailingAttempt:
    well = (Status.SENT,) * (one_fails_of - 1)
    attempt = delivered(mailing, *well, Status.ERROR, *well, Status.ERROR, *well, Status.UNCONFIRMED)
    for number, row in enumerate(attempt.logs.filter(status=Status.ERROR)):
        row.detail = REPLIES[number % len(REPLIES)]
        row.save(update_fields=["detail"])
    attempt.logs.filter(status=Status.UNCONFIRMED).update(detail="The connection was lost after the letter.")
    return attempt


def _move(attempt: MailingAttempt, moment: datetime) -> None:
    moment = moment.replace(second=0, microsecond=0)
    MailingAttempt.objects.filter(pk=attempt.pk).update(created_at=moment, started_at=moment, finished_at=moment)
    attempt.logs.exclude(settled_at=None).update(settled_at=moment)
    Tally.objects.filter(attempt=attempt).update(minute=moment)
