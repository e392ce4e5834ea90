"""The readers of the environment: a wrong value is one sentence that names the variable."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from environs import FileAwareEnv

from backoffice import env

NAME = "AUTOSEND_TESTED"

READERS: dict[str, Callable[[], Any]] = {
    "text": lambda: env.text(NAME, "usual"),
    "flag": lambda: env.flag(NAME, default=True),
    "number": lambda: env.number(NAME, 7),
    "words": lambda: env.words(NAME, "a,b"),
}
USUAL = {"text": "usual", "flag": True, "number": 7, "words": ["a", "b"]}


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (NAME, f"{NAME}_FILE", "ENV_FILE"):
        monkeypatch.delenv(name, raising=False)


def sentence(read: Callable[[], Any]) -> str:
    with pytest.raises(ImproperlyConfigured) as refused:
        read()
    return str(refused.value)


@pytest.mark.parametrize("reader", READERS)
def test_what_is_absent_is_as_usual(reader: str) -> None:
    assert READERS[reader]() == USUAL[reader]


@pytest.mark.parametrize("value", ["", "  ", "\n"])
@pytest.mark.parametrize("reader", READERS)
def test_an_empty_value_counts_as_absent(reader: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    assert READERS[reader]() == USUAL[reader]


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        ("text", " mail.example.com ", "mail.example.com"),
        ("flag", "False", False),
        ("flag", "no", False),
        ("flag", "0", False),
        ("flag", "on", True),
        ("number", " 25 ", 25),
        ("words", "one, two ,,three", ["one", "two", "three"]),
    ],
)
def test_a_value_is_read(reader: str, value: str, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    assert READERS[reader]() == expected


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        ("text", "secret\n", "secret"),
        ("flag", "no\n", False),
        ("number", "25\n", 25),
        ("words", "a,b,c\n", list("abc")),
    ],
)
def test_a_value_is_read_from_the_file_that_name_file_names(
    reader: str, value: str, expected: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(value)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert READERS[reader]() == expected


@pytest.mark.parametrize("reader", READERS)
def test_an_empty_file_counts_as_absent(reader: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "empty"))
    assert READERS[reader]() == USUAL[reader]


@pytest.mark.parametrize("reader", READERS)
def test_an_empty_name_of_a_file_counts_as_absent(reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", "")
    assert READERS[reader]() == USUAL[reader]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_can_not_be_read_is_a_sentence(
    reader: str, content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content:
        file.write_bytes(content)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert sentence(READERS[reader]) == f"{NAME}_FILE must name a file that can be read."


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        ("flag", "maybe", "True or False, not 'maybe'"),
        ("flag", "2", "True or False, not '2'"),
        ("number", "many", "a whole number from 0 to 2,147,483,648, not 'many'"),
        ("number", "1.5", "not '1.5'"),
        ("number", "-1", "not '-1'"),
        ("number", "9" * 30, "not '999"),
    ],
)
def test_a_wrong_value_is_a_sentence_that_names_the_variable(
    reader: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    said = sentence(READERS[reader])
    assert said.startswith(f"{NAME} must be ")
    assert expected in said


def test_a_number_beyond_its_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "0")
    said = sentence(lambda: env.number(NAME, 25, low=1, high=65535))
    assert said == f"{NAME} must be a whole number from 1 to 65,535, not '0'."


@pytest.mark.parametrize("value", [None, "", " "])
def test_what_must_be_set_is_asked_for(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv(NAME, value)
    assert sentence(lambda: env.text(NAME)) == f"{NAME} must be set."


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(env, "_env", FileAwareEnv(strip_whitespace=True))  # one remembers what it has read
    before = set(os.environ)
    yield tmp_path / ".env"
    for name in set(os.environ) - before:
        del os.environ[name]


def test_a_dotenv_file_is_read(dotenv: Path) -> None:
    dotenv.write_text(f"# a comment\n{NAME}='from the file'\n")
    env.read_dotenv(dotenv)
    assert env.text(NAME) == "from the file"


def test_the_environment_wins_over_a_dotenv_file(dotenv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "from the environment")
    dotenv.write_text(f"{NAME}=from the file\n")
    env.read_dotenv(dotenv)
    assert env.text(NAME) == "from the environment"


def test_a_dotenv_file_need_not_be_there(tmp_path: Path) -> None:
    env.read_dotenv(tmp_path / "none")


@pytest.mark.parametrize("name", ["none", "."])
def test_one_that_is_named_has_to_be_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV_FILE", str(tmp_path / name))
    missing = sentence(lambda: env.read_dotenv(tmp_path / ".env"))
    assert missing == f"ENV_FILE must name a file that is there, not '{tmp_path / name}'."


def test_a_dotenv_file_may_name_a_file_that_is_read_again(dotenv: Path) -> None:
    dotenv.write_text(f"{NAME}_FILE={dotenv}\n")
    env.read_dotenv(dotenv)
    assert env.file_of(NAME) == str(dotenv)


@pytest.mark.parametrize(("line", "folder"), [("", "logs"), (f"{NAME}=", None), (f"{NAME}=elsewhere", "elsewhere")])
def test_a_dotenv_file_may_name_a_folder_or_none(dotenv: Path, line: str, folder: str | None) -> None:
    dotenv.write_text(f"{line}\n")
    env.read_dotenv(dotenv)
    assert env.folder(NAME, dotenv.parent / "logs") == (folder and dotenv.parent / folder)
