"""Any other Django mail backend, called in a thread."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, mailers

from campaigns.models.log import Status
from campaigns.sending.letters.composer import Letter
from campaigns.sending.line import Line
from campaigns.sending.outcomes import Outcome, TransportDown, readable


class BackendConnection:
    """One instance of the backend, which sends what is in the line.

    Whether a backend that raised had already handed the letter over is not known, so the row is UNCONFIRMED.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._backend: Any = None
        self._retired = asyncio.Event()

    async def open(self) -> None:
        """Raises TransportDown."""
        try:
            self._backend = mailers[self._alias]
            await asyncio.to_thread(self._backend.open)
        except Exception as error:
            raise TransportDown(f"The mail backend can not be opened: {readable(str(error))}") from error

    async def serve(self, line: Line) -> None:
        """Send until there is nothing to send for a while."""
        while not self._retired.is_set() and (parcel := await line.take(settings.SENDING_IDLE_SECONDS)):
            if self._retired.is_set():  # while it waited
                line.give_back(parcel)
                return
            marked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            parcel.mark(marked.set_result)
            if parcel.granted(await marked):
                parcel.settle(await self._send(parcel.letter))
            else:
                parcel.drop()

    async def close(self) -> None:
        """Let go of the backend."""
        await asyncio.to_thread(self._backend.close)

    def retire(self) -> None:
        """Begin no other letter."""
        self._retired.set()

    def expire(self) -> None:
        """A backend keeps its own timeouts."""

    async def _send(self, letter: Letter) -> Outcome:
        try:
            count = await asyncio.to_thread(self._backend.send_messages, [_Prepared(letter)])
        except Exception as error:
            return Outcome(Status.UNCONFIRMED, f"The mail backend failed: {readable(str(error))}")
        return Outcome(Status.SENT) if count else Outcome(Status.ERROR, "The mail backend did not take the message.")


class _Prepared(EmailMultiAlternatives):
    """A composed letter in the form that Django's mail backends take."""

    def __init__(self, letter: Letter) -> None:
        self._message = letter.message
        text, html = self._part("plain"), self._part("html")
        super().__init__(
            subject=str(self._message["Subject"]), body=text or "", from_email=letter.sender, to=[letter.to]
        )
        if html is not None:
            self.attach_alternative(html, "text/html")

    def message(self, **_options: Any) -> Any:
        return self._message

    def _part(self, kind: str) -> str | None:
        part = self._message.get_body((kind,))
        return None if part is None else str(part.get_content())
