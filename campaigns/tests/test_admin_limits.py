"""The pages on which managers govern what may be sent, and what they keep out of the database."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from accounts.roles import MANAGER
from campaigns.models import DomainSlowdown, SendingLimit
from campaigns.tests import factories
from campaigns.tests.limited import Unit, limit
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

LIMITS = "/admin/campaigns/sendinglimit/"
SLOWDOWNS = "/admin/campaigns/domainslowdown/"


@pytest.fixture
def manager() -> Client:
    return logged_in(factories.user(MANAGER))


def add(client: Client, **fields: Any) -> str:
    """Fill in the form; returns the page that follows."""
    return client.post(f"{LIMITS}add/", {"domain": "", "maximum": 10, "unit": Unit.MINUTE, **fields}).content.decode()


def test_a_manager_limits_all_mail(manager: Client) -> None:
    add(manager)
    made = SendingLimit.objects.get()
    assert (made.domain, made.maximum, made.unit) == ("", 10, Unit.MINUTE)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" GMail.com ", "gmail.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*", "*"),
        ("a.example.", "a.example"),
    ],
)
def test_a_domain_is_kept_as_mail_servers_write_it(typed: str, kept: str, manager: Client) -> None:
    add(manager, domain=typed)
    assert SendingLimit.objects.get().domain == kept


@pytest.mark.parametrize("typed", ["ann@example.com", "no domain", "*.example.com", "-a-.b"])
def test_what_is_no_domain_is_refused(typed: str, manager: Client) -> None:
    assert "Enter a valid domain name." in add(manager, domain=typed)
    assert not SendingLimit.objects.exists()


def test_a_limit_of_nothing_is_refused(manager: Client) -> None:
    assert "greater than or equal to 1" in add(manager, maximum=0)


def test_a_second_limit_of_the_same_unit_for_a_domain_is_refused(manager: Client) -> None:
    limit(5, Unit.MINUTE, "a.example")
    assert "There is such a limit already" in add(manager, domain="A.example")
    add(manager, domain="a.example", unit=Unit.HOUR)
    assert SendingLimit.objects.count() == 2


def test_connections_are_limited_for_all_mail_only(manager: Client) -> None:
    assert "leave the domain empty" in add(manager, unit=Unit.CONNECTIONS, domain="a.example")
    add(manager, unit=Unit.CONNECTIONS)
    assert SendingLimit.objects.get().unit == Unit.CONNECTIONS


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"maximum": 0}, "limit_lets_something_through"),
        ({"unit": 7}, "limit_unit_is_known"),
        ({"domain": "A.example"}, "limit_domain_is_lower_case"),
        ({"domain": "a.example", "unit": Unit.CONNECTIONS}, "limit_of_connections_has_no_domain"),
    ],
)
def test_the_database_keeps_the_rules_as_well(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(IntegrityError, match=rule):
        SendingLimit.objects.create(**{"maximum": 1, "unit": Unit.HOUR, **fields})


def test_a_domain_that_can_not_be_written_in_ascii_is_refused() -> None:
    with pytest.raises(ValidationError, match="valid domain"):
        SendingLimit(domain="☃" * 60 + ".example", maximum=1).clean()


def test_a_limit_reads_as_a_sentence() -> None:
    named = [str(SendingLimit(domain=domain, maximum=5, unit=Unit.SECOND)) for domain in ("", "*", "a.example")]
    assert named == [
        "5 letters a second, all mail",
        "5 letters a second, each domain",
        "5 letters a second, a.example",
    ]


# Slow-downs


def slowed(domain: str, minutes: int) -> DomainSlowdown:
    until = timezone.now() + timedelta(minutes=minutes)
    return DomainSlowdown.objects.create(
        domain=domain, until=until, step=2, reason="421 busy", updated_at=timezone.now()
    )


def test_a_manager_reads_which_domains_are_slowed_and_why(manager: Client) -> None:
    slowed("a.example", 5)
    slowed("b.example", -5)
    page = manager.get(SLOWDOWNS).content.decode()
    assert all(word in page for word in ("a.example", "421 busy", "Slowed", "b.example", "Over"))


def end(client: Client, *chosen: DomainSlowdown) -> Any:
    return client.post(SLOWDOWNS, {"action": "end", "_selected_action": [slowdown.pk for slowdown in chosen]})


def test_a_manager_ends_a_slow_down_and_no_other(manager: Client) -> None:
    first, other, over = slowed("a.example", 5), slowed("b.example", 5), slowed("c.example", -5)
    response = end(manager, first, over)
    assert list(DomainSlowdown.objects.active()) == [other]
    assert sentences(response) == ["1 slow-down has been ended."]


def test_who_may_only_look_ends_nothing() -> None:
    person = factories.user()
    person.user_permissions.add(Permission.objects.get(codename="view_domainslowdown"))
    end(logged_in(person), slowed("a.example", 5))
    assert DomainSlowdown.objects.active().count() == 1


def test_the_sidebar_leads_managers_to_what_governs_sending_and_nobody_else(manager: Client) -> None:
    operator = logged_in(factories.user("operator"))
    for path in (LIMITS, SLOWDOWNS, "/admin/campaigns/sendingstop/", "/admin/stop-sending/"):
        assert f'href="{path}"' in manager.get("/admin/profile/").content.decode()
        assert f'href="{path}"' not in operator.get("/admin/profile/").content.decode()
