import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
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
        server = _listening(options["host"], options["port"], options["threads"])
        # What waitress takes for the request to end is an exception, as Ctrl-C raises one.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            self.stdout.write(_("Serving on http://%(host)s:%(port)s/") % options)
            server.run()
        except (KeyboardInterrupt, SystemExit):
            server.close()


def _listening(host: str, port: int, threads: int) -> Any:
    """Waitress at that address. Raises CommandError."""
    if not 0 <= port <= 65535:
        # Some systems take the last 16 bits of the number, others refuse it.
        raise CommandError(_("%s is not a port: give a number from 0 to 65535.") % port)
    try:
        return create_server(application, ident=None, host=host, port=port, threads=threads, **_proxy())
    except OSError as error:
        told = _("Port %(port)s can not be used: %(reason)s.") % {"port": port, "reason": error.strerror}
        raise CommandError(told) from error
    except ValueError as error:
        raise CommandError(_("“%s” is not an address of this machine.") % host) from error


def _proxy() -> dict[str, Any]:
    """Waitress removes what a proxy says unless told to believe it: without this, TRUST_PROXY would have no effect."""
    header: Any = settings.SECURE_PROXY_SSL_HEADER
    if not header:
        return {}
    return {"trusted_proxy": "*", "trusted_proxy_headers": {"x-forwarded-proto"}}
