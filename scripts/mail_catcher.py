"""A mail server that delivers nothing: real SMTP on TCP, and a small page that shows what it caught.

Whatever it accepted stands in the journal, on the disk, before the sender hears of it: after any crash the journal
says what was taken. Both doors are on 127.0.0.1 only.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import threading
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from catcher.mailbox import Mailbox
from catcher.pages import HOST, web_server

MANY = 1_000  # connections that arrive at once


class Receiver:
    """What the SMTP server does with a mail."""

    def __init__(self, mailbox: Mailbox, delay: float) -> None:
        self._mailbox, self._delay = mailbox, delay

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self._delay)
        try:
            self._mailbox.accept(envelope.rcpt_tos, envelope.original_content or b"")
        except OSError as error:
            return f"451 4.3.0 The journal cannot be written: {error.strerror}"
        return "250 2.0.0 Caught"


async def serve(smtp_port: int, receiver: Receiver) -> None:
    """Take mail until SIGTERM or Ctrl-C."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the loop by itself
            loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(
        lambda: SMTP(receiver, hostname="localhost", loop=loop), HOST, smtp_port, backlog=MANY
    )
    with contextlib.closing(server):
        await stopped.wait()


def run(coroutine) -> None:
    try:
        import uvloop
    except ImportError:  # Windows
        asyncio.run(coroutine)
    else:
        uvloop.run(coroutine)


def main() -> None:
    options = _options()
    mailbox = Mailbox(options.journal, options.keep)
    try:
        web = web_server(options.http_port, mailbox)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        print(f"SMTP on {HOST}:{options.smtp_port}, the page on http://{HOST}:{options.http_port}/", flush=True)
        run(serve(options.smtp_port, Receiver(mailbox, options.delay_ms / 1000)))
    except OSError as error:
        sys.exit(f"The mail catcher cannot listen: {error.strerror}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smtp-port", type=int, required=True, metavar="N")
    parser.add_argument("--http-port", type=int, required=True, metavar="N")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="one JSON line for each accepted mail")
    parser.add_argument("--delay-ms", type=float, default=0, metavar="N", help="take this long for each mail")
    parser.add_argument(
        "--keep",
        type=int,
        default=20_000,
        metavar="N",
        help="mails to show (default: %(default)s); counts are exact beyond them",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
