"""The opening of a connection, by servers that were not written for these tests."""

import asyncio
from typing import Any

import pytest
import uvloop

from campaigns.sending.outcomes import TransportDown
from campaigns.sending.smtp.handshake import Session, shake_hands
from campaigns.tests.mail_servers.server import SIZE, TOKEN, Server

WAYS = ("starttls", "smtps")


def shaken(options: dict[str, Any]) -> Session:
    """The session, closed again."""

    async def shake() -> Session:
        try:
            session = await shake_hands(options)
            session.transport.abort()
            return session
        finally:
            await asyncio.sleep(0.05)  # Until the loop has closed what was aborted: a loop that ends warns of the rest.

    return uvloop.run(shake())


def refused(options: dict[str, Any]) -> str:
    """The reason why there is no session."""
    with pytest.raises(TransportDown) as raised:
        shaken(options)
    return str(raised.value)


@pytest.mark.parametrize("way", WAYS)
def test_the_server_is_checked_the_login_taken_and_the_offer_read(server: Server, way: str) -> None:
    session = shaken(server.options(way))
    assert session.transport.get_extra_info("peercert")
    assert (session.size, session.smtputf8, session.pipelining) == (SIZE, True, server.pipelining)


def test_the_one_login_that_the_server_offers_is_used(by_one_login: tuple[Server, str]) -> None:
    server, way = by_one_login
    shaken(server.options(way))
    assert "refused the login: 535" in refused(server.options(way, password="wrong"))


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_password_is_told_in_the_servers_words(server: Server, way: str) -> None:
    assert "refused the login: 535" in refused(server.options(way, password="wrong"))


@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_of_an_unknown_authority_is_not_trusted(server: Server, way: str) -> None:
    reason = refused(server.options(way, ca=""))
    assert "is not trusted: " in reason
    assert reason.endswith("If it is signed by an authority of your own, set SMTP_CA_FILE.")


@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_for_another_name_is_not_trusted(server: Server, way: str) -> None:
    assert "certificate is not valid for 'localhost'" in refused(server.options(way, host="localhost"))


def test_without_tls_no_login_is_offered_and_none_tried(server: Server) -> None:
    assert "offers no login without TLS: set SMTP_USE_TLS" in refused(server.options(use_tls=False))


def test_tls_from_the_first_byte_where_there_is_none_is_explained(server: Server) -> None:
    reason = refused(server.options(use_tls=False, use_ssl=True))
    assert "does not begin with TLS. If it offers STARTTLS, set SMTP_USE_TLS" in reason


@pytest.mark.parametrize("way", WAYS)
def test_an_access_token_is_taken_for_a_password(token_server: Server, way: str) -> None:
    shaken(token_server.options(way, auth="xoauth2", password=TOKEN))
    reason = refused(token_server.options(way, auth="xoauth2", password="expired"))
    assert "refused the login: 535" in reason


def test_a_server_that_takes_no_tokens_says_what_it_takes(postfix: Server) -> None:
    reason = refused(postfix.options(auth="xoauth2"))
    assert "offers no login by XOAUTH2, but " in reason
    assert "PLAIN" in reason
