from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.study.statistics.means import equivalent, shift, t_below, t_quantile

VALUES = st.lists(st.floats(-100, 100), min_size=4, max_size=30)


@pytest.mark.parametrize(
    ("probability", "freedom", "value"),
    [
        (0.975, 1, 12.7062047),
        (0.95, 5, 2.0150484),
        (0.975, 10, 2.2281389),
        (0.8, 7, 0.8960296),
        (0.995, 30, 2.7499957),
        (0.975, 1e6, 1.9599664),
    ],
)
def test_quantiles_are_those_of_the_tables(probability: float, freedom: float, value: float) -> None:
    """Student's t, from one degree of freedom to so many that it is a normal distribution; both tails."""
    assert t_quantile(probability, freedom) == pytest.approx(value, rel=1e-6)
    assert t_quantile(1 - probability, freedom) == pytest.approx(-value, rel=1e-6)
    assert t_below(value, freedom) == pytest.approx(probability, rel=1e-6)


def test_a_shift_is_students_interval() -> None:
    """Four pairs by hand: mean 2, standard error 0.5, t(3) 3.182446 and 0.978472."""
    found = shift([1.0, 1.5, 2.5, 3.0])
    error = math.sqrt(sum((x - 2) ** 2 for x in (1.0, 1.5, 2.5, 3.0)) / 3 / 4)
    assert found.mean == 2.0
    assert found.interval.high == pytest.approx(2 + 3.182446 * error, rel=1e-6)
    assert found.smallest == pytest.approx((3.182446 + 0.978472) * error, rel=1e-6)
    assert shift([3.0]).smallest == math.inf


def test_the_smallest_shift_shows_in_four_of_five() -> None:
    """Of many samples that are shifted by what five such values would just have shown, about 80 % leave out 0."""
    generator = np.random.default_rng(1)
    expected = (t_quantile(0.975, 7) + t_quantile(0.8, 7)) / math.sqrt(8)
    seen = [0.0 not in shift(list(generator.normal(expected, 1, 8))).interval for _ in range(1000)]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.04)


def test_equivalence_by_hand() -> None:
    """Both one-sided t-tests at 5 %: a mean of 2 with a standard error of 0.456 is within 3.1 of 0, not within 3."""
    pairs = [1.0, 1.5, 2.5, 3.0]
    error = math.sqrt(sum((x - 2) ** 2 for x in pairs) / 3 / 4)
    found = equivalent(pairs, 3.1)
    assert found.interval.high == pytest.approx(2 + 2.3533634 * error, rel=1e-6)
    assert found.holds is True
    assert equivalent(pairs, 3.0).holds is False
    assert equivalent(pairs[:3], 100.0).holds is None
    assert equivalent([], 100.0).holds is None
    assert equivalent([0.5] * 4, 0.6).holds is True


def test_worlds_that_differ_by_the_margin_pass_in_one_of_twenty() -> None:
    """The level of the test: at the margin itself, equivalence is declared in 5 % of the cases."""
    generator = np.random.default_rng(2)
    declared = [equivalent(list(generator.normal(2, 1, 12)), 2.0).holds for _ in range(1000)]
    assert np.mean([bool(one) for one in declared]) == pytest.approx(0.05, abs=0.02)


@given(VALUES, st.floats(0.01, 50))
def test_equivalence_has_no_favourite(pairs: list[float], margin: float) -> None:
    """It is the same both ways round, and what is alike within a margin is so within a larger one."""
    there, back = equivalent(pairs, margin), equivalent([-one for one in pairs], margin)
    assert there.difference == pytest.approx(-back.difference, abs=1e-9)
    assert there.interval.high == pytest.approx(-back.interval.low, abs=1e-6)
    assert not there.holds or equivalent(pairs, 2 * margin).holds
