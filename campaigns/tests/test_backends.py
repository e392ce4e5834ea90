"""Connections of another backend than SMTP."""

import asyncio
from types import SimpleNamespace
from typing import Any

from pytest_django import Settings

from campaigns.sending.backends import BackendConnection
from campaigns.sending.letters.composer import Letter
from campaigns.sending.line import Line, Parcel


def test_one_that_is_retired_while_it_waits_gives_the_next_letter_back(settings: Settings) -> None:
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    line = Line()
    attempt: Any = SimpleNamespace(stopped=False)
    letter = Parcel(Letter("news@example.com", "ann@example.com", b""), 1, 0, attempt)
    asyncio.run(retired_while_it_waits(line, letter))
    assert line.take_now() is letter


async def retired_while_it_waits(line: Line, letter: Parcel) -> None:
    retired = BackendConnection("default")
    await retired.open()
    serving = asyncio.create_task(retired.serve(line))
    await asyncio.sleep(0.05)
    retired.retire()
    line.give_back(letter)
    await serving
