"""The limit: smtp-source, Postfix's load generator in C, which composes nothing and remembers nothing."""

import os
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path

import audience
from process import peak_mb
from result import Failed, Run
from scenarios import FAST, Scenario, Sink, program

NAME = "smtp-source"
MORE_CONNECTIONS = (32, 64)


def connection_counts(scenario: Scenario) -> tuple[int, ...]:
    """Where nothing is delayed, the best count is looked for; else as many as the product opens."""
    return (*MORE_CONNECTIONS, scenario.connections) if scenario is FAST else (scenario.connections,)


def run(to: Sink, connections: int, messages: int, directory: Path) -> Run:
    """Send one letter so many times."""
    envelope = ["-f", audience.SENDER, "-t", audience.person(0).email, "-F", str(_letter_file(directory))]
    command = [_program(), "-d", "-s", str(connections), "-m", str(messages), *envelope, f"127.0.0.1:{to.port}"]
    began = time.perf_counter()
    process, peak = subprocess.Popen(command, stdin=subprocess.DEVNULL), 0.0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        peak = max(peak, peak_mb(process.pid))
        time.sleep(0.01)
    _pid, status, usage = ended
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{NAME} ended with exit status {process.returncode}.")
    return Run(messages, seconds, usage.ru_utime + usage.ru_stime, peak)


def _program() -> str:
    if found := program(NAME):
        return found
    raise Failed(f"{NAME} is not installed (on Debian: apt install postfix), so there is no limit to compare with.")


def _letter_file(directory: Path) -> Path:
    file = directory / "letter"
    if not file.exists():
        to = audience.letter(0)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = audience.SENDER, to.to, to.subject
        message.set_content(to.text, cte="quoted-printable")
        message.add_alternative(to.html, subtype="html", cte="quoted-printable")
        file.write_bytes(bytes(message))
    return file
