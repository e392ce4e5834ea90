"""All HTTP of the app, one file a noun. Importing it registers the admin pages."""

from campaigns.admin import attempts, logs, mailings, messages, queue, recipients, schedule

__all__ = ["attempts", "logs", "mailings", "messages", "queue", "recipients", "schedule"]
