"""All HTTP of the app, a room a subject. Importing it registers the admin pages."""

from campaigns.admin.bulk import jobs as bulk_jobs
from campaigns.admin.imports import jobs as import_jobs
from campaigns.admin.letters import messages
from campaigns.admin.mailings import mailing
from campaigns.admin.operations import limits, queue, schedule, slowdowns, stops
from campaigns.admin.recipients import recipient, recipient_lists, suppressions
from campaigns.admin.runs import attempts, logs

__all__ = [
    "attempts",
    "bulk_jobs",
    "import_jobs",
    "limits",
    "logs",
    "mailing",
    "messages",
    "queue",
    "recipient",
    "recipient_lists",
    "schedule",
    "slowdowns",
    "stops",
    "suppressions",
]
