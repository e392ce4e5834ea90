"""What load balancers and containers are told."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from pytest_django import Settings

LIVE, READY = "/health/live", "/health/ready"


@pytest.fixture
def no_database(django_db_blocker: Any) -> Any:
    """The database's port is closed."""
    connection = connections["default"]
    before = dict(connection.settings_dict)
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict.update(HOST="127.0.0.1", PORT=1)
        yield
        connection.close()
        connection.settings_dict.update(before)


def answer(path: str, client: Client | None = None) -> tuple[int, dict[str, str]]:
    response = (client or Client()).get(path)
    return response.status_code, response.json()


def test_a_process_that_answers_is_alive() -> None:
    assert answer(LIVE) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_with_database_and_cache_it_is_ready() -> None:
    assert answer(READY) == (200, {"database": "ok", "cache": "ok"})


@pytest.mark.django_db
def test_a_cache_that_is_gone_degrades_and_does_not_fail(settings: Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "backoffice.caching.FailSafeRedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert answer(READY) == (200, {"database": "ok", "cache": "degraded"})


@pytest.mark.django_db
def test_a_database_that_lacks_a_migration_is_not_ready() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'campaigns'")
    assert answer(READY) == (503, {"database": "migrations are missing", "cache": "ok"})


@pytest.mark.usefixtures("no_database")
def test_a_database_that_is_gone_is_a_503_in_json() -> None:
    assert answer(READY) == (503, {"database": "does not answer", "cache": "ok"})


@pytest.mark.usefixtures("no_database")
def test_a_process_is_alive_without_its_database() -> None:
    assert answer(LIVE) == (200, {"status": "ok"})


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize(("path", "status"), [(LIVE, 200), (READY, 503)])
def test_somebody_logged_in_is_told_the_same_when_the_database_is_gone(path: str, status: int) -> None:
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    assert answer(path, client)[0] == status


@pytest.mark.django_db
def test_somebody_logged_in_is_told_the_same() -> None:
    client = Client()
    person = get_user_model().objects.create_user("ann@example.com")
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    assert answer(READY, client) == (200, {"database": "ok", "cache": "ok"})
