"""A PostgreSQL and a rig for the tests, and which of those that want one run.

Each takes some seconds, so a run of many takes those with hosts and a dozen others at random: CRASH=all runs every one,
CRASH_SEED=N those that were chosen by N, which a run tells beside those that it left out.
"""

import os
import random
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from campaigns.tests.crash import cluster as clusters
from campaigns.tests.crash import network
from campaigns.tests.crash import rig as rigs
from campaigns.tests.crash.cluster import Cluster
from campaigns.tests.crash.network import Host
from campaigns.tests.crash.rig import Rig

A_DOZEN = 12
# Windows has neither SIGKILL nor SIGSTOP.
collect_ignore_glob = ["test_*.py"] if sys.platform == "win32" else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Processes that share a run must choose alike.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex()
    seed = os.environ.setdefault("CRASH_SEED", str(int(run, 16) % 10**6))
    wanted = [(item, getattr(item, "fixturenames", ())) for item in items]
    slow = [item for item, fixtures in wanted if "cluster" in fixtures and "hosts" not in fixtures]
    if os.environ.get("CRASH") == "all" or len(slow) <= A_DOZEN:
        return
    chosen = random.Random(seed).sample(slow, A_DOZEN)  # noqa: S311 - nobody must not guess it
    for item in slow:
        if item not in chosen:
            item.add_marker(pytest.mark.skip(reason=f"CRASH_SEED={seed} chose others; CRASH=all runs every one."))


@pytest.fixture(scope="session")
def _cluster(django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    with clusters.running() as cluster:
        with cluster.used(), django_db_blocker.unblock():
            call_command("migrate", verbosity=0)
        yield cluster


@pytest.fixture
def cluster(_cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    """A PostgreSQL of its own, empty, to which Django's connection leads."""
    with _cluster.used(), django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
        yield _cluster


@pytest.fixture
def hosts(cluster: Cluster) -> Iterator[list[Host]]:
    """Three machines, which reach PostgreSQL and the mail server by a network."""
    if reason := network.refusal():
        pytest.skip(reason)
    there = cluster.reached_at(network.SERVERS, network.RANGE)
    with cluster.away(), network.own_network(), there, network.hosts(3) as machines:
        yield machines


@pytest.fixture
def bare_rig(cluster: Cluster, tmp_path: Path, settings: Settings) -> Iterator[Rig]:
    """A rig that has no mail server yet."""
    settings.SENDING_CHUNK_ROWS = 100
    with rigs.running(tmp_path, cluster) as running:
        yield running


@pytest.fixture
def rig(bare_rig: Rig) -> Rig:
    bare_rig.sink()
    return bare_rig
