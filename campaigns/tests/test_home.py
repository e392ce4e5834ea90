"""A copy of the database sends nothing until a person says so; nor does a site with SENDING_ENABLED off."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.lifecycle import SendingStopped
from campaigns.models import Mailing, SendingHome, SendingStop
from campaigns.sending import home, stop
from campaigns.sending.stop import StopError
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import environment, running
from campaigns.tests.scene import logged_in
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db

OFF = "Nothing is sent here: SENDING_ENABLED is off."


def launched(**fields: Any) -> Mailing:
    mailing = factories.mailing(**fields)
    lifecycle.launch(mailing, None)
    return mailing


def restored() -> None:
    """As if this were a copy of a database that has begun to send elsewhere."""
    home.hold_copies()
    SendingHome.objects.update(database_oid=1, database_name="production")


def status(mailing: Mailing) -> str:
    mailing.refresh_from_db()
    return mailing.status


def test_the_database_in_which_a_worker_begins_is_remembered_and_sends() -> None:
    home.hold_copies()
    home.hold_copies()
    assert SendingHome.objects.get().database_name == connection.settings_dict["NAME"]
    assert SendingStop.objects.in_force() is None


@pytest.mark.parametrize("changed", [{"system_identifier": 1}, {"database_oid": 1}, {"database_name": "production"}])
def test_a_database_with_another_identity_is_stopped(changed: dict[str, Any]) -> None:
    home.hold_copies()
    SendingHome.objects.update(**changed)
    mailing = launched()
    home.hold_copies()
    assert status(mailing) == "paused"


def test_the_stop_says_what_it_is_about_and_that_nobody_pressed_it() -> None:
    restored()
    home.hold_copies()
    assert str(SendingStop.objects.in_force()) == (
        "All sending is stopped: This database was restored or copied from “production”. "
        "Resume only where it is meant to send."
    )


def test_it_stays_stopped_until_a_person_resumes_and_then_sends_for_good() -> None:
    restored()
    mailing = launched()
    home.hold_copies()
    home.hold_copies()
    stop.lift(factories.user("manager"))
    home.hold_copies()
    assert (SendingStop.objects.in_force(), status(mailing)) == (None, "running")


def test_a_copy_that_has_come_stopped_stays_so_and_says_that_it_is_one() -> None:
    restored()
    manager = factories.user("manager")
    stop.press(manager, "wrong prices")
    home.hold_copies()
    home.hold_copies()
    [pressed] = SendingStop.objects.filter(ended_at=None)
    assert (pressed.started_by, pressed.reason) == (
        manager,
        "This database was restored or copied from “production”. Resume only where it is meant to send. wrong prices",
    )


def test_a_copy_that_is_stopped_is_not_stopped_again_at_every_look() -> None:
    restored()
    home.hold_copies()
    with CaptureQueriesContext(connection) as statements:
        home.hold_copies()
    assert not [each["sql"] for each in statements if "INSERT" in each["sql"] or "advisory" in each["sql"]]


def test_the_scheduler_launches_nothing_in_a_copy() -> None:
    restored()
    mailing = factories.mailing(start_at=timezone.now() - timedelta(minutes=1))
    lifecycle.schedule(mailing)
    assert lifecycle.launch_due() == []
    assert status(mailing) == "scheduled"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_starts_in_a_copy_sends_nothing(server: MailServer) -> None:
    restored()
    mailing = launched(audience=3)
    work()
    assert (server.taken, status(mailing)) == ([], "paused")


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Any]:
    """Dumps this database, restores it beside itself, and returns the copy's name."""
    if not shutil.which("pg_dump"):
        pytest.skip("There is no pg_dump.")
    database: dict[str, Any] = connection.settings_dict
    name, dump = f"{database['NAME']}_copy", str(tmp_path / "dump")
    where = ["-h", str(database["HOST"]), "-p", str(database["PORT"] or 5432), "-U", str(database["USER"])]
    given = environment() | {"PGPASSWORD": str(database["PASSWORD"])}

    def make() -> str:
        taken = subprocess.run(
            ["pg_dump", *where, "-Fc", "-f", dump, str(database["NAME"])],
            env=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "version mismatch" in taken.stderr:
            pytest.skip("pg_dump is older than the server.")
        taken.check_returncode()
        drop()
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        subprocess.run(["pg_restore", *where, "-d", name, "--exit-on-error", dump], env=given, check=True)
        return name

    def drop() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    yield make
    drop()


@pytest.mark.django_db(transaction=True)
def test_a_dump_that_is_restored_beside_the_original_sends_nothing(
    copy: Any, server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.hold_copies()
    mailing = launched(audience=3)
    name = copy()
    with psycopg.connect(**{**connection.get_connection_params(), "dbname": name}, autocommit=True) as there:
        monkeypatch.setitem(connection.settings_dict, "NAME", name)
        with running(tmp_path, "run_worker") as worker:
            worker.says("All sending is stopped")
            worker.says("The worker is waiting")
        monkeypatch.undo()
        found = there.execute("SELECT status FROM campaigns_mailing").fetchall()
        assert (found, server.taken) == ([("paused",)], [])
    work()
    assert (status(mailing), len(server.taken)) == ("finished", 3)


@pytest.fixture
def disabled(settings: Settings) -> None:
    settings.SENDING_ENABLED = False


@pytest.mark.usefixtures("disabled")
def test_where_sending_is_disabled_nothing_can_be_launched() -> None:
    with pytest.raises(SendingStopped, match=OFF):
        lifecycle.launch(factories.mailing(), None)


@pytest.mark.usefixtures("disabled")
def test_where_sending_is_disabled_due_mailings_wait() -> None:
    mailing = factories.mailing(start_at=timezone.now() - timedelta(minutes=1))
    lifecycle.schedule(mailing)
    assert (lifecycle.launch_due(), status(mailing)) == ([], "scheduled")


@pytest.mark.usefixtures("disabled")
def test_where_sending_is_disabled_a_stop_is_not_lifted() -> None:
    stop.press(factories.user("manager"), "wrong prices")
    with pytest.raises(StopError, match=OFF):
        stop.lift(factories.user("manager"))


@pytest.mark.django_db(transaction=True)
def test_where_sending_is_disabled_a_worker_pauses_what_it_finds_with_the_reason(
    server: MailServer, settings: Settings
) -> None:
    mailing = launched(audience=3)
    settings.SENDING_ENABLED = False
    work()
    assert (server.taken, status(mailing), mailing.attempts.get().server_response) == ([], "paused", OFF)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("disabled")
def test_where_sending_is_disabled_a_dry_run_goes_on(server: MailServer) -> None:
    attempt = lifecycle.launch(factories.mailing(audience=3), None, dry_run=True)
    work()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.dry_runs) == ("success", 3)


@pytest.mark.parametrize("enabled", [True, False])
def test_every_page_says_whether_sending_is_disabled(settings: Settings, enabled: bool) -> None:
    settings.SENDING_ENABLED = enabled
    page = logged_in(factories.user("operator")).get("/admin/").content.decode()
    assert ("Nothing is sent here." in page) is not enabled
