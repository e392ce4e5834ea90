"""MAILERS: the one mail server, and how it is reached. All of it is read from the environment."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from backoffice import env

# Django's, with what the SMTP_* variables offer beyond its options.
SMTP_BACKEND = "backoffice.smtp.EmailBackend"
_DJANGOS_SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def from_environment() -> dict[str, Any]:
    """The MAILERS setting. Raises ImproperlyConfigured with a sentence that names the variable."""
    backend, options = _backend(), _smtp_options()
    _refuse_unsafe(options)
    return {"default": {"BACKEND": backend, "OPTIONS": options if backend == SMTP_BACKEND else {}}}


def _backend() -> str:
    named = env.checked("EMAIL_BACKEND", SMTP_BACKEND, "a mail backend", env.is_in_a_module)
    return SMTP_BACKEND if named == _DJANGOS_SMTP_BACKEND else named


def _smtp_options() -> dict[str, Any]:
    return {
        "host": env.text("SMTP_HOST", "localhost"),
        "port": env.number("SMTP_PORT", 25, low=1, high=65535),
        "use_tls": env.flag("SMTP_USE_TLS", default=False),
        "use_ssl": env.flag("SMTP_USE_SSL", default=False),
        "username": env.text("SMTP_USER", ""),
        "password": env.text("SMTP_PASSWORD", ""),
        "password_file": env.file_of("SMTP_PASSWORD"),
        "auth": env.checked("SMTP_AUTH", "password", "password or xoauth2", ("password", "xoauth2").__contains__),
        "ca": env.certificates("SMTP_CA"),
        "local_hostname": env.checked(
            "SMTP_LOCAL_HOSTNAME", "", "a host name, or an address in brackets", env.is_host_name
        ),
        "timeout": env.number("SMTP_TIMEOUT", 30, low=1, high=3600),
        "data_timeout": env.number("SMTP_DATA_TIMEOUT", 300, low=1, high=3600),
    }


def _refuse_unsafe(options: dict[str, Any]) -> None:
    if options["use_tls"] and options["use_ssl"]:
        raise ImproperlyConfigured("SMTP_USE_TLS and SMTP_USE_SSL exclude each other: set one of them to False.")
    if options["username"] and not (options["use_ssl"] or env.text("SMTP_USE_TLS", "")):
        raise ImproperlyConfigured(
            "SMTP_USER without TLS lets others read the password: set SMTP_USE_TLS or SMTP_USE_SSL to True, "
            "or SMTP_USE_TLS to False if that is meant."
        )
