"""The scripts for Unix and Windows: each calls its command with the project's own Python, and ends as it does."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
COMMANDS = {
    "run_scheduler": "run_scheduler",
    "stop_scheduler": "stop_scheduler",
    "run_worker": "run_worker",
    "tick_send_due_mailings": "send_due_mailings",
}
NAMES = ("manage", *COMMANDS)
FAKE_PYTHON = '#!/bin/sh\nprintf "%s\\n" "$@" > "$RECORD"\nexit 3\n'
# What PowerShell 5, which Windows has by itself, does not know.
TOO_NEW = re.compile(r"&&|\|\||\?\?|\?\.|\s\?\s")

# Debian keeps it out of the path.
WINE = shutil.which("wine64", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/lib/wine"]))

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="These are for Unix.")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder with a space, whose Python writes down what it is called with and ends with 3."""
    root = tmp_path / "a project"
    shutil.copytree(SCRIPTS, root / "scripts", ignore=shutil.ignore_patterns("tests", "bench", "__pycache__"))
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").write_text(FAKE_PYTHON)
    (root / ".venv/bin/python").chmod(0o755)
    return root


def call(*command: object, cwd: Path) -> tuple[subprocess.CompletedProcess, list]:
    """What came of it, and the arguments that Python got."""
    record = cwd / "record"
    environment = {**os.environ, "RECORD": str(record)}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    return done, record.read_text().splitlines() if record.exists() else []


@POSIX
@pytest.mark.parametrize("name", COMMANDS)
def test_a_shell_script_calls_its_command_from_anywhere_and_ends_as_it_does(
    name: str, project: Path, tmp_path: Path
) -> None:
    done, arguments = call(project / f"scripts/{name}.sh", "--some", "two words", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert arguments == [str(project / "manage.py"), COMMANDS[name], "--some", "two words"]


@POSIX
def test_a_link_to_a_shell_script_finds_the_project(project: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(project / "scripts/run_worker.sh")
    done, arguments = call(tmp_path / "linked", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert arguments == [str(project / "manage.py"), "run_worker"]


@POSIX
def test_without_an_environment_a_shell_script_says_what_to_do(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(project / ".venv")
    done, arguments = call(project / "scripts/run_worker.sh", cwd=tmp_path)
    assert (done.returncode, arguments) == (127, [])
    assert "run python3 scripts/quickstart.py once" in done.stderr


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["bat", "ps1"])
def test_a_windows_script_has_windows_line_ends(name: str, kind: str) -> None:
    text = (SCRIPTS / f"{name}.{kind}").read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n") > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_file_is_sound(name: str) -> None:
    text = (SCRIPTS / f"{name}.bat").read_text()
    lines = text.splitlines()
    assert lines[0] == "@echo off"
    # Either ends with a status, or hands over to the one that does.
    assert lines[-1].startswith(("exit /b ", '"%~dp0manage.bat" '))
    for line in lines:
        assert line.count("(") == line.count(")"), line
        assert line.count('"') % 2 == 0, line
    labels = set(re.findall(r"^:(\w+)", text, re.MULTILINE))
    assert set(re.findall(r"goto (\w+)", text)) == labels
    # What a shell would understand, and cmd would not.
    assert not re.search(r"\$|/dev/null|\bfi\b|\bthen\b|`", text)


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Windows' own programs, in an installation that lasts as long as this module's tests."""
    if not WINE:
        pytest.skip("wine64 is not installed (Debian: wine64).")
    home = tmp_path_factory.mktemp("wine")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WINEPREFIX", str(home))
        environment.setenv("WINEDEBUG", "-all")
        server = Path(WINE).with_name("wineserver")
        # It would end between two calls, and take seconds to come back.
        subprocess.run([server, "--persistent=60"], check=True)
        # What stays behind of it would keep a pipe open.
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        subprocess.run([WINE, "wineboot", "--init"], **quiet, check=True, timeout=300)
        yield home / "drive_c/windows/system32"
        subprocess.run([server, "--kill"], check=False)


def windows(path: Path) -> str:
    return f"Z:{path}".replace("/", "\\")


def install(program: Path, project: Path) -> None:
    """Have the project's Python be that program."""
    (project / ".venv/Scripts").mkdir()
    shutil.copy(program, project / ".venv/Scripts/python.exe")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_batch_file_calls_its_command_from_anywhere(name: str, project: Path, wine: Path, tmp_path: Path) -> None:
    install(project / ".venv/bin/python", project)
    script = windows(project / f"scripts/{name}.bat")
    done, arguments = call(WINE, "cmd", "/c", "call", script, "--some", "two words", cwd=tmp_path)
    assert arguments == [windows(project / "scripts/../manage.py"), COMMANDS[name], "--some", "two words"], done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_batch_file_ends_as_its_command_does(name: str, project: Path, wine: Path, tmp_path: Path) -> None:
    # Of a program of Unix wine tells no status. This one of Windows has a status of its own for what it can not do.
    install(wine / "robocopy.exe", project)
    done, _ = call(WINE, "cmd", "/c", windows(project / f"scripts/{name}.bat"), cwd=tmp_path)
    assert done.returncode == 16, done.stderr


def test_without_an_environment_a_batch_file_says_what_to_do(project: Path, wine: Path, tmp_path: Path) -> None:
    done, _ = call(WINE, "cmd", "/c", windows(project / "scripts/run_worker.bat"), cwd=tmp_path)
    assert done.returncode == 127
    assert "run py scripts\\quickstart.py once" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(("kind", "arguments"), [("bat", "%*"), ("ps1", "@args")])
def test_a_windows_script_names_its_command(name: str, kind: str, arguments: str) -> None:
    text = (SCRIPTS / f"{name}.{kind}").read_text()
    assert re.search(rf"manage\.{kind}['\")]+ {COMMANDS[name]} {re.escape(arguments)}$", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_powershell_script_is_one_for_powershell_5(name: str) -> None:
    assert not TOO_NEW.search((SCRIPTS / f"{name}.ps1").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_powershell_script_can_be_parsed(name: str) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_powershell")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    root = parser.parse((SCRIPTS / f"{name}.ps1").read_bytes()).root_node
    assert not root.has_error, root
