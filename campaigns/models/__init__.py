"""The nouns: Recipient, Message, Mailing, MailingAttempt, MailingLog (and the chunks that jobs deliver).

Beside them the Tally of what became of letters, and what holds for all sending: SendingLimit with its buckets,
DomainSlowdown, SendingStop. An ImportJob brings recipients in.
"""

from campaigns.models.attempt import MailingAttempt
from campaigns.models.bucket import LimitBucket
from campaigns.models.chunk import Chunk
from campaigns.models.import_job import ImportJob, ImportPart
from campaigns.models.limit import SendingLimit
from campaigns.models.log import MailingLog
from campaigns.models.mailing import Mailing
from campaigns.models.message import Message
from campaigns.models.recipient import Recipient
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

__all__ = [
    "Chunk",
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
    "SendingLimit",
    "SendingStop",
    "Tally",
]
