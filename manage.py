#!/usr/bin/env python3
"""Django's command line for Message AutoSend."""

import os
import signal
import sys


def main() -> None:
    # As Ctrl-C, until a command has a better idea. Left alone it would be ignored where this is the first process of a
    # container.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run_command()
    except KeyboardInterrupt:
        sys.exit(130)


def _run_command() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed here: run `python3 scripts/quickstart.py`, then `.venv/bin/python manage.py`."
        )
    try:
        from django.conf import settings

        settings.INSTALLED_APPS  # noqa: B018 - reads the settings now, so that a wrong one is one sentence
    except ImproperlyConfigured as error:
        sys.exit(f"Settings: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
