"""The pool of connections, against a real mail server."""

import asyncio
from datetime import UTC, datetime

import pytest

from campaigns.models import MailingAttempt
from campaigns.models.log import Status
from campaigns.sending.letters import Addressee, Composer, Letter
from campaigns.sending.outcomes import Outcome
from campaigns.sending.smtp import Pool
from campaigns.tests.mail_server import MailServer


def letter(address: str) -> Letter:
    attempt = MailingAttempt(pk=1, from_email="office@office.example", subject="News", body="Hello!")
    return Composer(attempt).compose(Addressee(1, address), datetime.now(UTC))


async def send(pool: Pool, address: str) -> Outcome:
    async with pool.connection() as transport:
        return await transport.send(letter(address))


def test_a_connection_is_kept_for_the_next_letter(server: MailServer) -> None:
    async def run() -> None:
        pool = Pool(2)
        for address in ("ann@example.com", "bob@example.com"):
            assert (await send(pool, address)).status == Status.SENT
        await pool.aclose()

    asyncio.run(run())
    assert server.connections == 1


def test_a_connection_left_in_the_middle_of_a_letter_is_not_used_for_another(server: MailServer) -> None:
    async def run() -> None:
        pool = Pool(1)
        server.open.clear()
        abandoned = asyncio.create_task(send(pool, "ann@example.com"))
        await asyncio.to_thread(server.waiting.wait, 10)
        abandoned.cancel()
        with pytest.raises(asyncio.CancelledError):
            await abandoned
        server.open.set()
        server.at_rcpt["bob@example.com"] = ["550 5.1.1 no such user"]
        assert (await send(pool, "bob@example.com")).detail == "550 5.1.1 no such user"
        await pool.aclose()

    asyncio.run(run())
    assert server.connections == 2
