"""The environment of a small project of its own: one package, installed by hash from a wheel made here."""

import ast
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the program takes the process over only on POSIX")


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.stamp = root / ".venv/installed.sha256"
        (root / "scripts").mkdir(parents=True)
        shutil.copy(SCRIPTS / "bootstrap.py", root / "scripts")
        (root / "scripts/go.py").write_text(
            "import sys, bootstrap\nsys.exit(bootstrap.run_in_environment(sys.argv[1:]))\n"
        )
        self.lock()

    def lock(self, content: str = "VALUE = 1", digest: str = "") -> None:
        wheel = make_wheel(self.root, content)
        digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines = ["--no-index", f"--find-links {self.root.as_uri()}", f"tiny==1.0 --hash=sha256:{digest}"]
        (self.root / "requirements-dev.txt").write_text("\n".join(lines) + "\n")

    def start(self, program: str, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, self.root / "scripts/go.py", "-c", program],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str = "import tiny; print(tiny.VALUE)", **environment: str) -> "Outcome":
        with self.start(program, **environment) as process:
            output, errors = process.communicate(timeout=120)
        return Outcome(process.returncode, output, errors)


class Outcome:
    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status, self.output, self.errors = status, output, errors
        self.last_line = output.strip().rpartition("\n")[2]


def make_wheel(directory: Path, content: str) -> Path:
    wheel = directory / "tiny-1.0-py3-none-any.whl"
    about = "tiny-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in [*archive.namelist(), f"{about}/RECORD"]))
    return wheel


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a project")


def test_makes_the_environment_and_runs_the_program_in_it(project: Project) -> None:
    outcome = project.run("import sys, tiny; print(sys.prefix); sys.exit(7)")
    assert outcome.status == 7
    assert Path(outcome.last_line).resolve() == (project.root / ".venv").resolve()
    assert "Installing the 1 packages" in outcome.output


def test_the_second_run_has_nothing_to_do(project: Project) -> None:
    project.run()
    assert project.run().output == "1\n"


def test_a_changed_lock_is_installed(project: Project) -> None:
    project.run()
    project.lock("VALUE = 2")
    assert project.run().last_line == "2"


def test_an_interrupted_installation_is_made_anew(project: Project) -> None:
    project.run()
    project.stamp.unlink()
    for module in project.root.glob(".venv/**/tiny.py"):
        module.unlink()
    assert project.run().last_line == "1"


def test_an_environment_that_was_moved_is_made_anew(project: Project) -> None:
    project.run()
    project.root.rename(project.root.with_name("moved"))
    moved = project.root.with_name("moved")
    command = [sys.executable, moved / "scripts/go.py", "-c", "import sys; print(sys.prefix)"]
    (moved / "requirements-dev.txt").write_text("")
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Making .venv" in output
    assert Path(output.strip().rpartition("\n")[2]).resolve() == (moved / ".venv").resolve()


def test_a_package_that_is_not_what_was_locked_is_refused(project: Project) -> None:
    project.lock(digest="0" * 64)
    outcome = project.run()
    assert outcome.status == 1
    assert outcome.errors.strip().endswith(
        "The packages were not installed; the reason stands above. Start again to repeat it."
    )
    assert not project.stamp.exists()


@POSIX
def test_a_uv_that_does_not_work_is_passed_over(project: Project, tmp_path: Path) -> None:
    broken = tmp_path / "bin/uv"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    outcome = project.run(PATH=f"{broken.parent}{os.pathsep}{os.environ['PATH']}")
    assert "with pip" in outcome.output, outcome.errors
    assert outcome.last_line == "1", outcome.errors


@POSIX
def test_a_python_that_does_not_work_or_is_too_old_is_passed_over(project: Project, tmp_path: Path) -> None:
    shims = tmp_path / "bin"
    shims.mkdir()
    for name, body in {"python3.13": "exit 127", "python3.14": "echo 3 8 /usr/bin/python3.8"}.items():
        (shims / name).write_text(f"#!/bin/sh\n{body}\n")
        (shims / name).chmod(0o755)
    (shims / "python3.12").symlink_to(sys.executable)
    program = "import bootstrap, sys; sys.executable = '/nowhere'; print(bootstrap._find_python()[0])"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.root / "scripts",
        env={**os.environ, "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()).resolve() == Path(sys._base_executable).resolve()


@POSIX
def test_a_signal_reaches_the_program(project: Project) -> None:
    program = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\nprint('up', flush=True)"
    with project.start(f"{program}\ntime.sleep(60)") as process:
        while "up" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert process.returncode == 9


@POSIX
def test_two_first_runs_at_once_make_one_environment(project: Project) -> None:
    program = "import tiny; print(tiny.VALUE)"
    with project.start(program) as first:
        time.sleep(0.2)
        with project.start(program) as second:
            outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert [output.strip().rpartition("\n")[2] for output in outputs] == ["1", "1"]
    assert sum("Making .venv" in output for output in outputs) == 1


@pytest.mark.parametrize("name", ["bootstrap.py", "quickstart.py", "test.py"])
def test_an_old_python_can_read_what_it_is_asked_to_run(name: str) -> None:
    ast.parse((SCRIPTS / name).read_text(encoding="utf-8"), feature_version=(3, 8))
