from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from campaigns.tests.crash import cluster as clusters
from campaigns.tests.crash import rig as rigs
from campaigns.tests.crash.cluster import Cluster
from campaigns.tests.crash.rig import Rig


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
def bare_rig(cluster: Cluster, tmp_path: Path, settings: Settings) -> Iterator[Rig]:
    """A rig that has no mail server yet."""
    settings.SENDING_CHUNK_ROWS = 100
    with rigs.running(tmp_path, cluster) as running:
        yield running


@pytest.fixture
def rig(bare_rig: Rig) -> Rig:
    bare_rig.sink()
    return bare_rig
