"""All HTTP of the app, one file a noun. Importing it registers the admin pages."""

from campaigns.admin import (
    attempts,
    bulk_jobs,
    import_jobs,
    limits,
    logs,
    mailings,
    messages,
    queue,
    recipient_lists,
    recipients,
    schedule,
    slowdowns,
    stops,
    suppressions,
)

__all__ = [
    "attempts",
    "bulk_jobs",
    "import_jobs",
    "limits",
    "logs",
    "mailings",
    "messages",
    "queue",
    "recipient_lists",
    "recipients",
    "schedule",
    "slowdowns",
    "stops",
    "suppressions",
]
