"""A list asks the database as often for a page of rows as for one."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.models import BulkJob, Suppression
from campaigns.models.bulk_job import Deed
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db


def bulk_job(owner: User) -> None:
    BulkJob.objects.create(owner=owner, deed=Deed.ADD_TO_LIST, recipient_list=factories.recipient_list(owner))


def suppression(owner: User) -> None:
    factories.suppression(owner, f"{Suppression.objects.count()}@example.com")


def attempt(owner: User) -> None:
    lifecycle.launch(factories.mailing(owner), owner)


ROWS: dict[str, Callable[[User], object]] = {
    "recipient": factories.recipient,
    "recipientlist": factories.recipient_list,
    "message": factories.message,
    "mailing": factories.mailing,
    "mailingattempt": attempt,
    "mailinglog": attempt,
    "suppression": suppression,
    "importjob": factories.import_job,
    "bulkjob": bulk_job,
}


def asked(client: Client, noun: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(f"/admin/campaigns/{noun}/").status_code == 200
    return len(queries)


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
@pytest.mark.parametrize("noun", ROWS)
def test_more_rows_of_more_owners_are_no_more_queries(noun: str, role: str) -> None:
    viewer = factories.user(role)
    client = logged_in(viewer)
    ROWS[noun](viewer)
    asked(client, noun)  # what is kept from then on
    one = asked(client, noun)
    for _ in range(3):
        ROWS[noun](viewer)
        ROWS[noun](factories.user(OPERATOR))
    assert asked(client, noun) == one
