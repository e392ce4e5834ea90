"""LOGGING: what goes to the console. Every line says which request or job, and who."""

import logging
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FORMATS = ("line", "json")
FORMAT = (
    "{asctime} {levelname:<7} {name}[{process}] request_id={request_id} user={user_email} {work}{message}"  # for people
)
# For what ships logs elsewhere. `request` would bring what people search for.
_JSON = {
    "()": "pythonjsonlogger.json.JsonFormatter",
    "fmt": [
        *("asctime", "levelname", "name", "process", "request_id", "user_email", "job", "attempt", "mailing"),
        "message",
    ],
    "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "process": "pid"},
    "reserved_attrs": [*vars(logging.makeLogRecord({})), "request", "work"],
    "json_ensure_ascii": False,
}
_FORMATTERS = {"line": {"format": FORMAT, "style": "{"}, "json": _JSON}


def to_console(level: str, form: str) -> dict[str, Any]:
    """A LOGGING setting that writes records of at least `level` to stderr, as lines or as JSON.

    Files are added by those processes that have some: log_files.write().
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"correlation": {"()": "backoffice.correlation.CorrelationFilter"}},
        "formatters": {"chosen": _FORMATTERS[form]},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "level": level,
                "filters": ["correlation"],
                "formatter": "chosen",
            },
        },
        # Files get INFO also where the console is told less.
        "root": {"handlers": ["console"], "level": min(level, "INFO", key=LEVELS.index)},
        "loggers": {
            "django": {"handlers": [], "level": "NOTSET", "propagate": True},
            # runserver's lines have query strings, in which people search for addresses: for the screen alone.
            "django.server": {"handlers": ["console"], "level": "NOTSET", "propagate": False},
            # Its statements come with their parameters, which are people's addresses; ours are in backoffice.sql_log.
            "django.db.backends": {"level": "INFO"},
            # One line for each job is the engine's own to write.
            "procrastinate": {"level": "WARNING"},
            "apscheduler": {"level": "WARNING"},
            # What a job of the scheduler raises is logged where it is known which job it was.
            "apscheduler.executors": {"level": "CRITICAL"},
            # A request that waits for a free thread is not worth a warning.
            "waitress.queue": {"level": "ERROR"},
        },
    }
