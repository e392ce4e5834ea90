"""The settings as a command starts with them: what is wrong is one sentence."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTHING = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP")}
GOOD = {"SECRET_KEY": "k" * 60, "DB_HOST": "127.0.0.1", "ENV_FILE": os.devnull}


UNREADABLE = "REDIS_URL can not be read: in its password write / as %2F, # as %23 and ? as %3F."


def run(*arguments: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    environment = NOTHING | {name: value for name, value in (GOOD | variables).items() if value is not None}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60, check=False)


def complaint(**variables: str | None) -> str:
    """What manage.py says and ends with 1."""
    process = run("manage.py", "version", **variables)
    assert (process.returncode, process.stdout) == (1, ""), process.stderr
    assert re.fullmatch(r"Settings: [^\n]+\n", process.stderr), process.stderr
    return process.stderr.removeprefix("Settings: ").strip()


def value(expression: str, **variables: str | None) -> Any:
    """What the settings are with these variables."""
    code = f"import json; from django.conf import settings as s; print(json.dumps({expression}, default=str))"
    process = run("-c", code, **variables, DJANGO_SETTINGS_MODULE="backoffice.settings")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY must be set."),
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set."),
        ({"SECRET_KEY": None, "SECRET_KEY_FILE": "/none"}, "SECRET_KEY_FILE must name a file that can be read."),
        ({"DEBUG": "maybe"}, "DEBUG must be True or False, not 'maybe'."),
        ({"DEBUG_FILE": "/none"}, "DEBUG_FILE must name a file that can be read."),
        ({"DB_PORT": "0"}, "DB_PORT must be a whole number from 1 to 65,535, not '0'."),
        ({"SMTP_PORT": "smtp"}, "SMTP_PORT must be a whole number from 1 to 65,535, not 'smtp'."),
        (
            {"SMTP_USE_TLS": "yes", "SMTP_USE_SSL": "yes"},
            "SMTP_USE_TLS and SMTP_USE_SSL exclude each other: set one of them to False.",
        ),
        ({"SMTP_CA": "a friend"}, "SMTP_CA must hold certificates in PEM."),
        ({"SMTP_AUTH": "ntlm"}, "SMTP_AUTH must be password or xoauth2, not 'ntlm'."),
        (
            {"SMTP_LOCAL_HOSTNAME": "my office"},
            "SMTP_LOCAL_HOSTNAME must be a host name, or an address in brackets, not 'my office'.",
        ),
        ({"TIME_ZONE": "Mars/Olympus"}, "TIME_ZONE must be a time zone such as Europe/Berlin, not 'Mars/Olympus'."),
        ({"LANGUAGE_CODE": "tlh"}, "LANGUAGE_CODE must be one of en, not 'tlh'."),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'."),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be one of line, json, not 'xml'."),
        ({"LOG_KEEP_DAYS": "0"}, "LOG_KEEP_DAYS must be a whole number from 1 to 3,650, not '0'."),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must begin with redis://, rediss:// or unix://."),
        ({"REDIS_URL": "redis://:pass#word@localhost:6379"}, UNREADABLE),
        ({"REDIS_URL": "redis://:123/word@localhost:6379"}, UNREADABLE),
        ({"EMAIL_BACKEND": "nowhere.Backend"}, "EMAIL_BACKEND must be a mail backend, not 'nowhere.Backend'."),
        ({"EMAIL_BACKEND": "smtp"}, "EMAIL_BACKEND must be a mail backend, not 'smtp'."),
    ],
)
def test_a_wrong_setting_is_one_sentence(variables: dict[str, str | None], sentence: str) -> None:
    assert complaint(**variables) == sentence


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, ROOT / "logs"),
        ({"LOG_DIR": "elsewhere/logs"}, ROOT / "elsewhere/logs"),
        ({"LOG_DIR": "/var/log/autosend"}, Path("/var/log/autosend")),
        ({"LOG_DIR": " "}, None),
    ],
)
def test_the_folder_of_the_logs(variables: dict[str, str], folder: Path | None) -> None:
    assert value("s.LOG_DIR", **variables) == (folder and str(folder))


def test_without_a_database_and_local_servers_it_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from backoffice import embedded; embedded.running = lambda directory: {};"
        "sys.argv = ['manage.py', 'version']; import manage; manage.main()"
    )
    process = run("-c", code, DB_HOST=None)
    assert process.returncode == 1
    assert process.stderr.startswith("Settings: DB_HOST is not set and no local servers are running: set it in .env")
    assert process.stderr.count("\n") == 1


def test_with_debug_no_secret_key_is_needed() -> None:
    assert value("[s.DEBUG, len(s.SECRET_KEY) > 50]", SECRET_KEY=None, DEBUG="True") == [True, True]


def test_in_production_connections_are_made_safe() -> None:
    expression = (
        "[s.DEBUG, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS]"
    )
    assert value(expression) == [False, True, True, True, 3600]


def test_the_smtp_variables_are_the_mailers_options() -> None:
    variables = {
        "SMTP_HOST": "mail.example.com", "SMTP_PORT": "587", "SMTP_USE_TLS": "True", "SMTP_USER": "ann",
        "SMTP_PASSWORD": "secret", "SMTP_TIMEOUT": "9", "SMTP_AUTH": "xoauth2", "SMTP_LOCAL_HOSTNAME": "office.example",
    }  # fmt: skip
    assert value("s.MAILERS['default']", **variables) == {
        "BACKEND": "backoffice.smtp.EmailBackend",
        "OPTIONS": {
            "host": "mail.example.com", "port": 587, "use_tls": True, "use_ssl": False, "ca": "", "auth": "xoauth2",
            "username": "ann", "password": "secret", "password_file": "", "local_hostname": "office.example",
            "timeout": 9, "data_timeout": 300,
        },
    }  # fmt: skip


def test_djangos_smtp_backend_means_the_one_that_takes_all_smtp_variables() -> None:
    backend = "django.core.mail.backends.smtp.EmailBackend"
    assert value("s.MAILERS['default']['BACKEND']", EMAIL_BACKEND=backend) == "backoffice.smtp.EmailBackend"


def test_a_password_file_is_named_so_that_it_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    options = value("s.MAILERS['default']['OPTIONS']", SMTP_PASSWORD_FILE=str(file))
    assert (options["password"], options["password_file"]) == ("secret", str(file))


def test_a_login_in_the_open_must_be_meant() -> None:
    assert complaint(SMTP_USER="ann").startswith("SMTP_USER without TLS lets others read the password")
    assert value("s.MAILERS['default']['OPTIONS']['username']", SMTP_USER="ann", SMTP_USE_TLS="False") == "ann"


def test_another_mail_backend_gets_none_of_smtps_options() -> None:
    backend = "django.core.mail.backends.console.EmailBackend"
    assert value("s.MAILERS['default']", EMAIL_BACKEND=backend) == {"BACKEND": backend, "OPTIONS": {}}


def test_the_system_writes_as_the_sender_unless_told_otherwise() -> None:
    assert value("s.SERVER_EMAIL", DEFAULT_FROM_EMAIL="ann@example.com") == "ann@example.com"


def test_without_redis_each_process_has_a_cache_of_its_own() -> None:
    assert value("s.CACHES['default']['BACKEND']", REDIS_URL=None).endswith("LocMemCache")


def test_with_redis_the_cache_is_the_fail_safe_one() -> None:
    cache = value("s.CACHES['default']", REDIS_URL="redis://cache.example.com:6379/3")
    assert (cache["BACKEND"], cache["LOCATION"]) == (
        "backoffice.caching.FailSafeRedisCache",
        "redis://cache.example.com:6379/3",
    )


def test_an_env_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("DB_NAME=campaigns\nDB_PASSWORD=secret\n")
    expression = "[s.DATABASES['default'][name] for name in ('NAME', 'PASSWORD')]"
    assert value(expression, ENV_FILE=str(tmp_path / "env")) == ["campaigns", "secret"]


def test_every_variable_that_is_read_is_in_the_example_and_the_documentation() -> None:
    source = "".join(path.read_text() for path in (ROOT / "backoffice").glob("*.py"))
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source)) - {"ENV_FILE"}
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text()))
    assert read - example == set()
    assert read - documented == set()


def test_a_probe_needs_neither_tls_nor_our_host_name() -> None:
    code = (
        "import django; django.setup();"
        "from django.test import Client; print(Client().get('/health/live', SERVER_NAME='10.0.0.7').status_code)"
    )
    process = run("-W", "ignore", "-c", code, DJANGO_SETTINGS_MODULE="backoffice.settings")
    assert process.stdout.strip() == "200", process.stderr
