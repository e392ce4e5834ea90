"""A mail server that goes wrong at a step of its choice, which a library's server can not be made to do."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import cast

# So many bytes, so far apart: ten seconds in all.
DRIPS, DRIP_SECONDS = 50, 0.2


class Step(StrEnum):
    CONNECT = "connect"  # before a word
    BANNER = "banner"  # in the middle of it
    EHLO = "ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # a line of it was read
    DOT = "dot"  # all of it was read and taken
    QUIT = "quit"


class Fault(StrEnum):
    HANG_UP = "hang up"
    DRIP = "drip"  # a byte of the reply now and then


class HungUp(Exception):
    """The server has closed the connection."""


class FaultyServer:
    """`faults` holds, by step, what goes wrong the next times; `refuses` may tell a reply to RCPT, by the address."""

    def __init__(self, *, pipelining: bool) -> None:
        self.port = 0
        self.pipelining = pipelining
        self.faults: dict[Step, list[Fault]] = defaultdict(list)
        self.refuses: Callable[[str], str] = lambda address: ""
        self.taken: list[str] = []
        # Whether a client has waited until a reply that dripped was complete.
        self.was_waited_for = False
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(RuntimeError):
            runner.run(self._serve())  # which ends when the loop is stopped

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(HungUp, OSError):
            await _Conversation(self, reader, writer).run()
        writer.close()


class _Conversation:
    """One client's."""

    def __init__(self, server: FaultyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._address = ""

    async def run(self) -> None:
        await self._reach(Step.CONNECT)
        await self._say(Step.BANNER, "220 faulty.example")
        while line := (await self._reader.readline()).decode().strip():
            await self._answer(Step(line[:4].lower()), line)

    async def _answer(self, step: Step, line: str) -> None:
        if step == Step.EHLO:
            await self._say(step, "250-faulty.example\r\n250 PIPELINING" if self._server.pipelining else "250 faulty")
        elif step == Step.RCPT:
            await self._recipient(line.partition("<")[2].partition(">")[0])
        elif step == Step.DATA:
            await self._say(step, "354 go on")
            await self._body()
        elif step == Step.QUIT:
            await self._say(step, "221 bye")
            raise HungUp
        else:
            await self._say(step, "250 OK")

    async def _recipient(self, address: str) -> None:
        self._address = address
        refusal = self._server.refuses(address)
        await self._say(Step.RCPT, refusal or "250 OK")
        if refusal.startswith("421"):
            raise HungUp  # RFC 5321, 3.8

    async def _body(self) -> None:
        await self._reader.readline()
        await self._reach(Step.BODY)
        while await self._reader.readline() != b".\r\n":
            if self._reader.at_eof():
                raise HungUp
        self._server.taken.append(self._address)
        await self._say(Step.DOT, "250 OK")

    async def _say(self, step: Step, reply: str) -> None:
        if await self._reach(step) == Fault.DRIP:
            await self._drip(f"{reply[:3]}-{'.' * DRIPS}\r\n")
        self._writer.write(f"{reply}\r\n".encode())

    async def _reach(self, step: Step) -> Fault | None:
        faults = self._server.faults[step]
        fault = faults.pop(0) if faults else None
        if fault == Fault.HANG_UP:
            cast(asyncio.Transport, self._writer.transport).abort()
            raise HungUp
        return fault

    async def _drip(self, reply: str) -> None:
        for byte in reply.encode():
            self._writer.write(bytes([byte]))
            await self._writer.drain()
            await asyncio.sleep(DRIP_SECONDS)
        self._server.was_waited_for = True


@contextmanager
def running(*, pipelining: bool) -> Iterator[FaultyServer]:
    server = FaultyServer(pipelining=pipelining)
    server.start()
    try:
        yield server
    finally:
        server.stop()
