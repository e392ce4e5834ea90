"""What pages say of the scheduler, and to whom."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from backoffice import clock
from campaigns.scheduler import LeaderLock
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db

SILENT = "The scheduler has not looked for due mailings for"
JOBS = "admin:django_apscheduler_djangojob_changelist"


def looked(ago: timedelta) -> None:
    run_time = timezone.now() - ago
    job = DjangoJob.objects.create(pk=clock.TICK, next_run_time=run_time + timedelta(minutes=1))
    DjangoJobExecution.objects.create(job=job, run_time=run_time, status=DjangoJobExecution.SUCCESS)


def page(client: Client, name: str = "admin:index") -> str:
    return client.get(reverse(name)).content.decode()


@pytest.fixture
def leader() -> Iterator[LeaderLock]:
    """This process leads."""
    lock = LeaderLock()
    assert lock.acquire()
    assert lock._session
    lock._session.execute("SET idle_session_timeout = 0")  # nothing here shows that it lives
    yield lock
    lock.release()


@pytest.fixture
def superuser() -> Client:
    return logged_in(factories.user(is_superuser=True))


def test_every_page_says_that_the_scheduler_is_silent(superuser: Client) -> None:
    looked(timedelta(minutes=5))
    assert f"{SILENT} 5\xa0minutes." in page(superuser)
    assert "None is running" in page(superuser)


def test_it_says_which_process_leads_and_is_silent(superuser: Client, leader: LeaderLock) -> None:
    looked(timedelta(minutes=5))
    assert leader._session
    leader._session.execute("SET application_name = 'autosend-scheduler 7 1000 some-host'")
    assert "Process 7 on some-host leads: see its log." in page(superuser)


def test_nothing_is_said_while_it_looks(superuser: Client) -> None:
    looked(timedelta(minutes=1))
    assert SILENT not in page(superuser)


def test_nothing_is_said_where_there_was_never_a_scheduler(superuser: Client) -> None:
    assert SILENT not in page(superuser)


@pytest.mark.parametrize("role", ["operator", "manager"])
def test_who_may_not_see_the_schedule_is_not_told(role: str) -> None:
    looked(timedelta(minutes=5))
    assert SILENT not in page(logged_in(factories.user(role)))


def test_the_list_of_jobs_says_who_leads_and_when_it_looked(superuser: Client, leader: LeaderLock) -> None:
    looked(timedelta(minutes=1))
    shown = page(superuser, JOBS)
    assert f"Process {os.getpid()} on " in shown
    assert "a minute ago" in shown


def test_the_list_of_jobs_says_that_nobody_leads(superuser: Client) -> None:
    assert "No scheduler is running" in page(superuser, JOBS)
