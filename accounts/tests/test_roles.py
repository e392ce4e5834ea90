import pytest
from django.contrib.auth.models import Group

from accounts import roles
from accounts.tests.factories import make_user, permission

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", [roles.OPERATOR, roles.MANAGER])
def test_a_role_grants_exactly_its_permissions(name: str) -> None:
    person = make_user(groups=(roles.role(name),))
    assert person.get_all_permissions() == roles.PERMISSIONS[name]


def test_only_managers_see_everything_stop_mailings_and_govern_sending() -> None:
    assert roles.PERMISSIONS[roles.MANAGER] - roles.PERMISSIONS[roles.OPERATOR] == {
        "campaigns.view_all_recipients",
        "campaigns.view_all_messages",
        "campaigns.view_all_mailings",
        "campaigns.view_all_importjobs",
        "campaigns.view_all_recipientlists",
        "campaigns.view_all_suppressions",
        "campaigns.view_all_bulkjobs",
        "campaigns.disable_mailing",
        "campaigns.stop_sending",
        "campaigns.view_sendingstop",
        "campaigns.view_domainslowdown",
        "campaigns.change_domainslowdown",
        "campaigns.view_sendinglimit",
        "campaigns.add_sendinglimit",
        "campaigns.change_sendinglimit",
        "campaigns.delete_sendinglimit",
    }


def test_a_role_that_is_up_to_date_lacks_nothing() -> None:
    for name in roles.PERMISSIONS:
        roles.role(name)
    assert roles.lacking() == {}


def test_a_role_lacks_what_an_upgrade_has_added_and_one_that_was_never_made_all() -> None:
    operator = roles.role(roles.OPERATOR)
    operator.permissions.remove(operator.permissions.get(codename="send_mailing"))
    manager = roles.PERMISSIONS[roles.MANAGER]
    assert roles.lacking() == {roles.OPERATOR: {"campaigns.send_mailing"}, roles.MANAGER: set(manager)}


def test_a_role_is_made_once() -> None:
    assert roles.role(roles.OPERATOR) == roles.role(roles.OPERATOR)


def test_a_permission_taken_away_comes_back() -> None:
    roles.role(roles.OPERATOR).permissions.clear()
    roles.role(roles.OPERATOR)
    assert Group.objects.get(name=roles.OPERATOR).permissions.count() == len(roles.PERMISSIONS[roles.OPERATOR])


def test_a_permission_added_by_hand_stays() -> None:
    roles.role(roles.OPERATOR).permissions.add(permission("accounts.view_user"))
    assert roles.role(roles.OPERATOR).permissions.contains(permission("accounts.view_user"))
