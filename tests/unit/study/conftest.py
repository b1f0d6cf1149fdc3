"""The simulator is compiled once for all workers of a test run; its cache stays in the checkout."""

from __future__ import annotations

import fcntl

import numpy as np
import pytest

from chaos.crew.parameters import parameters
from chaos.study import compiling, shop
from tests.unit.crew.play import CERTAIN, RUNBOOK, only
from tests.unit.study.cells import table


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first compilation takes its time where the machine has other work, too."""
    for item in items:
        if "unit/study" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled code is there; of several workers one makes it, and the others wait for that."""
    with (tmp_path_factory.getbasetemp().parent / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        table(compiled=True)
        params = parameters(CERTAIN, 1, only(parallel=True), RUNBOOK)
        buffers = shop.buffers(np.zeros(shop.SETTINGS), params)
        compiling.twin(shop).play_some(buffers, 1, 1, np.zeros((0, shop.OUTS)))
