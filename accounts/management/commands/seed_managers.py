import json
import secrets
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, transaction
from django.utils.translation import gettext as _

from accounts import roles
from accounts.models import User

DEFAULT_EMAIL = "manager@example.com"


@dataclass(frozen=True)
class Seeded:
    """What was done for one account, and the password if this run set one."""

    email: str
    done: str
    password: str | None


class Command(BaseCommand):
    help = (
        "Make manager accounts: people who see everybody's mailings and may stop any. Brings the roles operator and "
        "manager up to date first. Safe to repeat: who is there already keeps password and name unless the options "
        "say otherwise. Prints a line for each account; exits with 1, having changed nothing, if something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--email",
            action="append",
            dest="emails",
            metavar="EMAIL",
            help=f"whom to make a manager; may be repeated (default: {DEFAULT_EMAIL})",
        )
        parser.add_argument(
            "--password",
            help="password to set, also for accounts that exist (default: new accounts get one made up, printed once)",
        )
        parser.add_argument("--full-name", help="name to set, also for an account that exists; with one --email only")
        parser.add_argument(
            "--roles", action="store_true", help="bring the roles up to date and make no account, as after an upgrade"
        )
        parser.add_argument(
            "--json", action="store_true", help="print one line of JSON: role, email and the password set, or null"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        emails = _valid_emails(_named(options))
        if options["full_name"] and len(emails) > 1:
            raise CommandError(_("--full-name names one person: give it with one --email."))
        with transaction.atomic():
            manager = _manager_role()
            seeded = [_seed(email, manager, options["password"], options["full_name"]) for email in emails]
        self.stdout.write(_as_json(seeded) if options["json"] else _as_lines(seeded, options["password"]))


def _named(options: dict[str, Any]) -> list[str]:
    """Whose accounts are meant."""
    if not options["roles"]:
        return options["emails"] or [DEFAULT_EMAIL]
    if options["emails"] or options["password"] or options["full_name"]:
        raise CommandError(_("--roles makes no account: give it alone, or with --json."))
    return []


def _valid_emails(emails: list[str]) -> list[str]:
    field = User._meta.get_field("email")
    try:
        return list(dict.fromkeys(field.clean(email.strip().lower(), None) for email in emails))
    except ValidationError as error:
        problem = _("Not all e-mail addresses are valid (%(emails)s): %(reason)s")
        raise CommandError(problem % {"emails": ", ".join(emails), "reason": _text(error)}) from error


def _manager_role() -> Group:
    try:
        return {name: roles.role(name) for name in roles.PERMISSIONS}[roles.MANAGER]
    except (Permission.DoesNotExist, ProgrammingError) as error:
        raise CommandError(_("The database lacks tables or permissions: run migrate first.")) from error


def _seed(email: str, manager: Group, password: str | None, full_name: str | None) -> Seeded:
    person = User.objects.filter(email=email).first()
    is_new = person is None
    person = person or User(email=email)
    done = _done(person, manager, password)
    if full_name:
        person.full_name = full_name
    if new_password := password or (secrets.token_urlsafe(12) if is_new else None):
        _set_password(person, new_password)
    person.save()
    person.groups.add(manager)
    return Seeded(email, done, new_password)


def _done(person: User, manager: Group, password: str | None) -> str:
    if person._state.adding:
        return _("created")
    if not person.is_active or not person.is_staff:
        return _("already there, but may not log in")
    if not person.groups.contains(manager):
        return _("made a manager")
    return _("password changed") if password else _("already there")


def _set_password(person: User, password: str) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        problem = _("The password will not do for %(email)s: %(reason)s")
        raise CommandError(problem % {"email": person.email, "reason": _text(error)}) from error
    person.set_password(password)


def _text(error: ValidationError) -> str:
    return " ".join(error.messages)


def _as_json(seeded: list[Seeded]) -> str:
    return json.dumps([{"role": roles.MANAGER, "email": one.email, "password": one.password} for one in seeded])


def _as_lines(seeded: list[Seeded], given: str | None) -> str:
    """`e-mail<TAB>what was done`, and `<TAB>password` where one was made up."""
    return "\n".join("\t".join(filter(None, [one.email, one.done, None if given else one.password])) for one in seeded)
