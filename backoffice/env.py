"""Typed readers of the environment and the `.env` file.

Every reader also accepts NAME_FILE, the path of a file that holds the value (as container secrets are
handed over). An empty value counts as absent. A wrong or missing one raises ImproperlyConfigured with one
sentence that names the variable.
"""

import os
import re
import ssl
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, FileAwareEnv, validate

_env = FileAwareEnv(strip_whitespace=True)
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[A-Za-z0-9.:]+\]")


def read_dotenv(default: Path) -> None:
    """Add the variables of the `.env` file that ENV_FILE names; those already in the environment win."""
    named = text("ENV_FILE", "")
    if named and (not Path(named).exists() or Path(named).is_dir()):
        raise ImproperlyConfigured(f"ENV_FILE must name a file that is there, not {named!r}.")
    if named or default.is_file():
        _env.read_env(named or default, recurse=False)


def set_defaults(variables: Mapping[str, str]) -> None:
    """Set the variables that are not set yet."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def text(name: str, default: str | None = None) -> str:
    """The value as it stands; without a default the variable must be set."""
    try:
        value: str = _env.str(name, default="").strip()
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}_FILE must name a file that can be read.") from error
    if not value and default is None:
        raise ImproperlyConfigured(f"{name} must be set.")
    return value or str(default)


def flag(name: str, *, default: bool) -> bool:
    """True, False, 1, 0, yes, no, on or off."""
    return _typed(name, default, "True or False", _env.bool)


def number(name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    """A whole number from `low` to `high`."""
    expected = f"a whole number from {low:,} to {high:,}"
    return _typed(name, default, expected, lambda key: _env.int(key, validate=validate.Range(low, high)))


def checked(name: str, default: str, expected: str, valid: Callable[[str], bool]) -> str:
    """A text for which `valid` holds; `expected` tells what that is."""
    value = text(name, default)
    if not valid(value):
        raise ImproperlyConfigured(f"{name} must be {expected}, not {value!r}.")
    return value


def redis_url(name: str) -> str:
    """The address of a Redis; empty without one."""
    value = text(name, "")
    if value and not value.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://.")
    if not _is_read_as_meant(value):
        raise ImproperlyConfigured(f"{name} can not be read: in its password write / as %2F, # as %23 and ? as %3F.")
    return value


def is_in_a_module(dotted: str) -> bool:
    """Whether there is a module for the name; it is not imported, for it may want the settings."""
    module, _dot, name = dotted.rpartition(".")
    try:
        return bool(name and module and find_spec(module))
    except (ImportError, ValueError):
        return False


def is_host_name(name: str) -> bool:
    """Whether it may stand in EHLO (RFC 5321, 4.1.1.1); nothing may too."""
    return not name or bool(_HOST_NAME.fullmatch(name))


def file_of(name: str) -> str:
    """The path in NAME_FILE, for a value that is read again while the process runs; empty without one."""
    return text(f"{name}_FILE", "")


def certificates(name: str) -> str:
    """Certificates in PEM, one after the other; empty without any."""
    value = text(name, "").encode("ascii", "ignore").decode()  # names in comments
    try:
        ssl.create_default_context(cadata=value or None)
    except (ssl.SSLError, ValueError) as error:
        raise ImproperlyConfigured(f"{name} must hold certificates in PEM.") from error
    return value


def folder(name: str, default: Path) -> Path | None:
    """A folder, from beside `default` where it is relative; None when the variable is there and empty."""
    if _env.str(name, default=None) is not None and not text(name, ""):
        return None
    return default.parent / text(name, default.name)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list; spaces around the items are dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def _is_read_as_meant(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname or parts.port is None)
    except ValueError:  # whose words have a part of the password
        return False


def _typed[T](name: str, default: T, expected: str, read: Callable[[str], T]) -> T:
    value = text(name, "")
    if not value:
        return default
    try:
        return read(name)
    except (EnvError, ValueError) as error:
        raise ImproperlyConfigured(f"{name} must be {expected}, not {value!r}.") from error
