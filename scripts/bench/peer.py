"""Send so many letters the way of one peer; says as JSON how long it took and what it cost.

    peer.py prepare                                        makes the peers' database
    peer.py NAME PORT MESSAGES [PROCESSES THREADS]

A small Django project of its own, with what makes each peer fast. Started by peers.py.
"""

import json
import os
import resource
import smtplib
import sys
import tempfile
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import audience
import django
import process
import psycopg
from django.conf import settings

HOST = "127.0.0.1"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def configure(port: int, messages: int, threads: int, *, with_mailers: bool = True) -> None:
    database = {name: os.environ[f"DB_{name}"] for name in ("HOST", "PORT", "NAME", "USER")}
    mailers = {"default": {"BACKEND": SMTP, "OPTIONS": {"host": HOST, "port": port}}}
    # django-mailer 2.3 runs on Django 6.1 only by the settings that MAILERS replaces.
    mail = {"MAILERS": mailers} if with_mailers else {"EMAIL_HOST": HOST, "EMAIL_PORT": port}
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **database}},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "post_office", "mailer"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        LOGGING_CONFIG=None,
        POST_OFFICE={
            "BATCH_SIZE": messages,
            "THREADS_PER_PROCESS": threads,
            "BATCH_DELIVERY_TIMEOUT": 600,
            "LOG_LEVEL": 0,
        },
        MAILER_USE_FILE_LOCK=False,
        MAILER_EMAIL_LOG_MESSAGE_DATA=False,
        **mail,
    )
    django.setup()


def prepare() -> None:
    """The peers' own database, with their tables."""
    place = {name: os.environ[f"DB_{name.upper()}"] for name in ("host", "port", "user")}
    with psycopg.connect(**place, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {os.environ['DB_NAME']}")
    configure(0, 0, 1)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


class PostOffice:
    """django-post-office: queued by one bulk insert, sent by its own pool of processes and threads."""

    def __init__(self, _port: int, processes: int) -> None:
        self._processes = processes

    def queue(self, letters: list[audience.Letter]) -> None:
        from post_office import mail

        mail.send_many(
            [
                {
                    "recipients": [one.to],
                    "sender": audience.SENDER,
                    "subject": one.subject,
                    "message": one.text,
                    "html_message": one.html,
                }
                for one in letters
            ]
        )

    def send(self, letters: list[audience.Letter]) -> None:
        from django.core.management import call_command
        from post_office.models import STATUS, Email

        with tempfile.TemporaryDirectory() as directory:
            lock = str(Path(directory) / "lock")
            call_command("send_queued_mail", processes=self._processes, log_level=0, lockfile=lock)
        expect(len(letters), Email.objects.filter(status=STATUS.sent).count())
        Email.objects.all().delete()


class Mailer:
    """django-mailer: queued by its backend's bulk insert, sent by its engine."""

    def __init__(self, _port: int, _processes: int) -> None:
        pass

    def queue(self, letters: list[audience.Letter]) -> None:
        from mailer.backend import DbBackend

        DbBackend().send_messages([django_message(one) for one in letters])

    def send(self, letters: list[audience.Letter]) -> None:
        from mailer.engine import send_all
        from mailer.models import RESULT_SUCCESS, MessageLog

        send_all()
        expect(len(letters), MessageLog.objects.filter(result=RESULT_SUCCESS).count())
        MessageLog.objects.all().delete()


class Django:
    """What plain Django code does in a loop, with the one kindness of keeping its connection."""

    def __init__(self, _port: int, _processes: int) -> None:
        pass

    def queue(self, letters: list[audience.Letter]) -> None:
        """There is no queue."""

    def send(self, letters: list[audience.Letter]) -> None:
        from django.core.mail import mailers

        with mailers["default"] as connection:
            for one in letters:
                connection.send_messages([django_message(one)])


class Smtplib:
    """The standard library alone, on one connection."""

    def __init__(self, port: int, _processes: int) -> None:
        self._port = port

    def queue(self, letters: list[audience.Letter]) -> None:
        """There is no queue."""

    def send(self, letters: list[audience.Letter]) -> None:
        with smtplib.SMTP(HOST, self._port) as server:
            for one in letters:
                message = EmailMessage()
                message["From"], message["To"], message["Subject"] = audience.SENDER, one.to, one.subject
                message.set_content(one.text)
                message.add_alternative(one.html, subtype="html")
                server.send_message(message)


def django_message(one: audience.Letter) -> Any:
    from django.core.mail import EmailMultiAlternatives

    message = EmailMultiAlternatives(one.subject, one.text, audience.SENDER, [one.to])
    message.attach_alternative(one.html, "text/html")
    return message


def expect(wanted: int, found: int) -> None:
    if wanted != found:
        sys.exit(f"{found} of {wanted} messages were sent.")


PEERS: dict[str, Callable[[int, int], Any]] = {
    "django-post-office": PostOffice,
    "django-mailer": Mailer,
    "django": Django,
    "smtplib": Smtplib,
}


def run(name: str, port: int, messages: int, processes: int, threads: int) -> dict[str, float]:
    configure(port, messages, threads, with_mailers=name != "django-mailer")
    peer = PEERS[name](port, processes)
    letters = [audience.letter(number) for number in range(messages)]
    cpu, began = cpu_seconds(), time.perf_counter()
    peer.queue(letters)
    queued = time.perf_counter()
    peer.send(letters)
    return {
        "queued_in": queued - began,
        "sent_in": time.perf_counter() - queued,
        "cpu": cpu_seconds() - cpu,
        "peak_mb": largest_peak_mb(),
    }


def cpu_seconds() -> float:
    both = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def largest_peak_mb() -> float:
    """Of the largest of its processes."""
    forked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return max(process.peak_mb(os.getpid()), forked)


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
        print("{}")
    else:
        name, *numbers = sys.argv[1:]
        print(json.dumps(run(name, *map(int, numbers))))
