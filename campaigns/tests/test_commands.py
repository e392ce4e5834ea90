"""The commands, as people and cron call them: what they do, say, and exit with."""

import json
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import ProgrammingError, connection
from django.db.models import Model
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from backoffice import clock, pulse
from campaigns import lifecycle, scheduler
from campaigns.models import ImportJob, Mailing, MailingAttempt, Message, Recipient
from campaigns.models.log import Status
from campaigns.sending.engine import Engine
from campaigns.sending.queue.worker import run
from campaigns.tests import factories
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.importing import received
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

COMMANDS = (
    "run_scheduler",
    "stop_scheduler",
    "scheduler_status",
    "run_worker",
    "send_due_mailings",
    "send_mailing",
    "seed_demo",
    "seed_managers",
    "serve",
    "import_recipients",
    "run_import",
)


class Called:
    """What came of a command that was called in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        capsys.readouterr()
        self.status = 0
        try:
            execute_from_command_line(["manage.py", *arguments])
        except SystemExit as error:
            self.status = error.code if isinstance(error.code, int) else 0
        self.out, self.err = capsys.readouterr()


@pytest.fixture
def manage(capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda *arguments: Called(capsys, *map(str, arguments))


def due(**fields: Any) -> Mailing:
    """A mailing whose time has come."""
    now = timezone.now()
    fields = {"start_at": now - timedelta(minutes=1), "end_at": now + timedelta(hours=1), **fields}
    mailing = factories.mailing(**{"audience": 3, **fields})
    lifecycle.schedule(mailing)
    return mailing


@pytest.fixture
def kept_too_long() -> ImportJob:
    """An import that nobody has confirmed in all the time that its file is kept."""
    job = received(factories.user("operator"), "email\nanna@example.com\n")
    ImportJob.objects.update(created_at=timezone.now() - timedelta(days=settings.IMPORT_KEEP_DAYS, minutes=1))
    return job


def ended(job: ImportJob) -> bool:
    job.refresh_from_db()
    return job.state == ImportJob.State.CANCELLED


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, manage: Any) -> None:
    called = manage(name, "--help")
    assert (called.status, called.err) == (0, "")
    assert "usage:" in called.out
    assert len(called.out.partition("options:")[0]) > 200, "there is more than its options"


@pytest.mark.parametrize("name", ["run_scheduler", "send_due_mailings", "send_mailing"])
def test_the_exit_statuses_are_explained(name: str, manage: Any) -> None:
    assert "Exit status:" in " ".join(manage(name, "--help").out.split())


# send_mailing


def test_a_mailing_is_delivered_in_the_foreground(manage: Any, server: MailServer) -> None:
    mailing = factories.mailing(audience=3, name="Spring")
    called = manage("send_mailing", "--id", mailing.pk)
    assert called.status == 0
    assert server.addresses == Counter(mailing.recipients.values_list("email", flat=True))
    assert "of “Spring”: Success; 3 rows: 3 sent" in called.out


def test_a_mailing_is_delivered_to_new_recipients_only(manage: Any, server: MailServer) -> None:
    mailing = factories.mailing(audience=3, name="Spring")
    manage("send_mailing", "--id", mailing.pk)
    assert "“Spring” has no new recipients" in manage("send_mailing", "--id", mailing.pk, "--new-only").err
    mailing.recipients.add(factories.recipient(mailing.owner))
    assert "1 rows: 1 sent" in manage("send_mailing", "--id", mailing.pk, "--new-only").out
    assert server.addresses.total() == len(server.addresses) == 4


def test_a_mailing_of_which_something_failed_exits_with_1(manage: Any, server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    bad = mailing.recipients.all()[0]
    server.at_rcpt[bad.email] = ["550 5.1.1 no such user"]
    called = manage("send_mailing", "--id", mailing.pk)
    assert called.status == 1
    assert "2 sent, 1 errors" in called.out


def test_a_mail_server_that_is_not_there_exits_with_1_and_says_why(manage: Any, use_smtp: UseMailServer) -> None:
    use_smtp(1)
    called = manage("send_mailing", "--id", factories.mailing(audience=3).pk)
    assert called.status == 1
    assert "Paused (" in called.out
    assert "3 open" in called.out


def test_a_mailing_that_is_not_there_exits_with_2_and_a_sentence(manage: Any) -> None:
    called = manage("send_mailing", "--id", 999_999)
    assert (called.status, called.out) == (2, "")
    assert called.err.strip().endswith("There is no mailing 999999.")
    assert "Traceback" not in called.err


def test_a_mailing_that_can_not_start_exits_with_2_and_a_sentence(manage: Any) -> None:
    called = manage("send_mailing", "--id", factories.mailing(audience=0, name="Spring").pk)
    assert called.status == 2
    assert "“Spring” has no recipients." in called.err


@pytest.mark.parametrize("arguments", [(), ("--id",), ("--id", "abc"), ("--id", "1", "--nonsense")])
def test_arguments_that_are_wrong_exit_with_2(arguments: tuple[str, ...], manage: Any) -> None:
    called = manage("send_mailing", *arguments)
    assert called.status == 2
    assert "usage:" in called.err


def test_a_dry_run_composes_every_letter_and_opens_no_connection(manage: Any, server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    called = manage("send_mailing", "--id", mailing.pk, "--dry-run")
    assert (called.status, server.connections) == (0, 0)
    assert "3 rows: 3 composed in a dry run" in called.out
    assert mailing.attempts.get().dry_runs == 3
    assert Mailing.objects.get(pk=mailing.pk).status == Mailing.Status.DRAFT


def test_a_dry_run_tells_what_would_go_wrong(manage: Any, server: MailServer) -> None:
    owner = factories.user()
    people = [factories.recipient(owner, attributes={"city": "Rome"}), factories.recipient(owner, "poor@example.com")]
    called = manage(
        "send_mailing", "--dry-run", "--id", factories.mailing(owner, people, body="{{ attributes.city }}").pk
    )
    log = MailingAttempt.objects.get().logs.get(email="poor@example.com")
    assert (called.status, log.status) == (1, Status.ERROR)
    assert "attributes.city" in log.detail


def test_with_enqueue_the_delivery_is_left_to_workers(manage: Any, server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    called = manage("send_mailing", "--id", mailing.pk, "--enqueue")
    assert (called.status, server.connections) == (0, 0)
    assert ProcrastinateJob.objects.filter(status="todo").count() == 1
    assert "Queued; 3 rows: 3 open" in called.out


def test_the_figures_as_json_are_those_of_the_ledger(manage: Any, server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    server.at_data[mailing.recipients.all()[0].email] = ["554 5.7.1 no"]
    figures = json.loads(manage("send_mailing", "--json", "--id", mailing.pk).out)
    statuses = Counter(mailing.attempts.get().logs.values_list("status", flat=True))
    assert (figures["mailing"], figures["status"], figures["total"], figures["open"]) == (mailing.pk, "partial", 3, 0)
    assert (figures["sent"], figures["errors"]) == (statuses[Status.SENT], statuses[Status.ERROR]) == (2, 1)


def test_the_attempt_has_a_request_id_of_its_own(manage: Any, server: MailServer) -> None:
    manage("send_mailing", "--id", factories.mailing().pk)
    assert len(MailingAttempt.objects.get().request_id) == 32


# send_due_mailings


def test_what_is_due_is_delivered_and_nothing_else(manage: Any, server: MailServer) -> None:
    mailing = due()
    lifecycle.schedule(factories.mailing(start_at=timezone.now() + timedelta(hours=1)))
    factories.mailing()
    called = manage("send_due_mailings")
    assert called.status == 0
    assert server.addresses == Counter(mailing.recipients.values_list("email", flat=True))
    assert MailingAttempt.objects.get().triggered_by is None


def test_a_mailing_that_has_ended_is_not_sent(manage: Any, server: MailServer) -> None:
    mailing = due()
    Mailing.objects.filter(pk=mailing.pk).update(end_at=timezone.now() - timedelta(seconds=1))
    called = manage("send_due_mailings")
    assert (called.status, called.out, server.connections) == (0, "Nothing is due.\n", 0)


def test_due_mailings_of_which_something_failed_exit_with_1(manage: Any, server: MailServer) -> None:
    good, bad = due(), due()
    server.at_rcpt[bad.recipients.all()[0].email] = ["550 no"]
    assert manage("send_due_mailings").status == 1
    assert good.attempts.get().status == MailingAttempt.Status.SUCCESS


def test_due_mailings_can_be_left_to_workers(manage: Any, server: MailServer) -> None:
    mailing = due()
    assert manage("send_due_mailings", "--enqueue").status == 0
    assert (mailing.attempts.get().open, server.connections) == (3, 0)


def test_two_at_once_send_a_mailing_once(server: MailServer, tmp_path: Path) -> None:
    mailings = [due() for _ in range(3)]
    with running(tmp_path, "send_due_mailings") as one, running(tmp_path, "send_due_mailings") as two:
        assert (one.end(), two.end()) == (0, 0), one.written + two.written
    assert [mailing.attempts.count() for mailing in mailings] == [1, 1, 1]
    assert set(server.addresses.values()) == {1}
    assert server.addresses.total() == 9


def test_what_a_tick_that_was_killed_has_left_is_ended_by_the_next(
    server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STALLED_WORKER_SECONDS", "2")
    mailing = due(audience=1000)
    with running(tmp_path, "send_due_mailings") as killed:
        wait_until(lambda: len(server.taken) > 20)
        server.open.clear()
        assert server.waiting.wait(60)
        killed.kill()
    server.open.set()
    time.sleep(2)  # then it is no longer taken for alive
    with running(tmp_path, "send_due_mailings") as following:
        following.end()
    attempt = mailing.attempts.get()
    outcomes = {log.email: log.status for log in attempt.logs.all()}
    assert attempt.finished_at, following.written
    assert set(outcomes.values()) == {Status.SENT, Status.UNCONFIRMED}
    assert set(server.addresses.values()) == {1}
    assert {email for email, status in outcomes.items() if status == Status.SENT} <= set(server.addresses)


def test_what_people_have_launched_is_delivered_where_there_is_no_worker(manage: Any, server: MailServer) -> None:
    attempt = lifecycle.launch(factories.mailing(audience=3), None)
    assert manage("send_due_mailings").status == 0
    attempt.refresh_from_db()
    assert (attempt.sent, server.addresses.total()) == (3, 3)


def test_what_people_have_launched_is_left_to_a_worker_that_is_alive(manage: Any, server: MailServer) -> None:
    lifecycle.launch(factories.mailing(), None)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    called = manage("send_due_mailings")
    assert (called.out, server.connections) == ("Nothing is due.\n", 0)


def test_what_people_have_launched_is_left_to_workers_with_enqueue(manage: Any, server: MailServer) -> None:
    lifecycle.launch(factories.mailing(), None)
    called = manage("send_due_mailings", "--enqueue")
    assert (called.out, server.connections) == ("Nothing is due.\n", 0)


def test_a_launch_that_can_still_be_undone_is_not_waited_for(manage: Any, server: MailServer) -> None:
    lifecycle.launch(factories.mailing(), None, undo_seconds=600)
    called = manage("send_due_mailings")
    assert (called.out, server.connections) == ("Nothing is due.\n", 0)


@pytest.mark.parametrize("options", [(), ("--enqueue",)])
def test_a_tick_leaves_a_sign_of_its_look(manage: Any, options: tuple[str, ...]) -> None:
    manage("send_due_mailings", *options)
    assert pulse.scheduler_late() is not None
    assert clock.cron_delivers() is not bool(options)


def test_a_tick_does_the_housekeeping_where_there_is_no_scheduler(manage: Any, kept_too_long: ImportJob) -> None:
    assert manage("send_due_mailings").status == 0
    assert ended(kept_too_long)


def test_what_fails_of_the_housekeeping_is_logged_and_the_rest_is_done(
    manage: Any, kept_too_long: ImportJob, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_apscheduler_djangojobexecution RENAME COLUMN run_time TO ran_at")
        try:
            with pytest.raises(ProgrammingError):
                scheduler.prune_executions()
            scheduler.keep_house()
        finally:
            cursor.execute("ALTER TABLE django_apscheduler_djangojobexecution RENAME COLUMN ran_at TO run_time")
    assert "The job failed." in caplog.text
    assert ended(kept_too_long)


def test_a_tick_leaves_the_housekeeping_to_a_scheduler_that_leads(manage: Any, kept_too_long: ImportJob) -> None:
    leader = scheduler.LeaderLock()
    assert leader.acquire()
    try:
        assert manage("send_due_mailings").status == 0
    finally:
        leader.release()
    assert not ended(kept_too_long)


def test_a_mailing_that_is_paused_is_not_waited_for(manage: Any, server: MailServer) -> None:
    mailing = factories.mailing()
    lifecycle.launch(mailing, None)
    lifecycle.pause(mailing)
    called = manage("send_due_mailings")
    assert (called.out, server.connections) == ("Nothing is due.\n", 0)


# run_worker


def test_a_worker_delivers_what_others_launch_and_ends_when_asked(server: MailServer, tmp_path: Path) -> None:
    mailing = factories.mailing(audience=3)
    send = ("send_mailing", "--id", str(mailing.pk), "--enqueue", "--wait")
    with running(tmp_path, "run_worker") as worker, running(tmp_path, *send) as sender:
        assert (sender.end(), server.addresses.total()) == (0, 3), sender.written + worker.written
        worker.send(signal.SIGTERM)
        assert worker.end() == 0
        assert "The worker has stopped." in worker.written


def test_a_worker_asked_to_stop_lets_the_letters_under_way_settle(server: MailServer, tmp_path: Path) -> None:
    attempt = lifecycle.launch(factories.mailing(audience=200), None)
    server.open.clear()
    with running(tmp_path, "run_worker") as worker:
        assert server.waiting.wait(60)
        worker.send(signal.SIGINT)
        server.open.set()
        assert worker.end() == 0
    counted = Counter(attempt.logs.values_list("status", flat=True))
    assert counted[Status.SENT] == server.addresses.total() >= 1
    assert counted[Status.UNCONFIRMED] == attempt.logs.in_flight().count() == 0
    assert ProcrastinateJob.objects.filter(status="todo").exists()


def test_a_worker_asked_to_stop_before_it_has_begun_ends_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_at_once() -> Engine:
        signal.raise_signal(signal.SIGINT)
        return Engine()

    monkeypatch.setattr("campaigns.sending.queue.worker.Engine", asked_at_once)
    try:
        run()
    except KeyboardInterrupt:
        pytest.fail("It was interrupted.")


def test_who_watches_workers_can_stop_watching(server: MailServer, tmp_path: Path) -> None:
    mailing = factories.mailing(audience=3)
    with running(tmp_path, "send_mailing", "--id", str(mailing.pk), "--enqueue", "--wait") as watching:
        wait_until(lambda: mailing.attempts.exists())
        watching.send(signal.SIGINT)
        assert (watching.end(), "Traceback" in watching.written) == (130, False)


# seed_demo and seed_managers


def contents() -> dict[type[Model], list[Any]]:
    through = Mailing.recipients.through
    models: tuple[Any, ...] = (User, User.groups.through, Recipient, Message, Mailing, through)
    return {model: list(model.objects.order_by("pk").values()) for model in models}


@pytest.mark.parametrize("name", ["seed_demo", "seed_managers"])
def test_seeding_twice_leaves_what_the_first_made(name: str, manage: Any) -> None:
    assert manage(name).status == 0
    before = contents()
    assert manage(name).status == 0
    assert contents() == before


def test_the_demo_can_be_sent(manage: Any, server: MailServer) -> None:
    made = json.loads(manage("seed_demo", "--json").out)
    called = manage("send_mailing", "--id", made["mailing"])
    assert (called.status, server.addresses.total()) == (0, 20)


def test_the_demos_passwords_open_the_accounts(manage: Any) -> None:
    made = json.loads(manage("seed_demo", "--json").out)
    for login in made["logins"]:
        assert User.objects.get(email=login["email"]).check_password(login["password"])
    assert {login["role"] for login in made["logins"]} == {"superuser", "operator"}


def test_the_demo_takes_its_recipients_from_a_file(manage: Any, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,full_name,city\nanna@example.com,Anna,Rome\n")
    made = json.loads(manage("seed_demo", "--json", "--recipients", file).out)
    assert [r.attributes for r in Mailing.objects.get(pk=made["mailing"]).recipients.all()] == [{"city": "Rome"}]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name\nAnna\n", "No column holds the e-mail addresses"),
        (b"email\nno address\n", "Line 2: “no address” is not a valid e-mail address."),
        (bytes(range(256)), "not a text"),
        (None, "No such file"),
    ],
)
def test_a_file_that_can_not_be_imported_is_a_sentence_and_nothing_is_made(
    content: bytes | None, sentence: str, manage: Any, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    if content is not None:
        file.write_bytes(content)
    called = manage("seed_demo", "--recipients", file)
    assert called.status == 1
    assert sentence in called.err
    assert not User.objects.exists()
