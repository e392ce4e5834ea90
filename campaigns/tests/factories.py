"""Plain functions that make the nouns, each with sensible defaults."""

from collections.abc import Iterable
from io import BytesIO
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission

from accounts.models import User
from accounts.roles import role
from campaigns.imports import work
from campaigns.models import ImportJob, Mailing, Membership, Message, Recipient, RecipientList, Suppression

_number = count(1)


def user(role_name: str | None = None, **fields: Any) -> User:
    person = User.objects.create_user(fields.pop("email", f"person{next(_number)}@office.example"), **fields)
    if role_name:
        person.groups.add(role(role_name))
    return person


def recipient(owner: User, email: str | None = None, **fields: Any) -> Recipient:
    return Recipient.objects.create(owner=owner, email=email or f"r{next(_number)}@example.com", **fields)


def recipients(owner: User, number: int) -> list[Recipient]:
    start = next(_number)
    return Recipient.objects.bulk_create(
        Recipient(owner=owner, email=f"r{start}-{n}@example.com", full_name=f"Person {n}") for n in range(number)
    )


def message(owner: User, **fields: Any) -> Message:
    return Message.objects.create(owner=owner, **{"subject": "News", "body": "Hello!", **fields})


def mailing(owner: User | None = None, audience: int | Iterable[Recipient] = 1, **fields: Any) -> Mailing:
    """A mailing to so many new recipients, or to those given."""
    owner = owner or user()
    content = {name: fields.pop(name) for name in ("subject", "body", "body_html") if name in fields}
    made: Mailing = Mailing.objects.create(
        owner=owner,
        name=fields.pop("name", f"Mailing {next(_number)}"),
        message=fields.pop("message", None) or message(owner, **content),
        **fields,
    )
    people = recipients(owner, audience) if isinstance(audience, int) else list(audience)
    links = Mailing.recipients.through
    links.objects.bulk_create(links(mailing_id=made.pk, recipient_id=person.pk) for person in people)
    return made


def recipient_list(owner: User, members: int | Iterable[Recipient] = 1, **fields: Any) -> RecipientList:
    """A list of so many new recipients, or of those given."""
    made = RecipientList.objects.create(owner=owner, **{"name": f"List {next(_number)}", **fields})
    people = recipients(owner, members) if isinstance(members, int) else members
    Membership.objects.bulk_create(Membership(list=made, recipient=person) for person in people)
    return made


def suppression(owner: User, email: str, **fields: Any) -> Suppression:
    return Suppression.objects.create(owner=owner, email=email, **fields)


def import_job(owner: User, content: str | bytes = "email\nanna@example.com\n", name: str = "people.csv") -> ImportJob:
    """An import that waits for a person to tell what the columns are."""
    file = BytesIO(content.encode() if isinstance(content, str) else content)
    return work.receive(owner, name, file)


def share(obj: Any, verb: str, *, to: Any) -> None:
    """Let a user or a group do that with the object."""
    kind = "user" if isinstance(to, User) else "group"
    noun = obj._meta.model_name
    shares = getattr(obj, f"{kind}_shares").model
    permission = Permission.objects.get(content_type__app_label="campaigns", codename=f"{verb}_{noun}")
    shares.objects.create(permission=permission, content_object=obj, **{kind: to})
