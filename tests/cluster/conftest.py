from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.kind import CONTEXT, NAMESPACE, left_in_cluster
from tests.local.standby import Standby
from tests.waiting import wait_until


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Standby]:
    """The command in a state folder of its own; whatever a test did, the cluster is as it was before."""
    wait_until(lambda: left_in_cluster() == [], 180, "the cluster to be well before the test")
    found = Standby(tmp_path)
    yield found
    found.run("recover", "--context", CONTEXT, "--namespace", NAMESPACE, timeout=300)
    assert left_in_cluster() == []
