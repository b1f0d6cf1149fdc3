"""Whether the audience kept up, and that its metrics are there from the beginning."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from chaos.rooms.audience.truth import FAIL_REASONS, Counted, Families
from chaos.rooms.lag import LAG_WINDOW, Lag


@given(st.lists(st.tuples(st.floats(0.0, 0.4), st.floats(0.0, 5.0)), min_size=1, max_size=60))
def test_the_lag_is_the_worst_of_the_last_second(steps: list[tuple[float, float]]) -> None:
    """Exactly the largest lateness noted within the window; older ones are forgotten."""
    lag, now = Lag(), 0.0
    noted: list[tuple[float, float]] = []
    for gap, late in steps:
        now += gap
        lag.note(now, late)
        noted.append((now, late))
        assert lag.worst(now) == max(one for when, one in noted if when >= now - LAG_WINDOW)
    assert lag.worst(now + 2 * LAG_WINDOW) == 0.0


def test_every_reason_is_there_at_zero_before_anything_happens() -> None:
    """A counter that appears only with its first event would hide that event from `increase`."""
    registry = CollectorRegistry()
    families = Families(registry)
    Counted(families, "townhall")
    text = generate_latest(registry).decode()
    for reason in FAIL_REASONS:
        assert f'rooms_joins_failed_total{{reason="{reason}",room="townhall"}} 0.0' in text
    assert 'rooms_room_ended{reason="host_gave_up",room="townhall"} 0.0' in text
    families.clear()
    assert "townhall" not in generate_latest(registry).decode()
