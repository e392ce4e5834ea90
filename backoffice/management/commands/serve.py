import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from waitress import create_server

from backoffice.wsgi import application


class Command(BaseCommand):
    help = (
        "Serve the back office with waitress, a production server that runs on Windows too, until SIGTERM or Ctrl-C. "
        "Requests under way then have five seconds to be answered."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="the port to listen on (8000)")
        parser.add_argument("--threads", type=int, default=8, help="requests answered at the same time (8)")

    def handle(self, *args: Any, **options: Any) -> None:
        listening = {name: options[name] for name in ("host", "port", "threads")}
        try:
            server = create_server(application, ident=None, **listening, **_proxy())
        except OSError as error:
            raise CommandError(f"Port {options['port']} can not be used: {error.strerror}.") from error
        # What waitress takes for the request to end is an exception, as Ctrl-C raises one.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        self.stdout.write(f"Serving on http://{options['host']}:{options['port']}/")
        try:
            server.run()
        except (KeyboardInterrupt, SystemExit):
            server.close()


def _proxy() -> dict[str, Any]:
    """Waitress removes what a proxy says unless told to believe it: without this, TRUST_PROXY would have no effect."""
    header: Any = settings.SECURE_PROXY_SSL_HEADER
    if not header:
        return {}
    return {"trusted_proxy": "*", "trusted_proxy_headers": {"x-forwarded-proto"}}
