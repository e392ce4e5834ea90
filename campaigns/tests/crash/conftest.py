from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.tests.crash import rig as rigs
from campaigns.tests.crash.rig import Rig


@pytest.fixture
def rig(transactional_db: None, tmp_path: Path) -> Iterator[Rig]:
    with rigs.running(tmp_path) as running:
        yield running
