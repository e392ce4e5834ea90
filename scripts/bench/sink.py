"""A mail server that takes everything, as slowly as it is told, and can write down whose mail it took.

    python scripts/bench/sink.py --port 2525 [--rtt-ms 20] [--dot-ms 50] [--journal FILE]

Every reply leaves `--rtt-ms` after the input that caused it, as over a link with such a round trip; a message
takes `--dot-ms` of the server's time, one after the other on each connection. It speaks PIPELINING.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

EHLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
OK = b"250 2.0.0 Ok\r\n"
REPLIES = {b"EHLO": EHLO, b"DATA": b"354 End with a dot\r\n", b"QUIT": b"221 2.0.0 Bye\r\n"}
END_OF_DATA = b"\r\n.\r\n"
FLUSH_SECONDS = 0.2


class Journal:
    """One line a message, in the order of acceptance: when the server answered for it, and its recipient."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def accept(self, recipient: str) -> None:
        if self._file:
            self._file.write(f"{time.time():.6f} {recipient}\n")

    async def flush_forever(self) -> None:
        while self._file:
            await asyncio.sleep(FLUSH_SECONDS)
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()


class Session(asyncio.Protocol):
    """One client."""

    def __init__(self, journal: Journal, rtt: float, dot: float) -> None:
        self._journal, self._rtt, self._dot = journal, rtt, dot
        self._loop = asyncio.get_running_loop()
        self._input = b""
        self._in_data = False
        self._recipient = ""
        # When the server is done with all it has read, and the replies that are on their way back.
        self._done_at = 0.0
        self._on_the_way: deque[tuple[float, bytes, str]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._reply(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._input += data
        while self._message() if self._in_data else self._command():
            pass

    def connection_lost(self, error: Exception | None) -> None:
        self._on_the_way.clear()

    def _command(self) -> bool:
        line, end, rest = self._input.partition(b"\r\n")
        if not end:
            return False
        self._input = rest
        verb = line[:4].upper()
        if verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode("utf-8", "replace")
        self._in_data = verb == b"DATA"
        self._reply(REPLIES.get(verb, OK))
        if verb == b"QUIT":
            self._loop.call_later(self._rtt, self._transport.close)
        return True

    def _message(self) -> bool:
        if self._input.startswith(END_OF_DATA[2:]):
            self._input = self._input[len(END_OF_DATA) - 2 :]
        else:
            end = self._input.find(END_OF_DATA)
            if end < 0:
                return False
            self._input = self._input[end + len(END_OF_DATA) :]
        self._in_data = False
        self._reply(OK, taking=self._dot, accepts=self._recipient)
        return True

    def _reply(self, reply: bytes, taking: float = 0, accepts: str = "") -> None:
        self._done_at = max(self._done_at, self._loop.time()) + taking
        if self._on_the_way or self._rtt or taking:
            self._on_the_way.append((self._done_at + self._rtt, reply, accepts))
            if len(self._on_the_way) == 1:
                self._deliver_later()
        else:
            self._deliver(reply, accepts)

    def _deliver_later(self) -> None:
        self._loop.call_at(self._on_the_way[0][0], self._deliver_due)

    def _deliver_due(self) -> None:
        now = self._loop.time() + 0.0005  # the loop's clock ticks in milliseconds
        due = []
        while self._on_the_way and self._on_the_way[0][0] <= now:
            _at, reply, accepts = self._on_the_way.popleft()
            due.append(reply)
            if accepts:
                self._journal.accept(accepts)
        self._transport.write(b"".join(due))
        if self._on_the_way:
            self._deliver_later()

    def _deliver(self, reply: bytes, accepts: str) -> None:
        if accepts:
            self._journal.accept(accepts)
        self._transport.write(reply)


async def serve(port: int, rtt: float, dot: float, journal: Journal) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Session(journal, rtt, dot), "127.0.0.1", port, backlog=1024)
    flushing = asyncio.create_task(journal.flush_forever())
    await stop.wait()
    flushing.cancel()
    server.close()


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rtt-ms", type=float, default=0, help="every reply is late by so much")
    parser.add_argument("--dot-ms", type=float, default=0, help="a message takes the server so long")
    parser.add_argument("--journal", type=Path, help="append a line for each message that is accepted")
    options = parser.parse_args()
    journal = Journal(options.journal.open("a", encoding="utf-8") if options.journal else None)
    with asyncio.Runner(loop_factory=_event_loop) as runner, suppress(KeyboardInterrupt):
        runner.run(serve(options.port, options.rtt_ms / 1000, options.dot_ms / 1000, journal))
    journal.close()


if __name__ == "__main__":
    main()
