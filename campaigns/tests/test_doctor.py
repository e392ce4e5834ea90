"""`manage.py doctor`: what is well, and what to mend."""

import json
import os
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import OperationalError, connection
from pytest_django import Settings
from redis.exceptions import RedisError

from accounts import roles
from backoffice.health import Finding
from campaigns.management.examination import cache, database, machine, mail
from campaigns.sending import stop
from campaigns.tests import factories, mail_server
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.mail_server import MailServer

pytestmark = pytest.mark.django_db


def one(findings: Iterator[Finding], name: str) -> tuple[str, str]:
    """The status and sentence of the only finding of that name."""
    (found,) = [finding for finding in findings if finding.name == name]
    return found.status, found.reason


def doctor(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def well(name: str) -> Iterator[Finding]:
    yield Finding(name, "ok", "As [it] should be.")


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation in which all is well."""
    for module in (machine, cache, database, mail):
        monkeypatch.setattr(module, "findings", lambda name=module.__name__: well(name))


@pytest.mark.usefixtures("healthy")
def test_where_all_is_well_it_says_so_and_ends_with_0() -> None:
    code, said = doctor()
    assert (code, said.count("As [it] should be.")) == (0, 4)


@pytest.mark.usefixtures("healthy")
def test_what_is_to_be_mended_ends_it_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "findings", lambda: iter([Finding("mail", "failed", "No answer.")]))
    code, said = doctor()
    assert code == 1
    assert "No answer." in said


@pytest.mark.usefixtures("server")
def test_as_json_it_is_one_line_with_every_finding() -> None:
    _code, said = doctor("--json")
    found = json.loads(said)
    assert said.count("\n") == 1
    assert all(finding.keys() == {"name", "status", "reason"} for finding in found)
    names = {finding["name"] for finding in found}
    assert names >= {"settings", "static files", "logs", "cache", "database", "migrations", "workers", "mail"}


def test_a_mail_server_that_answers_is_well_and_gets_no_letter(server: MailServer) -> None:
    assert one(mail.findings(), "mail") == ("ok", f"127.0.0.1:{server.port} answers without TLS.")
    assert (server.connections, server.taken) == (1, [])


def test_a_mail_server_that_is_not_there_is_told(use_smtp: UseMailServer) -> None:
    use_smtp(1)
    assert one(mail.findings(), "mail") == ("failed", "127.0.0.1:1 can not be reached: nothing listens there.")


def test_a_refused_login_is_told(use_smtp: UseMailServer) -> None:
    with mail_server.running() as running:
        use_smtp(running.port, username="ann", password="wrong")
        status, sentence = one(mail.findings(), "mail")
    assert status == "failed"
    assert "login" in sentence


def test_any_other_mail_backend_is_opened(settings: Settings) -> None:
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend", "OPTIONS": {}}}
    assert one(mail.findings(), "mail")[0] == "ok"


def test_a_cache_that_answers_is_named_with_its_version() -> None:
    status, sentence = one(cache.findings(), "cache")
    assert status == "ok"
    assert sentence.endswith("reads and writes.")


def test_a_cache_that_does_not_answer_is_told_with_the_reason(settings: Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "backoffice.caching.FailSafeRedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    status, sentence = one(cache.findings(), "cache")
    assert status == "failed"
    assert "Connection refused" in sentence


def test_an_option_that_the_redis_client_does_not_know_is_told(settings: Settings) -> None:
    location = "redis://127.0.0.1:1/0?CLIENT_CLASS=x"
    settings.CACHES = {"default": {"BACKEND": "backoffice.caching.FailSafeRedisCache", "LOCATION": location}}
    assert "unexpected keyword argument 'CLIENT_CLASS'" in one(cache.findings(), "cache")[1]


def test_a_cache_server_that_gives_a_page_of_advice_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> Finding:
        raise RedisError("DENIED Redis is running in protected mode. " + "You may adopt one of these solutions. " * 20)

    monkeypatch.setattr(cache, "_examined", refuses)
    sentence = one(cache.findings(), "cache")[1]
    assert "protected mode" in sentence
    assert len(sentence) < 300


def test_that_there_is_no_cache_server_is_told_once(settings: Settings) -> None:
    settings.REDIS_URL, settings.DEBUG = "", False
    found = [*machine.findings(), *cache.findings()]
    assert [finding.name for finding in found if "REDIS_URL" in finding.reason] == ["cache"]


def test_a_cache_server_that_is_too_old_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "OLDEST", 99)
    status, sentence = one(cache.findings(), "cache")
    assert status == "failed"
    assert sentence.endswith("is too old: 99 or newer is needed.")


def test_processes_that_are_missing_are_told() -> None:
    found = list(database.findings())
    assert one(iter(found), "database")[0] == "ok"
    assert one(iter(found), "workers") == ("degraded", "No worker is alive: what is launched waits.")


def test_a_database_that_does_not_answer_is_told_and_ends_nothing() -> None:
    def gone(*_args: Any) -> Any:
        raise OperationalError("connection refused\nIs it running?")

    with connection.execute_wrapper(gone):
        assert one(database.findings(), "database") == (
            "failed",
            "connection refused. Look at the DB_ variables.",
        )


def test_too_few_connections_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "FULL_PERCENT", 0)
    assert one(database.findings(), "connections")[0] == "failed"


def test_a_machine_whose_clock_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CLOCKS_APART_SECONDS", -1)
    assert one(database.findings(), "clock")[0] == "failed"


def test_a_stop_of_all_sending_is_told() -> None:
    stop.press(factories.user("manager", full_name="Ann"), "wrong prices")
    assert one(database.findings(), "sending")[1].startswith("Ann stopped all sending: wrong prices")


def test_what_the_system_checks_find_is_told(settings: Settings) -> None:
    settings.SECRET_KEY = "short"
    settings.DEBUG = False
    assert any(finding.name == "settings" and "SECRET_KEY" in finding.reason for finding in machine.findings())


def test_debug_is_told(settings: Settings) -> None:
    settings.DEBUG = True
    assert one(machine.findings(), "settings")[1].startswith("DEBUG is on")


@pytest.mark.parametrize("collected", [None, "other", "current"])
def test_static_files_that_are_missing_or_old_are_told(settings: Settings, tmp_path: Path, collected: str) -> None:
    settings.DEBUG, settings.STATIC_ROOT = False, tmp_path
    style = tmp_path / machine.OUR_STYLE
    style.parent.mkdir()
    if collected == "current":
        shutil.copy(str(finders.find(machine.OUR_STYLE)), style)
    elif collected:
        style.write_text("* {}")
    ends = {
        None: "They have not been collected",
        "other": "They are of another version",
        "current": "They are collected",
    }
    assert one(machine.findings(), "static files")[1].startswith(ends[collected])


def test_a_disk_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    settings.LOG_DIR = tmp_path
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=5_000_000))
    status, sentence = one(machine.findings(), "logs")
    assert (status, sentence.startswith("0.0 GB are free")) == ("failed", True)


def test_a_log_that_is_another_users_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    settings.LOG_DIR = tmp_path
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app_info.log").touch()
    # Whoever runs this may be root, who may write everything.
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).suffix != ".log")
    status, sentence = one(machine.findings(), "logs")
    assert (status, sentence.startswith(f"{tmp_path}/app/app_info.log can not be written")) == ("failed", True)


def test_roles_that_lack_permissions_of_this_version_are_named_with_what_mends_them() -> None:
    for name in roles.PERMISSIONS:
        roles.role(name)
    assert one(database.findings(), "roles")[0] == "ok"
    operator = roles.role(roles.OPERATOR)
    operator.permissions.remove(operator.permissions.get(codename="send_mailing"))
    status, said = one(database.findings(), "roles")
    assert status == "failed"
    assert "seed_managers --roles" in said
    assert "operator: campaigns.send_mailing." in said
