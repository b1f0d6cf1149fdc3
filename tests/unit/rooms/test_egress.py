"""What an instance can send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.rooms.media.egress import Egress, segments_per_second


@given(st.floats(1.0, 500.0), st.lists(st.floats(0.0, 0.5), min_size=1, max_size=200))
def test_never_more_goes_out_than_the_rate(rate: float, gaps: list[float]) -> None:
    """The k-th segment is out no earlier than k segments take, and waits no longer than the line makes it."""
    egress, now, free = Egress(rate), 0.0, 0.0
    for gap in gaps:
        now += gap
        wait = egress.reserve(now)
        assert wait == pytest.approx(max(0.0, free - now), abs=1e-9)
        free = max(free, now) + 1.0 / rate


def test_demand_beyond_capacity_waits_ever_longer_and_shows() -> None:
    """At twice the capacity the wait grows by a second for every second, and utilisation is about 2."""
    egress = Egress(10.0)
    waits = [egress.reserve(number * 0.05) for number in range(200)]
    assert waits[-1] == pytest.approx(10.0, abs=0.3)
    assert egress.utilisation(10.0) == pytest.approx(2.0, rel=0.1)
    assert egress.delay(10.0) == pytest.approx(10.0, abs=0.3)


def test_demand_within_capacity_does_not_wait() -> None:
    """At half the capacity there is no wait and utilisation is about 0.5; without demand it falls to 0."""
    egress = Egress(10.0)
    assert {egress.reserve(number * 0.2) for number in range(100)} == {0.0}
    assert egress.utilisation(20.0) == pytest.approx(0.5, rel=0.15)
    assert egress.utilisation(30.0) == 0.0


def test_capacity_is_a_stock_of_listeners() -> None:
    """1.5 million listeners fetch 750,000 segments a second; scale and lowered capacity divide that."""
    assert segments_per_second(1.0, 1.0) == 750_000
    assert segments_per_second(1 / 1000, 0.4) == pytest.approx(300)


def test_what_waits_goes_out_at_the_new_rate() -> None:
    """Doubling the rate halves the wait of what stands in the line."""
    egress = Egress(10.0)
    for _ in range(40):
        egress.reserve(0.0)
    egress.change_rate(20.0, 0.0)
    assert egress.delay(0.0) == pytest.approx(2.0)
