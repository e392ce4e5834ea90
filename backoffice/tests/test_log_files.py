"""What the processes write into LOG_DIR, and what of it is kept."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from portalocker import LOCK_EX, lock

from backoffice import log_files, sql_log
from backoffice.correlation import correlated, working
from backoffice.log_files import DailyFile

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import logging, sys
from pathlib import Path
from backoffice import log_files
log_files.PATIENCE_SECONDS = 60.0
handler = log_files.DailyFile(Path(sys.argv[1]), 1)
for number in range(int(sys.argv[2])):
    handler.emit(logging.makeLogRecord({"msg": f"{sys.argv[3]}:{number}:" + "x" * 5000}))
"""


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """LOG_DIR; what is opened in it is closed after the test."""
    settings.LOG_DIR = tmp_path / "logs"
    root = logging.getLogger()
    hook, level = sys.excepthook, root.level
    root.setLevel(logging.INFO)
    yield settings.LOG_DIR
    sys.excepthook = hook
    root.setLevel(level)
    for logger in (root, sql_log.logger):
        for handler in [each for each in logger.handlers if isinstance(each, DailyFile)]:
            logger.removeHandler(handler)
            handler.close()


def daily(path: Path, keep_days: int = 1, *, dated: bool = False) -> DailyFile:
    return DailyFile(path, keep_days, dated=dated)


def say(handler: DailyFile, words: str) -> None:
    handler.emit(logging.makeLogRecord({"msg": words}))


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text() if (folder / name).exists() else ""


def days_ago(days: float) -> float:
    return time.time() - days * 86_400


def day(moment: float) -> str:
    return time.strftime("%Y%m%d", time.localtime(moment))


def today() -> str:
    return day(time.time())


def test_the_web_writes_errors_also_into_a_file_of_their_own(folder: Path) -> None:
    log_files.write("app")
    logging.getLogger("some").info("a remark")
    logging.getLogger("some").error("a fault")
    written = read(folder, "app/app_info.log")
    assert "a remark" in written
    assert "a fault" in written
    assert "a fault" in read(folder, "app/app_errors.log")
    assert "a remark" not in read(folder, "app/app_errors.log")


def test_a_worker_writes_into_the_file_of_the_day(folder: Path) -> None:
    log_files.write("worker")
    logging.getLogger("some").info("a remark")
    assert "a remark" in read(folder, f"worker/worker_{today()}.log")
    assert not read(folder, "app/app_info.log")


def test_the_scheduler_and_its_jobs_have_files_apart(folder: Path) -> None:
    log_files.write("scheduler")
    logging.getLogger("some").info("I lead")
    with working(job="tick"):
        logging.getLogger("some").info("I tick")
    [run] = read(folder, f"scheduler/run_{today()}.log").splitlines()
    [jobs] = read(folder, f"scheduler/jobs_{today()}.log").splitlines()
    assert run.endswith(" I lead")
    assert jobs.endswith(" job=tick I tick")


def test_lines_say_whose_work_they_are_about(folder: Path) -> None:
    log_files.write("worker")
    with correlated("a-request-of-mine", "ann@example.com"), working(job=7, attempt=5, mailing=3):
        logging.getLogger("some").info("done")
    expected = f"some[{os.getpid()}] request_id=a-request-of-mine user=ann@example.com job=7 attempt=5 mailing=3 done"
    assert expected in read(folder, f"worker/worker_{today()}.log")


def test_without_a_folder_nothing_is_opened(folder: Path, settings: Any) -> None:
    settings.LOG_DIR = None
    log_files.write("app")
    assert not set(logging.getHandlerNames()) & {"app/app_info.log", "app/app_errors.log"}


def test_calling_it_twice_writes_each_line_once(folder: Path) -> None:
    log_files.write("worker")
    log_files.write("worker")
    logging.getLogger("some").info("a remark")
    assert read(folder, f"worker/worker_{today()}.log").count("a remark") == 1


def test_an_error_that_ends_the_process_is_in_the_file(folder: Path) -> None:
    log_files.write("worker")
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("wrong")
    sys.excepthook(raised.type, raised.value, raised.tb)
    assert "ValueError: invalid literal" in read(folder, f"worker/worker_{today()}.log")


@pytest.mark.django_db
def test_statements_are_logged_without_the_addresses_in_them(folder: Path, settings: Any) -> None:
    settings.LOG_SQL = True
    log_files.write("app")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::text AS\n  who", ["ann@example.com"])
    finally:
        connection.execute_wrappers.remove(sql_log._logged)
        connection_created.disconnect(sql_log._listen)
    written = read(folder, "app/app_sql.log")
    assert " s: SELECT %s::text AS who" in written
    assert "ann@example.com" not in written


def test_several_processes_lose_and_tear_no_line_also_when_a_day_begins(tmp_path: Path) -> None:
    path, each, yesterday = tmp_path / "many.log", 100, days_ago(1)
    path.write_text("old\n")
    os.utime(path, (yesterday, yesterday))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "backoffice.settings"}
    command = [sys.executable, "-c", WRITER, str(path), str(each)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT, env=environment) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = read(tmp_path, "many.log").splitlines()
    assert sorted(lines) == sorted(f"{name}:{number}:" + "x" * 5000 for name in "abc" for number in range(each))
    assert read(tmp_path, f"many_{day(yesterday)}.log") == "old\n"


def test_a_process_that_is_frozen_with_the_lock_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log_files, "PATIENCE_SECONDS", 0.1)
    handler = daily(tmp_path / "held.log")
    with Path(handler.lockFilename).open("w") as held:
        lock(held, LOCK_EX)
        say(handler, "lost")
        monkeypatch.setattr(log_files, "sleep", lambda _seconds: pytest.fail("It waits again."))
        say(handler, "lost")
    say(handler, "kept")
    handler.close()
    assert read(tmp_path, "held.log") == "kept\n"
    assert capsys.readouterr().err.count("can not be written") == 1


def test_yesterdays_file_is_put_aside_under_its_day(tmp_path: Path) -> None:
    path, yesterday = tmp_path / "app.log", days_ago(1)
    path.write_text("old\n")
    os.utime(path, (yesterday, yesterday))
    handler = daily(path)
    say(handler, "new")
    handler.close()
    assert read(tmp_path, "app.log") == "new\n"
    assert read(tmp_path, f"app_{day(yesterday)}.log") == "old\n"


def test_todays_file_is_gone_on_with(tmp_path: Path) -> None:
    for words in ("one", "two"):
        handler = daily(tmp_path / "app.log")
        say(handler, words)
        handler.close()
    assert read(tmp_path, "app.log") == "one\ntwo\n"


def test_files_go_after_their_days_and_others_stay(tmp_path: Path) -> None:
    names = {days: f"app_{day(days_ago(days))}.log" for days in (2, 3, 9)}
    for name in [*names.values(), "app_notes.log", "other_20200101.log"]:
        (tmp_path / name).touch()
    handler = daily(tmp_path / "app.log", keep_days=2, dated=True)
    say(handler, "now")
    handler.close()
    left = {path.name for path in tmp_path.glob("*.log")}
    assert left == {names[2], "app_notes.log", "other_20200101.log", f"app_{today()}.log"}


def test_a_file_that_can_not_be_written_stops_nothing_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    handler = daily(tmp_path / "file" / "app.log")
    say(handler, "one")
    say(handler, "two")
    assert capsys.readouterr().err.count("app.log can not be written: ") == 1


def test_json_has_the_same_facts_and_no_query_string() -> None:
    code = (
        "import django, logging; django.setup(); from backoffice.correlation import *\n"
        "with correlated('a-request-of-mine', 'ann@example.com'), working(job=7, attempt=5):\n"
        "    logging.getLogger('some').error('a %s', 'fault', extra={'request': '/?q=bob@example.com'})"
    )
    environment = {**os.environ, "LOG_FORMAT": "json", "DJANGO_SETTINGS_MODULE": "backoffice.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    written = json.loads(done.stderr)
    assert written.pop("time")
    assert written.pop("pid")
    assert written == {
        "level": "ERROR",
        "logger": "some",
        "request_id": "a-request-of-mine",
        "user_email": "ann@example.com",
        "job": "7",
        "attempt": "5",
        "mailing": "-",
        "message": "a fault",
    }
