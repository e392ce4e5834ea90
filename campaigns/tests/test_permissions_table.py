"""The tables of docs/permissions.md tell what holds."""

import re
from typing import Any, get_args

import pytest
from django.conf import settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import access
from campaigns.access import Verb
from campaigns.models import ImportJob, Mailing, Message, Recipient, RecipientList, Suppression, shares
from campaigns.tests import factories

pytestmark = pytest.mark.django_db

PAGE = (settings.BASE_DIR / "docs" / "permissions.md").read_text(encoding="utf-8")
NOUNS = {
    "Mailings": Mailing,
    "Messages": Message,
    "Recipients": Recipient,
    "Recipient lists": RecipientList,
    "Suppressions": Suppression,
    "Imports": ImportJob,
}


def table(title: str) -> dict[str, set[str]]:
    """What each line of the table under that title allows."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", section, re.M)]
    (_corner, *verbs), _rule, *rows = lines
    return {who: {verb for verb, cell in zip(verbs, cells, strict=True) if cell == "yes"} for who, *cells in rows}


ROWS = [(title, who) for title in NOUNS for who in table(title)]


def test_each_noun_has_a_row_for_each_role_and_each_share() -> None:
    for title, model in NOUNS.items():
        given = {f"shared to {verb}" for verb in shares.SHARED_VERBS.get(model, ())}
        assert set(table(title)) == given | {"owner", "other operator", "manager", "superuser", "no permissions"}


@pytest.mark.parametrize(("title", "who"), ROWS)
def test_the_table_tells_what_holds(title: str, who: str) -> None:
    owner = factories.user(OPERATOR)
    made = something(title, owner)
    someone = owner if who == "owner" else person(who)
    if who.startswith("shared to "):
        factories.share(made, who.removeprefix("shared to "), to=someone)
    allowed = {verb for verb in get_args(Verb.__value__) if access.can(someone, verb, made)}
    assert allowed - meaningless(made, someone) == table(title)[who]


def something(title: str, owner: User) -> Any:
    makers: dict[str, Any] = {
        "Mailings": factories.mailing,
        "Messages": factories.message,
        "Recipients": factories.recipient,
        "Recipient lists": factories.recipient_list,
        "Suppressions": lambda owner: factories.suppression(owner, "gone@example.com"),
        "Imports": factories.import_job,
    }
    return makers[title](owner)


def person(who: str) -> User:
    if who == "no permissions":
        return factories.user()
    return factories.user(MANAGER if who == "manager" else OPERATOR, is_superuser=who == "superuser")


def meaningless(made: Any, someone: User) -> set[str]:
    """Verbs that only mailings have; a superuser is told yes to everything."""
    return {"send", "disable"} if someone.is_superuser and not isinstance(made, Mailing) else set()
