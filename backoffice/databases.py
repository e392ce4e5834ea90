"""DATABASES: the one PostgreSQL. Where it is, is read from the environment."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from backoffice import env


def from_environment() -> dict[str, Any]:
    """The DATABASES setting. Raises ImproperlyConfigured with a sentence that names the variable."""
    if not env.text("DB_HOST", ""):
        raise ImproperlyConfigured(
            "DB_HOST is not set and no local servers are running: "
            "set it in .env, or start `python3 scripts/quickstart.py` in another terminal."
        )
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": env.text("DB_HOST"),
            "PORT": env.number("DB_PORT", 5432, low=1, high=65535),
            "NAME": env.text("DB_NAME", "autosend"),
            "USER": env.text("DB_USER", "autosend"),
            "PASSWORD": env.text("DB_PASSWORD", ""),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                "application_name": "autosend",
                "connect_timeout": 10,
                # A server that is gone without a word is found out in 30 s; by itself Linux takes a quarter of an hour.
                "keepalives_idle": 15,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 30_000,
            },
        }
    }
