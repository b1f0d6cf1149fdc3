"""Wilson's interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.faults.share import wilson

COUNTS = st.integers(1, 500).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"), [(8, 10, 0.490162, 0.943318), (27, 30, 0.743789, 0.965400)]
)
def test_reference_values(successes: int, trials: int, low: float, high: float) -> None:
    """The 95 % interval has the values of the literature."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=1e-6)


@given(COUNTS)
def test_it_holds_the_observed_share(counts: tuple[int, int]) -> None:
    """The interval lies within 0 and 1 and holds the observed share; a higher confidence only widens it."""
    successes, trials = counts
    low, high = wilson(successes, trials)
    wide_low, wide_high = wilson(successes, trials, 0.99)
    share = successes / trials
    assert 0 <= wide_low <= low <= share + 1e-12
    assert share - 1e-12 <= high <= wide_high <= 1


@given(COUNTS)
def test_it_treats_both_sides_alike(counts: tuple[int, int]) -> None:
    """Counting failures instead of successes mirrors the interval."""
    successes, trials = counts
    low, high = wilson(successes, trials)
    assert wilson(trials - successes, trials) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(successes: int, trials: int) -> None:
    """No trials, or more successes than trials, is an error and no interval."""
    with pytest.raises(ValueError, match="is no share"):
        wilson(successes, trials)
