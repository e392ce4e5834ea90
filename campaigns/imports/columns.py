"""What the columns of a file are: guessed by their names, told by the person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.imports import addresses
from campaigns.imports.errors import UnusableFile


class Target(models.TextChoices):
    EMAIL = "email", gettext_lazy("E-mail")
    FULL_NAME = "full_name", gettext_lazy("Full name")
    FIRST_NAME = "first_name", gettext_lazy("First name")
    LAST_NAME = "last_name", gettext_lazy("Last name")
    COMMENT = "comment", gettext_lazy("Comment")
    ATTRIBUTES = "attributes", gettext_lazy("Attributes (JSON)")
    ATTRIBUTE = "attribute", gettext_lazy("An attribute, by this name")
    SKIP = "skip", gettext_lazy("Leave it out")


# All but attributes may be there once.
SINGLE = tuple(target for target in Target if target not in (Target.ATTRIBUTE, Target.SKIP))

# Names of columns in lower case, as people and exporters write them, the surest first: the first column that has one is
# taken, in the order of this table. Google Contacts: "E-mail 1 - Value"; Outlook: "E-mail Address"; Mailchimp: "Email
# Address"; listmonk: email, name, attributes.
NAMES: dict[Target, tuple[str, ...]] = {
    Target.EMAIL: (
        *("email", "e-mail", "email address", "e-mail address", "e-mail 1 - value", "email 1 - value", "mail"),
        *("primary email", "work email", "электронная почта", "эл. почта", "эл.почта", "почта", "емейл", "имейл"),
        *("емэйл", "имэйл", "мейл", "адрес электронной почты", "адрес эл. почты", "электронный адрес"),
    ),
    Target.FULL_NAME: (
        *("full_name", "full name", "fullname", "name", "display name", "contact name", "file as"),
        *("фио", "ф.и.о.", "полное имя", "имя и фамилия", "фамилия и имя", "фамилия имя", "контакт"),
        *("фамилия имя отчество", "отображаемое имя"),
    ),
    Target.FIRST_NAME: ("first name", "first_name", "firstname", "given name", "forename", "fname", "имя"),
    Target.LAST_NAME: ("last name", "last_name", "lastname", "family name", "surname", "lname", "фамилия"),
    Target.COMMENT: (
        *("comment", "comments", "note", "notes", "remark", "remarks", "комментарий", "комментарии"),
        *("примечание", "примечания", "заметка", "заметки"),
    ),
    Target.ATTRIBUTES: ("attributes", "атрибуты"),
}
# What is not the file's to say.
_OURS = {"id", "pk", "owner", "owner_id", "owner id", "version", "created_at", "updated_at", "владелец"}


def guess(headers: Sequence[str], samples: Sequence[Sequence[str]]) -> list[str]:
    """A target for each column."""
    names = [_tidy(header) for header in headers]
    mapping: list[str] = [Target.ATTRIBUTE if _worth_keeping(header) else Target.SKIP for header in headers]
    for target, known in NAMES.items():
        found = [names.index(name) for name in known if name in names]
        if found:
            mapping[found[0]] = target
    if Target.EMAIL not in mapping and (by_value := _of_addresses(samples)) is not None:
        mapping[by_value] = Target.EMAIL
    parts = (Target.FIRST_NAME, Target.LAST_NAME)
    if Target.FULL_NAME in mapping:
        # Beside the full name they say nothing new, and are worth placeholders of their own.
        mapping = [Target.ATTRIBUTE if target in parts else target for target in mapping]
    elif Target.LAST_NAME not in mapping:
        mapping = [Target.FULL_NAME if target == Target.FIRST_NAME else target for target in mapping]
    again = _repeated(mapping, headers)
    return [str(Target.SKIP if number in again else target) for number, target in enumerate(mapping)]


def check(mapping: Sequence[str], headers: Sequence[str]) -> None:
    """Raises UnusableFile, with a sentence, for columns that can not be read so."""
    if len(mapping) != len(headers) or not set(mapping) <= set(Target.values):
        raise UnusableFile(_("Say for each column what it is."))
    if Target.EMAIL not in mapping:
        raise UnusableFile(_("No column holds the e-mail addresses: choose which one does."))
    for target in SINGLE:
        if mapping.count(target) > 1:
            raise UnusableFile(_("“%s” is chosen for more than one column.") % target.label)
    for number in _repeated(mapping, headers):
        sentence = _("More than one column becomes the attribute “%s”: leave all but one out.")
        raise UnusableFile(sentence % attribute_name(headers[number]))


def attribute_name(header: str) -> str:
    """The name by which a message finds the column: {{ attributes.name }}."""
    return re.sub(r"[^\w.-]+", "_", header.strip().lower()).strip("_")


def _repeated(mapping: Sequence[str], headers: Sequence[str]) -> list[int]:
    """The columns that would become an attribute that an earlier one becomes already."""
    named = [
        (number, attribute_name(headers[number])) for number, target in enumerate(mapping) if target == Target.ATTRIBUTE
    ]
    first = {name: number for number, name in reversed(named)}
    return [number for number, name in named if first[name] != number]


def described(headers: Sequence[str], samples: Sequence[Sequence[str]], mapping: Sequence[str]) -> list[dict[str, Any]]:
    """Each column with its first values and what it is, for the page where that is chosen."""
    return [
        {
            "header": header,
            "samples": [row[number] for row in samples if number < len(row) and row[number]],
            "target": target,
            "attribute": attribute_name(header),
        }
        for number, (header, target) in enumerate(zip(headers, mapping, strict=True))
    ]


def _worth_keeping(header: str) -> bool:
    return bool(attribute_name(header)) and _tidy(header) not in _OURS


def _tidy(header: str) -> str:
    return " ".join(header.lower().split())


def _of_addresses(samples: Sequence[Sequence[str]]) -> int | None:
    width = max(map(len, samples), default=0)
    cells = [[row[number] for row in samples if number < len(row)] for number in range(width)]
    counts = [sum(map(addresses.is_there, column)) for column in cells]
    return counts.index(max(counts)) if any(counts) else None
