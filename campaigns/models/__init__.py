"""The nouns: Recipient, Message, Mailing, MailingAttempt, MailingLog (and the chunks that jobs deliver).

Beside them the Tally of what became of letters with the Rollup of ended attempts, and what holds for all sending:
SendingLimit with its buckets, DomainSlowdown, SendingStop, SendingHome. An ImportJob brings recipients in, an
AttemptWatch notices standstills.
"""

from campaigns.models.attempt import MailingAttempt
from campaigns.models.bucket import LimitBucket
from campaigns.models.chunk import Chunk
from campaigns.models.home import SendingHome
from campaigns.models.import_job import ImportJob, ImportPart
from campaigns.models.limit import SendingLimit
from campaigns.models.log import MailingLog
from campaigns.models.mailing import Mailing
from campaigns.models.message import Message
from campaigns.models.recipient import Recipient
from campaigns.models.rollup import DomainRollup, ReplyRollup, Rollup
from campaigns.models.shares import (
    MailingGroupShare,
    MailingUserShare,
    MessageGroupShare,
    MessageUserShare,
    RecipientGroupShare,
    RecipientUserShare,
)
from campaigns.models.slowdown import DomainSlowdown
from campaigns.models.stop import SendingStop
from campaigns.models.tally import Tally
from campaigns.models.watch import AttemptWatch

__all__ = [
    "AttemptWatch",
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
    "Message",
    "MessageGroupShare",
    "MessageUserShare",
    "Recipient",
    "RecipientGroupShare",
    "RecipientUserShare",
    "ReplyRollup",
    "Rollup",
    "SendingHome",
    "SendingLimit",
    "SendingStop",
    "Tally",
]
