"""Names of attributes are in lower case wherever they come from, so that letter case hides no value from a message."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns import preflight
from campaigns.audience import Audience
from campaigns.models import Recipient
from campaigns.sending.letters.composer import Addressee, Composer
from campaigns.sending.letters.preview import as_if_launched
from campaigns.tests import factories
from campaigns.tests.importing import imported

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR)


def attributes(owner: User) -> Any:
    return Recipient.objects.get(owner=owner).attributes


def test_a_json_object_in_a_file_has_its_names_in_lower_case(operator: User) -> None:
    imported(operator, 'email,attributes\nanna@example.com,"{""City"": ""Rome"", ""Город"": ""Рим""}"\n')
    assert attributes(operator) == {"city": "Rome", "город": "Рим"}


def test_names_that_were_stored_before_come_into_lower_case(operator: User) -> None:
    factories.recipient(operator, attributes={"City": "Bari", "CITY": "Pisa", "city": "Rome", "Plan": None})
    other = factories.recipient(operator, attributes={"city": "Oslo"})
    strange = factories.recipient(operator, attributes=["City"])
    migration: Any = import_module("campaigns.migrations.0018_named_lists_and_attribute_names")
    migration.lower_names(None, SimpleNamespace(connection=connection))
    found = Recipient.objects.order_by("pk").values_list("attributes", "version")
    assert list(found) == [({"city": "Rome", "plan": None}, 4), ({"city": "Oslo"}, 1), (["City"], 1)]
    assert {other.version, strange.version} == {1}


def test_a_message_finds_an_attribute_whatever_its_letter_case(operator: User) -> None:
    message = factories.message(operator, body='Dear {{ attributes.City|default:"friend" }}!')
    letter = Composer(as_if_launched(message, None)).compose(
        Addressee(1, "anna@example.com", attributes={"city": "Rome"}), timezone.now()
    )
    assert "Dear Rome!" in letter.message.get_content()


def test_the_preflight_misses_no_attribute_for_its_letter_case(operator: User) -> None:
    people = [factories.recipient(operator, attributes={"city": "Rome"})]
    mailing = factories.mailing(operator, people, body="Dear {{ attributes.City }}!")
    assert not [found for found in preflight.findings(mailing) if found.code.startswith("missing")]


def test_a_condition_finds_an_attribute_whatever_its_letter_case(operator: User) -> None:
    person = factories.recipient(operator, attributes={"city": "Rome"})
    asked = [{"field": "attributes.City", "operator": "is", "value": "rome"}]
    assert list(Audience.of(factories.mailing(operator, 0, conditions=asked)).recipients()) == [person]
