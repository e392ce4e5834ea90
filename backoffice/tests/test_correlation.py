"""Which request a line of the log belongs to, and whose it was."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from backoffice.correlation import CorrelationFilter, correlated, request_id, user_email
from backoffice.logs import FORMAT

LIVE = "/health/live"
logger = logging.getLogger("backoffice.tests")


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What our format makes of all that is logged meanwhile."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Keep()
    handler.addFilter(CorrelationFilter())
    handler.setFormatter(logging.Formatter(FORMAT, style="{"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def logged_in(email: str) -> Client:
    client = Client()
    person = get_user_model().objects.create_superuser(email)
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return client


def returned(**headers: str) -> str:
    return Client().get(LIVE, headers=headers).headers["X-Request-ID"]


@pytest.mark.parametrize("given", ["a-request-of-mine", "12345678", "a" * 64, "A.b_c-d9"])
def test_a_valid_id_is_kept_and_returned(given: str) -> None:
    assert returned(**{"X-Request-ID": given}) == given


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "with space", "a" * 8 + "\n", "<script>alert", "имя-имя-имя"])
def test_an_invalid_id_is_replaced(given: str) -> None:
    made = returned(**{"X-Request-ID": given})
    assert made != given
    assert len(made) == 32


def test_every_request_has_an_id_of_its_own() -> None:
    assert returned() != returned()


def test_lines_of_the_log_say_which_request(lines: list[str]) -> None:
    Client().get("/nowhere", headers={"X-Request-ID": "a-request-of-mine"})
    assert any("request_id=a-request-of-mine user=- " in line and "/nowhere" in line for line in lines)


@pytest.mark.django_db
def test_lines_of_the_log_say_who_it_was(lines: list[str]) -> None:
    client = logged_in("ann@example.com")
    client.get(reverse("admin:campaigns_mailing_change", args=[0]), headers={"X-Request-ID": "a-request-of-mine"})
    assert any("request_id=a-request-of-mine user=ann@example.com " in line for line in lines)


@pytest.mark.django_db
def test_a_person_is_not_named_in_the_next_request(lines: list[str]) -> None:
    client = logged_in("ann@example.com")
    client.get(reverse("admin:index"))
    Client().get("/nowhere")
    [line] = [line for line in lines if "/nowhere" in line]
    assert "user=- " in line


def test_what_is_logged_in_a_job_says_for_whom(lines: list[str]) -> None:
    with correlated("a-request-of-mine", "ann@example.com"):
        logger.warning("inside")
    logger.warning("outside")
    assert [line.split(" ", 4)[4] for line in lines] == [
        "request_id=a-request-of-mine user=ann@example.com inside",
        f"request_id={request_id.get()} user={user_email.get()} outside",
    ]


def test_names_are_restored_after_an_error() -> None:
    before: tuple[Any, Any] = (request_id.get(), user_email.get())
    with pytest.raises(RuntimeError), correlated("a-request-of-mine", "ann@example.com"):
        raise RuntimeError
    assert (request_id.get(), user_email.get()) == before
