"""Calls across the bridge: how many at once."""

from __future__ import annotations

import pytest

from chaos.rooms.bridge import OTHER_WORKERS, in_hand


@pytest.mark.parametrize("scale", [1.0, 1 / 1000, 1 / 2000])
def test_calls_in_hand_are_scaled_as_listeners_are(scale: float) -> None:
    """At any size the pool is as full as at any other; joins and renewals have half of it each behind a bulkhead."""
    shared = in_hand("join", bulkhead=False, scale=scale)
    assert shared == in_hand("report", bulkhead=False, scale=scale) == 512_000 * scale
    assert in_hand("join", bulkhead=True, scale=scale) == in_hand("renewal", bulkhead=True, scale=scale)
    assert in_hand("join", bulkhead=True, scale=scale) == shared / 2


def test_what_is_not_of_listeners_is_not_scaled() -> None:
    """Reports and orders are as many for a small audience as for a large one, and always find a worker."""
    assert in_hand("report", bulkhead=True, scale=1.0) == in_hand("report", bulkhead=True, scale=1e-6)
    assert in_hand("join", bulkhead=False, scale=1e-6) == OTHER_WORKERS
