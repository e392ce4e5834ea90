"""The promise of docs/sending.md: what the mail server took, against what the ledger says it got."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from campaigns.models import MailingAttempt, MailingLog
from campaigns.models.attempt import FINAL_COUNTERS
from campaigns.models.log import Status

COUNTED_AS = {
    "sent": Status.SENT,
    "errors": Status.ERROR,
    "skipped": Status.SKIPPED,
    "unconfirmed": Status.UNCONFIRMED,
    "cancelled": Status.CANCELLED,
    "dry_runs": Status.DRY_RUN,
}


class PromiseBroken(AssertionError):
    """The text says how, and for whom."""


@dataclass(frozen=True)
class Comparison:
    """By address, what does not fit, and what nobody knows."""

    lost: Set[str]  # in the audience, and without a row; without an outcome; or SENT, and the server never took it
    doubled: Set[str]  # the server took it more than once
    untold: Set[str]  # the server took it, and the ledger neither says so nor calls it UNCONFIRMED
    in_doubt: Set[str]  # UNCONFIRMED

    @property
    def faults(self) -> list[str]:
        found = {"lost": self.lost, "doubled": self.doubled, "taken, and the ledger does not know": self.untold}
        return [f"{len(them)} {what}: {', '.join(sorted(them)[:10])}" for what, them in found.items() if them]


def compare(audience: Iterable[str], rows: Mapping[str, Status], taken: Iterable[str]) -> Comparison:
    """The audience's addresses and the ledger's rows, against the addresses in the server's journal."""
    times = Counter(taken)
    sent = {address for address, status in rows.items() if status == Status.SENT}
    in_doubt = {address for address, status in rows.items() if status == Status.UNCONFIRMED}
    unsettled = {address for address, status in rows.items() if status in MailingLog.OPEN}
    return Comparison(
        lost=(set(audience) - rows.keys()) | unsettled | (sent - times.keys()),
        doubled={address for address, number in times.items() if number > 1},
        untold=times.keys() - sent - in_doubt,
        in_doubt=in_doubt,
    )


def reconcile(attempts: Iterable[MailingAttempt], taken: Iterable[str], in_doubt: int) -> Set[str]:
    """Hold ended attempts, no two of which write to the same address, against the journal of all that was taken.

    At most so many rows may be in doubt; returns whose they are. Raises PromiseBroken.
    """
    audience: set[str] = set()
    rows: dict[str, Status] = {}
    faults: list[str] = []
    for attempt in MailingAttempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]):
        audience.update(attempt.mailing.recipients.values_list("email", flat=True))
        its_rows = {email: Status(status) for email, status in attempt.logs.values_list("email", "status")}
        faults += [f"attempt {attempt.pk}: {fault}" for fault in _miscounted(attempt, its_rows)]
        rows |= its_rows
    found = compare(audience, rows, taken)
    if len(found.in_doubt) > in_doubt:
        faults.append(f"{len(found.in_doubt)} in doubt, where {in_doubt} may be")
    if faults := found.faults + faults:
        raise PromiseBroken("; ".join(faults))
    return found.in_doubt


def _miscounted(attempt: MailingAttempt, rows: Mapping[str, Status]) -> list[str]:
    """In sentences: counters that are not those of the rows, and an end that is none."""
    real = Counter(rows.values())
    faults = [
        f"{name} is {getattr(attempt, name)}, and {real[status]} rows are"
        for name, status in COUNTED_AS.items()
        if getattr(attempt, name) != real[status]
    ]
    if sum(getattr(attempt, name) for name in FINAL_COUNTERS) != attempt.total or attempt.total != len(rows):
        faults.append(f"the sums are not the total, {attempt.total}")
    if not attempt.finished_at or attempt.chunks.filter(closed_at=None).exists():
        faults.append("it has not ended")
    return faults
