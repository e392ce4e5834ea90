"""All HTTP of the app, one file a noun. Importing it registers the admin pages."""

from campaigns.admin import (
    attempts,
    import_jobs,
    limits,
    logs,
    mailings,
    messages,
    queue,
    recipients,
    schedule,
    slowdowns,
    stops,
)

__all__ = [
    "attempts",
    "import_jobs",
    "limits",
    "logs",
    "mailings",
    "messages",
    "queue",
    "recipients",
    "schedule",
    "slowdowns",
    "stops",
]
