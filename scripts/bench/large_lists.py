"""Recipients by the hundred thousand, made by the database itself."""

from django.db import connection

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR, role
from campaigns.models import Recipient, RecipientList

OWNERS = 100
INSERT = """
INSERT INTO campaigns_recipient (owner_id, email, full_name, comment, attributes, version, created_at, updated_at)
SELECT o.owner, 'user' || n || '@' || (ARRAY['example.com', 'mail.example', 'post.example'])[1 + n %% 3],
       (ARRAY['Anna', 'Bob', 'Chloé', 'Фёдор', 'Ewa'])[1 + n %% 5] || ' ' || md5(n::text), '', '{"city": "Berlin"}',
       1, now(), now()
FROM generate_series(1, %s) n JOIN unnest(%s::bigint[]) WITH ORDINALITY AS o(owner, place)
     ON o.place = 1 + n %% %s
ORDER BY n
"""
MEMBERS = """
INSERT INTO campaigns_membership (list_id, recipient_id)
SELECT %s, id FROM campaigns_recipient WHERE owner_id = %s AND id %% 2 = 0
"""


def one_owner(rows: int) -> User:
    """Somebody who has so many; made once for all processes of a run, beside those who have other numbers."""
    email = f"one-of-{rows}@office.example"
    if found := User.objects.filter(email=email).first():
        return found
    return _made([_person(email, OPERATOR)], rows)[0]


def hundred_owners(rows: int) -> "tuple[dict[str, User], RecipientList]":
    """An operator who is one of the owners, a manager, a superuser; and a list of half of what the operator has."""
    Recipient.objects.all()._raw_delete("default")
    owners = _made([_person(f"owner{number}@office.example", OPERATOR) for number in range(OWNERS)], rows)
    half = RecipientList.objects.create(owner=owners[0], name="Half")
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, [half.pk, owners[0].pk])
        cursor.execute("VACUUM ANALYZE")
    boss = User.objects.create_superuser("root@office.example", password=None)
    manager = _person("manager@office.example", MANAGER)
    return {"operator": owners[0], "manager": manager, "superuser": boss}, half


def _person(email: str, name: str) -> User:
    person = User.objects.create_user(email)
    person.groups.add(role(name))
    return person


def _made(owners: "list[User]", rows: int) -> "list[User]":
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [rows, [owner.pk for owner in owners], len(owners)])
        cursor.execute("VACUUM ANALYZE")
    return owners
