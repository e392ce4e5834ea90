"""The system's own mail takes the same settings as campaigns do."""

import smtplib
import ssl
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, mailers

from campaigns.tests.conftest import UseMailServer
from campaigns.tests.mail_servers.server import PASSWORD, TOKEN, Server


def write() -> None:
    letter = EmailMessage("A new password", "Follow the link.", "office@example.com", ["ann@example.com"])
    with mailers["default"] as mailer:
        mailer.send_messages([letter])


@pytest.mark.parametrize("way", ["starttls", "smtps"])
def test_it_is_sent_by_the_way_that_is_set(server: Server, use_smtp: UseMailServer, way: str) -> None:
    use_smtp(**server.options(way))
    write()
    (letter,) = server.letters()
    assert letter["Subject"] == "A new password"


def test_it_is_sent_by_the_one_login_that_is_offered(by_one_login: tuple[Server, str], use_smtp: UseMailServer) -> None:
    server, way = by_one_login
    use_smtp(**server.options(way))
    write()
    assert len(server.letters()) == 1


@pytest.mark.parametrize("way", ["starttls", "smtps"])
def test_it_is_sent_with_an_access_token(token_server: Server, use_smtp: UseMailServer, way: str) -> None:
    use_smtp(**token_server.options(way, auth="xoauth2", password=TOKEN))
    write()
    assert len(token_server.letters()) == 1
    use_smtp(**token_server.options(way, auth="xoauth2", password="expired"))
    with pytest.raises(smtplib.SMTPAuthenticationError):
        write()


def test_its_password_is_read_from_the_file_again(server: Server, use_smtp: UseMailServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    use_smtp(**server.options(password="", password_file=str(file)))
    file.write_text("expired\n")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        write()
    file.write_text(f"{PASSWORD}\n")
    write()
    assert len(server.letters()) == 1


@pytest.mark.parametrize("way", ["starttls", "smtps"])
def test_a_server_that_is_not_trusted_gets_none(server: Server, use_smtp: UseMailServer, way: str) -> None:
    use_smtp(**server.options(way, ca=""))
    with pytest.raises(ssl.SSLCertVerificationError):
        write()
    assert not server.letters()


def test_it_greets_by_the_name_that_is_set(postfix: Server, use_smtp: UseMailServer) -> None:
    use_smtp(**postfix.options(local_hostname="office.test"))
    write()
    (letter,) = postfix.letters()
    assert "from office.test" in letter["Received"]
