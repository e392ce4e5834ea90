"""A mail server as a process of its own: it has each address on disk before it says 250.

python -m campaigns.tests.crash.sink JOURNAL ADDRESS PORT SECONDS GREYLISTING runs until it is ended. A letter takes it
so many seconds, and a recipient is put off until known for so many (0: it takes all at once).
"""

# ruff: noqa: N802 - aiosmtpd finds its handlers by these names

import asyncio
import os
import sys
import time

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    def __init__(self, journal: str, seconds: float, greylisting: float) -> None:
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._seconds, self._greylisting = seconds, greylisting
        self._known: dict[str, float] = {}

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        now = time.monotonic()
        if now - self._known.setdefault(address, now) < self._greylisting:
            return "450 4.2.0 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        os.write(self._journal, f"{','.join(envelope.rcpt_tos)}\n".encode())
        os.fsync(self._journal)
        # A server takes its time, and a worker that is killed has letters on their way.
        await asyncio.sleep(self._seconds)
        return "250 OK"


async def serve(sink: Sink, address: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink), address, port)
    await server.serve_forever()


if __name__ == "__main__":
    journal, address, port, seconds, greylisting = sys.argv[1:]
    asyncio.run(serve(Sink(journal, float(seconds), float(greylisting)), address, int(port)))
