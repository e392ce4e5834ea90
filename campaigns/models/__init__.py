"""The nouns: Recipient, Message, Mailing, MailingAttempt, MailingLog (and the chunks that jobs deliver)."""

from campaigns.models.attempt import MailingAttempt
from campaigns.models.chunk import Chunk
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

__all__ = [
    "Chunk",
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
]
