"""Unfold's buttons: none does anything on GET, none is shown to whom its address refuses, and the checks hold."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse
from unfold.admin import ModelAdmin

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.models.shares import SHARED_VERBS
from campaigns.tests import factories
from campaigns.tests.doors import client_of
from campaigns.tests.scene import Scene

pytestmark = pytest.mark.django_db

NOUNS = ("mailing", "message", "recipient")


def unfold_admins() -> list[Any]:
    return [one for one in admin.site._registry.values() if isinstance(one, ModelAdmin)]


def buttons(one: Any) -> list[Any]:
    return [
        *one._get_base_actions_list(),
        *one._get_base_actions_row(),
        *one._get_base_actions_detail(),
        *one._get_base_actions_submit_line(),
    ]


def test_every_page_is_one_that_the_checks_know() -> None:
    assert len(unfold_admins()) == len(admin.site._registry)


def test_no_list_has_buttons_at_its_rows_or_above_it() -> None:
    """Unfold asks for their permissions without the row: one that is added here needs a guard of its own."""
    with_buttons = [type(one).__name__ for one in unfold_admins() if one.actions_row or one.actions_submit_line]
    assert with_buttons == []


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
@pytest.mark.parametrize("given", ["view", "change", "send", None])
@pytest.mark.parametrize("noun", NOUNS)
def test_whoever_is_shown_a_button_may_press_it(noun: str, given: str | None, role: str, made: Scene) -> None:
    """And its address refuses whom the button is not shown to, unless it is only hidden because of the state."""
    someone, obj = factories.user(role), getattr(made, noun)
    if given and given in SHARED_VERBS[type(obj)]:
        factories.share(obj, given, to=someone)
    client = client_of(someone)
    for button in shown(someone, obj):
        address = reverse(f"admin:{button.action_name}", args=[obj.pk])
        assert client.get(address).status_code == 200, button.action_name


def shown(someone: User, obj: Any) -> list[Any]:
    request = RequestFactory().get("/")
    request.user = someone
    one: Any = admin.site._registry[type(obj)]
    if not one.get_queryset(request).filter(pk=obj.pk).exists():
        return []
    found: list[Any] = one.get_actions_detail(request, obj.pk)
    return found


def test_no_button_names_a_permission_that_is_none() -> None:
    """A dotted name that nobody has would hide the button from all but superusers, without a word."""
    known = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    for one in unfold_admins():
        for button in buttons(one):
            for name in getattr(button.method, "allowed_permissions", ()):
                assert name in known if "." in name else hasattr(one, f"has_{name}_permission"), (one, name)


def test_the_checks_pass_before_there_are_permissions() -> None:
    """Unfold's check asks the database for dotted permissions, and fails on one that is not migrated yet."""
    Permission.objects.all().delete()
    call_command("check", fail_level="WARNING")


def test_a_list_action_is_not_run_by_an_address(made: Scene) -> None:
    client = client_of(made.owner)
    query = {"action": "delete_selected", "_selected_action": made.recipient.pk, "post": "yes", "confirmed": "1"}
    client.get(reverse("admin:campaigns_recipient_changelist", query=query))
    made.recipient.refresh_from_db()


@pytest.mark.parametrize("noun", NOUNS)
def test_a_post_from_another_site_is_refused(noun: str, made: Scene) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(made.owner, "django.contrib.auth.backends.ModelBackend")
    obj = getattr(made, noun)
    for name in ("change", "delete", "share"):
        address = reverse(f"admin:campaigns_{noun}_{name}", args=[obj.pk])
        assert client.post(address, {"post": "yes"}).status_code == 403
