"""What would be sent: the mailing's content as a launch would freeze it now, and who writes letters from it."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from django.core.exceptions import ValidationError

from campaigns import placeholders
from campaigns.models import Mailing, MailingAttempt
from campaigns.placeholders import Part, Placeholder
from campaigns.sending.letters import preview
from campaigns.sending.letters.composer import Composer
from campaigns.sending.letters.preview import NoLetter
from campaigns.sending.outcomes import NotComposed


class Draft:
    """Raises NoLetter for content, or a sender, of which no letter can be made."""

    def __init__(self, attempt: MailingAttempt) -> None:
        self.attempt = attempt
        try:
            self.composer = Composer(attempt)
        except NotComposed as error:
            raise NoLetter(str(error)) from error
        except ValidationError as error:
            raise NoLetter(" ".join(error.messages)) from error

    @classmethod
    def of(cls, mailing: Mailing) -> Self:
        return cls(preview.as_if_launched(mailing.message, mailing))

    @cached_property
    def subject(self) -> list[Part]:
        return placeholders.parse(self.attempt.subject)

    @cached_property
    def body(self) -> list[Part]:
        return placeholders.parse(self.attempt.body)

    @cached_property
    def placeholders(self) -> list[Placeholder]:
        """All of them, in their order, as often as they occur."""
        parts = [*self.subject, *self.body, *placeholders.parse(self.attempt.body_html)]
        return [part for part in parts if isinstance(part, Placeholder)]

    @property
    def required(self) -> list[str]:
        """The attributes without which a recipient gets no letter: somewhere they have no default."""
        names = (part.name for part in self.placeholders if part.default is None)
        return list(dict.fromkeys(name for name in names if name.startswith(placeholders.ATTRIBUTE)))
