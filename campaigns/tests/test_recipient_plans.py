"""With 200,000 recipients, half of them one owner's, a page of their list reads what it shows."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import access
from campaigns.models import Recipient, RecipientList
from campaigns.tests import factories
from campaigns.tests.plans import Scan, indexes, scans_of
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

TABLE, MEMBERS = "campaigns_recipient", "campaigns_membership"
ALL_OF_IT = {"Seq Scan", "Parallel Seq Scan"}
BY_OWNER, BY_ID, BY_EMAIL = "recipient_list", "campaigns_recipient_pkey", "recipient_by_email"
SEARCHED = {"recipient_email_search", "recipient_name_search"}


@dataclass(frozen=True)
class Crowd:
    """`many` owns half of all, `some` a few thousand, `few` twenty, and a thousand are shared with `few`."""

    many: User
    some: User
    few: User
    manager: User
    chosen: RecipientList


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Crowd]:
    with django_db_blocker.unblock():
        many, some, few = (factories.user(OPERATOR) for _ in range(3))
        made = Crowd(
            many, some, few, factories.user(MANAGER), RecipientList.objects.create(owner=many, name="Half of many")
        )
        who = {"many": many.pk, "some": some.pk, "few": few.pk, "list": made.chosen.pk}
        try:
            with connection.cursor() as cursor:
                for statement in ROWS:
                    cursor.execute(statement, who)
            yield made
        finally:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE campaigns_recipient, campaigns_recipientlist CASCADE")
            User.objects.filter(email__endswith="@crowd.example").delete()
            User.objects.filter(pk__in=[many.pk, some.pk, few.pk, made.manager.pk]).delete()


ROWS = [
    """INSERT INTO accounts_user (email, password, full_name, is_active, is_staff, is_superuser, date_joined, language,
                                  time_zone)
       SELECT 'o' || n || '@crowd.example', '!', '', true, true, false, now(), 'en', 'UTC'
       FROM generate_series(0, 99) n""",
    """INSERT INTO campaigns_recipient (owner_id, email, full_name, comment, attributes, created_at, updated_at)
       SELECT CASE WHEN n %% 2 = 0 THEN %(many)s WHEN n %% 50 = 1 THEN %(some)s WHEN n %% 10000 = 3 THEN %(few)s
                   ELSE u.id END,
              md5(n::text) || '@example' || n %% 7 || '.com', 'Person ' || md5((n / 3)::text), '', '{}', now(), now()
       FROM generate_series(1, 200000) n
       JOIN accounts_user u ON u.email = 'o' || n %% 100 || '@crowd.example' ORDER BY n""",
    """INSERT INTO campaigns_membership (list_id, recipient_id)
       SELECT %(list)s, id FROM campaigns_recipient WHERE owner_id = %(many)s AND id %% 4 = 0""",
    """INSERT INTO campaigns_recipientlist (owner_id, name, created_at, updated_at)
       SELECT %(some)s, 'List ' || n, now(), now() FROM generate_series(1, 3) n""",
    """INSERT INTO campaigns_membership (list_id, recipient_id)
       SELECT l.id, r.id FROM campaigns_recipientlist l JOIN campaigns_recipient r ON r.owner_id <> %(many)s
       WHERE l.owner_id = %(some)s""",
    """INSERT INTO campaigns_recipientusershare (content_object_id, permission_id, user_id)
       SELECT r.id, p.id, %(few)s FROM campaigns_recipient r, auth_permission p
       WHERE r.owner_id = %(many)s AND r.id %% 100 = 0 AND p.codename = 'view_recipient'""",
    "VACUUM ANALYZE",
]


@pytest.fixture(params=["many", "some", "few", "manager"])
def client(crowd: Crowd, request: pytest.FixtureRequest) -> Client:
    return logged_in(getattr(crowd, request.param))


def address(crowd: Crowd, query: str) -> str:
    middle = Recipient.objects.order_by("pk")[100_000]
    asked = query.format(list=crowd.chosen.pk, owner=crowd.many.pk, middle=middle.pk)
    return f"/admin/campaigns/recipient/?{asked}"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "p=after-{middle}-",
        "p=before-{middle}-",
        "o=1",
        "o=1&p=after-{middle}-8",
        "o=-1&p=after-{middle}-8",
        "q=d41d8c",
        "q=d41d8c+example3",
        "q=zq",
        "lists__id__exact={list}",
        "lists__id__exact={list}&p=after-{middle}-",
    ],
)
def test_no_page_reads_all_recipients(crowd: Crowd, client: Client, query: str) -> None:
    url = address(crowd, query)
    client.get(url)  # what is read once for a session is not the list's
    assert not ALL_OF_IT & indexes(page_scans(client, url))


def page_scans(client: Client, url: str, table: str = TABLE) -> list[Scan]:
    """How the rows of the page are found: not how they are counted, which ends after some thousand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.reports.counts.MOST", 100)
        return scans_of(lambda: client.get(url), table)


@pytest.mark.parametrize("query", ["", "p=after-{middle}-", "p=before-{middle}-"])
@pytest.mark.parametrize("who", ["many", "some"])
def test_own_recipients_are_read_in_their_order(crowd: Crowd, who: str, query: str) -> None:
    user = getattr(crowd, who)
    own, _shared = access.visible_parts(user, Recipient.objects.order_by("-pk"))
    middle = Recipient.objects.order_by("pk")[100_000].pk
    rows = own.filter(pk__lt=middle) if "after" in query else own
    found = scans_of(lambda: list(rows[:51]), TABLE)
    assert indexes(found) <= {BY_OWNER, BY_ID}


def test_a_page_of_everybodys_recipients_is_read_by_the_key_or_the_address(crowd: Crowd) -> None:
    client = logged_in(crowd.manager)
    assert BY_ID in indexes(page_scans(client, address(crowd, "p=after-{middle}-")))
    assert BY_EMAIL in indexes(page_scans(client, address(crowd, "o=1&p=after-{middle}-8")))


@pytest.mark.parametrize("who", ["many", "some", "manager"])
def test_a_rare_word_is_found_by_trigrams(crowd: Crowd, who: str) -> None:
    client = logged_in(getattr(crowd, who))
    found = indexes(scans_of(lambda: client.get(address(crowd, "q=d41d8cd9")), TABLE))
    assert {name for each in found for name in each.split()} & SEARCHED == SEARCHED


def test_one_or_two_letters_are_found_by_trigrams_where_they_are_rare(crowd: Crowd) -> None:
    client = logged_in(crowd.manager)
    found = indexes(scans_of(lambda: client.get(address(crowd, "q=zq")), TABLE))
    assert {name for each in found for name in each.split()} & SEARCHED == SEARCHED


@pytest.mark.parametrize("query", ["", "&p=after-{middle}-"])
def test_members_of_a_list_are_looked_up(crowd: Crowd, query: str) -> None:
    client = logged_in(crowd.many)
    found = page_scans(client, address(crowd, "lists__id__exact={list}" + query), MEMBERS)
    assert not ALL_OF_IT & indexes(found)
    assert all(scan.condition for scan in found), found


@pytest.mark.parametrize("who", ["many", "some", "manager"])
def test_all_that_the_list_shows_is_counted_by_indexes_before_it_is_changed(crowd: Crowd, who: str) -> None:
    client = logged_in(getattr(crowd, who))
    selected = {"action": "add_to_list", "_selected_action": ["1"], "select_across": "1"}
    found = scans_of(lambda: client.post(address(crowd, ""), selected), TABLE)
    assert not ALL_OF_IT & indexes(found)
