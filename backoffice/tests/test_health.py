"""What load balancers and containers are told."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from django.utils import timezone
from django_apscheduler.models import DjangoJobExecution
from pytest_django import Settings

from backoffice import clock

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


def answer(path: str, client: Client | None = None) -> tuple[int, Any]:
    response = (client or Client()).get(path)
    return response.status_code, response.json()


def ready(client: Client | None = None) -> tuple[int, str, dict[str, str]]:
    """The status of the answer, that of the whole, and the reasons of what is not ok."""
    code, found = answer(READY, client)
    assert {check["status"] == "ok" for check in found["checks"].values() if "reason" in check} <= {False}
    return code, found["status"], {name: check.get("reason", "") for name, check in found["checks"].items()}


@pytest.fixture
def processes() -> None:
    """A scheduler that looks again in half a minute, and a worker that has just given a sign of life."""
    do("INSERT INTO django_apscheduler_djangojob VALUES ('send_due_mailings', now() + interval '30 s', '')")
    do("INSERT INTO procrastinate_workers DEFAULT VALUES")


def do(statement: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)


def looked(minutes: float, status: str = DjangoJobExecution.SUCCESS) -> None:
    """The scheduler looked for due mailings so long ago."""
    run_time = timezone.now() - timedelta(minutes=minutes)
    DjangoJobExecution.objects.create(job_id="send_due_mailings", run_time=run_time, status=status)


def enqueue(minutes: int) -> None:
    """A job that has been due for so long."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at)"
            " VALUES ('sending', 'deliver_chunk', now() - make_interval(mins => %s))",
            [minutes],
        )


def test_a_process_that_answers_is_alive() -> None:
    assert answer(LIVE) == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_with_all_that_belongs_to_it_it_is_ready() -> None:
    names = ("cache", "database", "migrations", "scheduler", "workers", "queue")
    assert ready() == (200, "ok", dict.fromkeys(names, ""))


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_a_cache_that_is_gone_degrades_and_does_not_fail(settings: Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "backoffice.caching.FailSafeRedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    code, status, reasons = ready()
    assert (code, status) == (200, "degraded")
    assert reasons["cache"] == "The cache does not answer: pages are slower, nothing else."


@pytest.mark.django_db
def test_without_a_scheduler_and_workers_pages_are_served_all_the_same() -> None:
    code, status, reasons = ready()
    assert (code, status) == (200, "degraded")
    assert reasons["scheduler"] == "No scheduler has run yet: scheduled mailings wait."
    assert reasons["workers"] == "No worker is alive: what is launched waits."


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_a_scheduler_that_has_gone_is_told() -> None:
    do("UPDATE django_apscheduler_djangojob SET next_run_time = now() - interval '5 min'")
    assert ready()[2]["scheduler"] == "The scheduler is 300 s late: scheduled mailings wait."


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("status", ["Error!", "Max instances reached!"])
def test_a_scheduler_whose_looks_fail_or_hang_is_told_though_it_plans_the_next(status: str) -> None:
    looked(8.5)
    for minutes in (2.5, 1.5, 0.5):
        looked(minutes, status)
    assert re.fullmatch(r"The scheduler is 33\d s late: scheduled mailings wait.", ready()[2]["scheduler"])


def ticks(*, delivers: bool, minutes: float = 0) -> None:
    """Cron has looked for due mailings each minute, at last so long ago."""
    for number in range(3, -1, -1):
        clock.note_tick(timezone.now() - timedelta(minutes=minutes + number), delivers=delivers)


@pytest.mark.django_db
def test_ticks_by_cron_are_scheduler_and_worker() -> None:
    ticks(delivers=True)
    assert ready()[1:] == (
        "ok",
        dict.fromkeys(("cache", "database", "migrations", "scheduler", "workers", "queue"), ""),
    )


@pytest.mark.django_db
def test_ticks_that_only_enqueue_are_no_worker() -> None:
    ticks(delivers=False)
    reasons = ready()[2]
    assert (reasons["scheduler"], reasons["workers"]) == ("", "No worker is alive: what is launched waits.")


@pytest.mark.django_db
def test_ticks_that_have_ended_are_told() -> None:
    ticks(delivers=True, minutes=5)
    reasons = ready()[2]
    assert re.fullmatch(r"The scheduler is 12\d s late: scheduled mailings wait.", reasons["scheduler"])
    assert reasons["workers"] == "No worker is alive: what is launched waits."


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_what_a_scheduler_has_planned_does_not_count_once_cron_looks_instead() -> None:
    do("UPDATE django_apscheduler_djangojob SET next_run_time = now() - interval '5 days'")
    assert ready()[2]["scheduler"].endswith("late: scheduled mailings wait.")
    ticks(delivers=True)
    assert ready()[2]["scheduler"] == ""


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_a_worker_that_was_alive_an_hour_ago_is_not() -> None:
    do("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 h'")
    assert ready()[2]["workers"] == "No worker is alive: what is launched waits."


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_a_job_that_waits_for_long_is_told_and_one_planned_for_later_is_not() -> None:
    enqueue(minutes=-60)
    assert ready()[1] == "ok"
    enqueue(minutes=20)
    assert ready()[2]["queue"] == "The oldest job that is due has waited for 1200 s."


@pytest.mark.django_db
def test_a_database_that_lacks_a_migration_is_not_ready() -> None:
    last = "SELECT max(name) FROM django_migrations WHERE app = 'accounts'"
    do(f"DELETE FROM django_migrations WHERE app = 'accounts' AND name = ({last})")  # noqa: S608
    code, status, reasons = ready()
    assert (code, status) == (503, "failed")
    assert reasons["migrations"] == "Migrations are missing (1): run manage.py migrate."


@pytest.mark.usefixtures("no_database")
def test_a_database_that_is_gone_is_a_503_in_json() -> None:
    assert ready() == (503, "failed", {"cache": "", "database": "The database does not answer."})


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
@pytest.mark.usefixtures("processes")
def test_somebody_logged_in_is_told_the_same() -> None:
    client = Client()
    person = get_user_model().objects.create_user("ann@example.com")
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    assert ready(client) == ready()
