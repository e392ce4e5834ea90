"""What Prometheus is told at /metrics."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import ImportJob, Mailing, Tally
from campaigns.sending.queue.worker import QUEUES
from campaigns.tests import factories

TOKEN = "only for Prometheus"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape(token: str = TOKEN) -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}", "Host": "10.0.0.7:8000"})


def figures() -> dict[str, float]:
    """Each sample by its name and labels, as in a query: autosend_letters_total{outcome="sent"}."""
    response = scrape()
    assert response.status_code == 200
    found = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def attempt(mailing: Mailing | None = None, **fields: Any) -> Any:
    return (mailing or factories.mailing()).attempts.create(
        from_email="news@example.com", subject="News", body="Hello!", **fields
    )


def test_without_a_token_in_the_settings_there_is_no_such_page(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert scrape("").status_code == 404


@pytest.mark.parametrize("token", ["", "another", TOKEN + "x"])
def test_without_the_token_nothing_is_told(token: str) -> None:
    response = scrape(token)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert b"autosend_" not in response.content


def test_it_answers_a_scraper_that_knows_neither_our_name_nor_https(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert scrape().status_code == 200


def test_it_tells_what_the_cache_had_of_reports(client: Client) -> None:
    client.force_login(factories.user("operator"))
    before = figures()
    for _ in range(3):
        answer = client.get("/mailings/stats/")
    client.get("/mailings/stats/", headers={"If-None-Match": answer.headers["ETag"]})
    after = figures()
    name = "autosend_report_answers_total{{result={}}}".format
    risen = {result: after[name(result)] - before[name(result)] for result in ("hit", "stale", "miss", "unchanged")}
    assert risen == {"hit": 2, "stale": 0, "miss": 1, "unchanged": 1}


def test_an_idle_system_has_its_figures() -> None:
    found = figures()
    assert found["autosend_letters_total{outcome=sent}"] == 0
    assert found["autosend_jobs_waiting{queue=sending}"] == 0
    assert found["autosend_workers_alive"] == 0


def test_letters_are_counted_by_their_outcome() -> None:
    now = timezone.now()
    Tally.objects.create(attempt=attempt(), minute=now, sent=4, errors=3, skipped=2, unconfirmed=1)
    Tally.objects.create(attempt=attempt(), minute=now, sent=5)
    found = figures()
    assert found["autosend_letters_total{outcome=sent}"] == 9
    assert found["autosend_letters_total{outcome=skipped}"] == 2
    assert found["autosend_letters_in_trouble{outcome=error}"] == 3
    assert found["autosend_letters_in_trouble{outcome=unconfirmed}"] == 1


def test_what_retry_takes_back_is_no_counter() -> None:
    assert not any("_total" in name and ("error" in name or "unconfirmed" in name) for name in figures())


def test_what_is_under_way_is_told() -> None:
    launched = lifecycle.launch(factories.mailing(audience=3), None)
    launched.logs.filter(pk=launched.logs.latest("pk").pk).update(status=2, attention=2)
    launched.chunks.update(in_flight=[launched.logs.earliest("pk").pk])
    found = figures()
    assert found["autosend_attempts_under_way{status=queued}"] == 1
    assert found["autosend_letters_open"] == 3
    assert found["autosend_letters_in_flight"] == 1
    assert found["autosend_letters_deferred"] == 1
    assert found["autosend_jobs_waiting{queue=sending}"] == 1


def test_the_rate_is_that_of_the_last_two_full_minutes() -> None:
    minute, sent = timezone.now().replace(second=0, microsecond=0), attempt(total=1000, sent=1000)
    for minutes, letters in ((0, 1), (1, 240), (2, 360), (3, 399)):
        Tally.objects.create(attempt=sent, minute=minute - timedelta(minutes=minutes), sent=letters)
    # The minute may have changed meanwhile.
    assert figures()["autosend_sent_per_second"] in (5, 241 / 120)


def test_trouble_since_yesterday_waits_for_a_person_and_older_does_not() -> None:
    failed = attempt(total=9, errors=5, unconfirmed=4)
    for days, errors in ((0, 3), (2, 2)):
        Tally.objects.create(attempt=failed, minute=timezone.now() - timedelta(days=days), errors=errors)
    assert figures()["autosend_letters_wanting_a_person{outcome=error}"] == 3


def test_a_worker_counts_once_whatever_it_takes_jobs_from() -> None:
    with connection.cursor() as cursor:
        for _queue in QUEUES:
            cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    found = figures()
    assert found["autosend_workers_alive"] == 1
    assert found["autosend_worker_last_sign_seconds"] < 5


def test_a_late_scheduler_is_told() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_apscheduler_djangojob VALUES ('send_due_mailings', now() - interval '5 min', '')"
        )
    assert figures()["autosend_scheduler_late_seconds"] == pytest.approx(300, abs=5)


def test_rows_of_imports_are_counted_once_they_are_written() -> None:
    done = factories.import_job(factories.user())
    ImportJob.objects.filter(pk=done.pk).update(state="done", finished_at=timezone.now(), total=5, added=3, refused=2)
    checked = factories.import_job(factories.user())
    ImportJob.objects.filter(pk=checked.pk).update(total=7, added=7)
    found = figures()
    assert found["autosend_import_rows_total{outcome=added}"] == 3
    assert found["autosend_import_rows_total{outcome=refused}"] == 2


def test_a_cache_that_is_gone_is_told_and_hides_nothing_else(settings: Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "backoffice.caching.FailSafeRedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    found = figures()
    assert found["autosend_cache_up"] == 0
    assert "autosend_letters_total{outcome=sent}" in found


def test_a_database_that_does_not_answer_is_a_503() -> None:
    with connection.execute_wrapper(_no_answer):
        assert scrape().status_code == 503


def _no_answer(*_args: Any) -> Any:
    raise OperationalError("gone")
