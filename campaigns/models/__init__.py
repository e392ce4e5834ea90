"""The nouns: Recipient, Message, Mailing, MailingAttempt, MailingLog (and the chunks that jobs deliver).

A RecipientList names recipients by its Memberships, a Suppression an address that gets no mail. Beside them the Tally
of what became of letters with the Rollup of ended attempts, and what holds for all sending: SendingLimit with its
buckets, DomainSlowdown, SendingStop, SendingHome. An ImportJob brings recipients in, a BulkJob changes
many at once, an AttemptWatch notices standstills.
"""

from campaigns.models.attempt import MailingAttempt
from campaigns.models.bucket import LimitBucket
from campaigns.models.bulk_job import BulkJob
from campaigns.models.chunk import Chunk
from campaigns.models.home import SendingHome
from campaigns.models.import_job import ImportJob, ImportPart
from campaigns.models.limit import SendingLimit
from campaigns.models.log import MailingLog
from campaigns.models.mailing import Mailing
from campaigns.models.membership import Membership
from campaigns.models.message import Message
from campaigns.models.recipient import Recipient
from campaigns.models.recipient_list import RecipientList
from campaigns.models.rollup import DomainRollup, ReplyRollup, Rollup
from campaigns.models.shares import (
    MailingGroupShare,
    MailingUserShare,
    MessageGroupShare,
    MessageUserShare,
    RecipientGroupShare,
    RecipientListGroupShare,
    RecipientListUserShare,
    RecipientUserShare,
)
from campaigns.models.slowdown import DomainSlowdown
from campaigns.models.stop import SendingStop
from campaigns.models.suppression import Suppression
from campaigns.models.tally import Tally
from campaigns.models.watch import AttemptWatch

__all__ = [
    "AttemptWatch",
    "BulkJob",
    "Chunk",
    "DomainRollup",
    "DomainSlowdown",
    "ImportJob",
    "ImportPart",
    "LimitBucket",
    "Mailing",
    "MailingAttempt",
    "MailingGroupShare",
    "MailingLog",
    "MailingUserShare",
    "Membership",
    "Message",
    "MessageGroupShare",
    "MessageUserShare",
    "Recipient",
    "RecipientGroupShare",
    "RecipientList",
    "RecipientListGroupShare",
    "RecipientListUserShare",
    "RecipientUserShare",
    "ReplyRollup",
    "Rollup",
    "SendingHome",
    "SendingLimit",
    "SendingStop",
    "Suppression",
    "Tally",
]
