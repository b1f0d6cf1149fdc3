"""What holds for all tests."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, or takes to be made up, says something about the machine, not about the code; and a test
# fails because of a change, not because of the day: examples are the same in each run. `make soak` looks for new ones.
BY_THE_CLOCK = (HealthCheck.too_slow,)
settings.register_profile("standby", deadline=None, derandomize=True, suppress_health_check=BY_THE_CLOCK)
settings.register_profile("search", deadline=None, max_examples=1000, suppress_health_check=BY_THE_CLOCK)
settings.load_profile("standby")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the tests that mostly wait, for worlds and timelines, evenly among those that compute.

    Each worker begins with a stretch of the whole: so all have both, and the processors have work all the time. What
    needs the compiled simulator comes first, for nobody else can do the compiling meanwhile; of those that wait, those
    come first that may take longest, so that no worker ends with one while the others have nothing left. A module that
    computes stays in one piece, for it may share what it has made.
    """
    items.sort(key=lambda item: "compiled" not in getattr(item, "fixturenames", ()))
    waiting = [
        [item] for item in sorted(items, key=_may_take, reverse=True) if item.get_closest_marker("local")
    ]
    rest = (item for item in items if not item.get_closest_marker("local"))
    computing = [list(module) for _, module in groupby(rest, key=lambda item: item.path)]
    places: list[tuple[float, list[pytest.Item]]] = []
    for part in (waiting, computing):
        whole, before = sum(map(len, part)), 0
        for block in part:
            places.append(((before + len(block) / 2) / whole, block))
            before += len(block)
    items[:] = [item for _, block in sorted(places, key=itemgetter(0)) for item in block]


def _may_take(item: pytest.Item) -> float:
    """Real seconds that a test gives itself at the most; 0 where it says nothing."""
    given = item.get_closest_marker("timeout")
    return float(given.args[0]) if given else 0.0
