"""What can be done with recipients at once, each for a queryset of them, in a few statements."""

from collections.abc import Callable
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import access
from campaigns.bulk.errors import BulkRefused
from campaigns.models import BulkJob, Mailing, Recipient, RecipientList
from campaigns.models.bulk_job import Deed

type Recipients = QuerySet[Recipient]


class Outcome(NamedTuple):
    """Whom it changed, and who is refused: the person may not do it with them."""

    changed: int
    refused: int


def do(job: BulkJob, some: Recipients) -> Outcome:
    """Do it with those of them with whom the owner of the job may. Raises BulkRefused."""
    allowed = _allowed(job, some)
    refused = some.count() - allowed.count()
    return Outcome(_DEEDS[Deed(job.deed)](job, allowed), refused)


def check(job: BulkJob) -> None:
    """Raises BulkRefused when the owner of the job may not change its list or mailing, or not any more."""
    if job.deed in (Deed.ADD_TO_LIST, Deed.REMOVE_FROM_LIST):
        _list(job)
    elif job.deed != Deed.DELETE:
        _mailing(job)


def _allowed(job: BulkJob, some: Recipients) -> Recipients:
    if job.deed == Deed.DELETE:
        return access.deletable(job.owner, some)
    if job.deed in (Deed.ADD_TO_LIST, Deed.ADD_TO_MAILING):
        return access.usable_among(job.owner, some)
    return access.visible_among(job.owner, some)


def _delete(_job: BulkJob, some: Recipients) -> int:
    """With what hangs on them; rows of the ledger stay, and keep the address."""
    # Held, so that nobody puts them into a list or audience while that is emptied of them.
    keys = list(some.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    _all, by_model = Recipient.objects.filter(pk__in=keys).only("pk").delete()
    return by_model.get(Recipient._meta.label, 0)


_DEEDS: dict[Deed, Callable[[BulkJob, Recipients], int]] = {
    Deed.ADD_TO_LIST: lambda job, some: _list(job).add_members(some),
    Deed.REMOVE_FROM_LIST: lambda job, some: _list(job).remove_members(some),
    Deed.ADD_TO_MAILING: lambda job, some: _mailing(job).add_to_audience(some),
    Deed.REMOVE_FROM_MAILING: lambda job, some: _mailing(job).remove_from_audience(some),
    Deed.DELETE: _delete,
}


def _list(job: BulkJob) -> RecipientList:
    found = job.recipient_list
    if found is None or not _may_change(job.owner, found):
        raise BulkRefused(_("The list “%s” is gone, or you may not change it any more.") % job.target_name)
    return found


def _mailing(job: BulkJob) -> Mailing:
    found = job.mailing
    if found is None or not _may_change(job.owner, found):
        raise BulkRefused(_("The mailing “%s” is gone, or you may not change it any more.") % job.target_name)
    return found


def _may_change(user: User, target: RecipientList | Mailing) -> bool:
    return user.is_active and access.can(user, "change", target)
