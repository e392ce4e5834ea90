import json
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.roles import OPERATOR, role
from campaigns.imports import work
from campaigns.imports.errors import ImportRefused
from campaigns.models import ImportJob, Mailing, Message, Recipient, RecipientList, Suppression
from campaigns.models.import_job import Mode

OPERATORS = (("olga@example.com", "Olga Operator", "en"), ("oscar@example.com", "Oscar Operator", "en"))
ADMIN = ("admin@example.com", "Ada Admin", "en")

NEWS = "News for {{ full_name }}"
SUBJECT = 'Welcome, {{ full_name|default:"friend" }}'
BODY = """\
Dear {{ full_name|default:"friend" }},

thank you for joining us.

Your city: {{ attributes.city|default:"not told" }}
Your plan: {{ attributes.plan|default:"free" }}
We write to {{ email }}.

Kind regards
The team
"""
BODY_HTML = """\
<h1>Welcome, {{ full_name|default:"friend" }}</h1>
<p>Thank you for joining us.</p>
<ul>
  <li>Your plan: <strong>{{ attributes.plan|default:"free" }}</strong></li>
  <li>Your city: {{ attributes.city|default:"not told" }}</li>
</ul>
<p>We write to {{ email }}.</p>
<p>Kind regards<br>The team</p>
"""


class Command(BaseCommand):
    help = (
        "Make demonstration data: a superuser, two operators, recipients, lists, messages and mailings. Run it as "
        "often as you like: what is there stays as it is. Passwords of new users are made up and printed once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--password", help="give this password to all demonstration users, also existing ones")
        parser.add_argument("--recipients", type=Path, metavar="CSV", help="import this file for the first operator")
        parser.add_argument("--json", action="store_true", help="print logins and the mailing as one line of JSON")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        _admin, admin_login = self._user(*ADMIN, options["password"], is_superuser=True)
        olga, olga_login = self._user(*OPERATORS[0], options["password"])
        oscar, oscar_login = self._user(*OPERATORS[1], options["password"])
        for operator in (olga, oscar):
            operator.groups.add(role(OPERATOR))
        mailing = self._welcome(olga, options["recipients"])
        self._newsletter(olga)
        self._reminder(oscar)
        self._report([admin_login, olga_login, oscar_login], mailing, as_json=options["json"])

    def _user(
        self, email: str, full_name: str, language: str, password: str | None, *, is_superuser: bool = False
    ) -> tuple[User, dict[str, Any]]:
        user = User.objects.filter(email=email).first()
        told = password
        if user is None:
            told = password or secrets.token_urlsafe(9)
            user = User.objects.create_user(
                email, told, full_name=full_name, language=language, is_superuser=is_superuser
            )
        elif password:
            user.set_password(password)
            user.save(update_fields=["password"])
        return user, {"role": "superuser" if is_superuser else "operator", "email": email, "password": told}

    def _welcome(self, owner: User, file: Path | None) -> Mailing:
        message = Message.objects.filter(owner=owner, subject=SUBJECT).first() or Message.objects.create(
            owner=owner, subject=SUBJECT, body=BODY, body_html=BODY_HTML
        )
        people = self._import(owner, file) if file else self._recipients(owner, 20)
        mailing, _created = Mailing.objects.get_or_create(
            owner=owner, name="Welcome to the spring campaign", defaults={"message": message}
        )
        mailing.add_to_audience(people)
        return mailing

    def _import(self, owner: User, file: Path) -> QuerySet[Recipient]:
        try:
            job = _imported(owner, file)
        except (OSError, ImportRefused) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise CommandError(f"{file} can not be imported: {reason}") from error
        if wrong := [job.reason] if job.reason else job.problems:
            raise CommandError(f"{file} can not be imported: {wrong[0]}")
        return owner.recipients.all()

    def _newsletter(self, owner: User) -> None:
        """A mailing to a list without another, one address of which gets no mail."""
        people = self._recipients(owner, 21)
        readers = self._list(owner, "Readers", people)
        partners = self._list(owner, "Partners", people.filter(email__contains="friend1"))
        message = Message.objects.filter(owner=owner, subject=NEWS).first() or Message.objects.create(
            owner=owner, subject=NEWS, body="Hello {{ full_name }},\n\nhere is the news.\n"
        )
        mailing, _created = Mailing.objects.get_or_create(owner=owner, name="Newsletter", defaults={"message": message})
        mailing.lists.add(readers)
        mailing.excluded_lists.add(partners)
        Suppression.objects.enter([people.latest("pk").email], owner, Suppression.Reason.UNSUBSCRIBED, "A reply")

    def _list(self, owner: User, name: str, people: QuerySet[Recipient]) -> RecipientList:
        made, _created = RecipientList.objects.get_or_create(owner=owner, name=name)
        made.add_members(people)
        return made

    def _reminder(self, owner: User) -> None:
        subject = "Your monthly reminder, {{ full_name }}"
        message = Message.objects.filter(owner=owner, subject=subject).first() or Message.objects.create(
            owner=owner, subject=subject, body="Hello {{ full_name }},\n\nthe month is over.\n"
        )
        people = self._recipients(owner, 12)
        mailing, _created = Mailing.objects.get_or_create(
            owner=owner, name="Monthly reminder", defaults={"message": message}
        )
        mailing.add_to_audience(people)

    def _recipients(self, owner: User, count: int) -> QuerySet[Recipient]:
        name = owner.email.partition("@")[0]
        people = {f"{name}.friend{number}@example.com": f"Friend {number}" for number in range(1, count + 1)}
        Recipient.objects.bulk_create(
            [Recipient(owner=owner, email=email, full_name=full_name) for email, full_name in people.items()],
            ignore_conflicts=True,
        )
        return Recipient.objects.filter(owner=owner, email__in=people)

    def _report(self, logins: list[dict[str, Any]], mailing: Mailing, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"logins": logins, "mailing": mailing.pk}))
            return
        for login in logins:
            password = login["password"] or "(unchanged)"
            self.stdout.write(f"{login['role']:<10} {login['email']:<22} {password}")
        self.stdout.write(f"Mailing {mailing.pk} “{mailing}” is ready: manage.py send_mailing --id {mailing.pk}")


def _imported(owner: User, path: Path) -> ImportJob:
    with path.open("rb") as file:
        job = work.receive(owner, path.name, file)
    work.confirm_unseen(job, Mode.ADD_AND_UPDATE)
    work.carry_out(job.pk, watched=False)  # the demonstration data are one transaction, which nobody else can see
    job.refresh_from_db()
    return job
