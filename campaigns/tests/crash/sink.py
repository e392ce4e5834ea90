"""A mail server as a process of its own: it has each address on disk before it says 250.

python -m campaigns.tests.crash.sink JOURNAL prints its port and runs until it is ended.
"""

# ruff: noqa: N802 - aiosmtpd finds its handlers by these names

import asyncio
import os
import sys
from typing import BinaryIO

from aiosmtpd.smtp import SMTP, Envelope, Session


class Journal:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        self._file.write(f"{','.join(envelope.rcpt_tos)}\n".encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        # A server takes its time, and a worker that is killed has letters on their way.
        await asyncio.sleep(0.005)
        return "250 OK"


async def serve(path: str) -> None:
    with open(path, "ab") as file:  # noqa: PTH123
        journal = Journal(file)
        server = await asyncio.get_running_loop().create_server(lambda: SMTP(journal), "127.0.0.1", 0)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
