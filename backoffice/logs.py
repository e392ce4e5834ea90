"""LOGGING: every line says which request or job, and who."""

from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FORMAT = "{asctime} {levelname:<7} {name} request_id={request_id} user={user_email} {message}"


def to_console(level: str) -> dict[str, Any]:
    """A LOGGING setting that writes records of at least `level` to stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"correlation": {"()": "backoffice.correlation.CorrelationFilter"}},
        "formatters": {"line": {"format": FORMAT, "style": "{"}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "filters": ["correlation"], "formatter": "line"},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # One line for each job is the engine's own to write.
            "procrastinate": {"level": "WARNING"},
            "apscheduler": {"level": "WARNING"},
            # A request that waits for a free thread is not worth a warning.
            "waitress.queue": {"level": "ERROR"},
        },
    }
