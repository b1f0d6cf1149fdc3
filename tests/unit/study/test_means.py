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
    """Welch's interval of two samples: alike within 1, not within 0.5, nothing to say of three values."""
    one, other = [1.0, 2.0, 3.0, 4.0, 5.0], [1.2, 2.2, 3.2, 4.2, 5.2]
    found = equivalent(one, other, 2.5)
    assert found.difference == pytest.approx(0.2)
    assert found.interval.high == pytest.approx(0.2 + 1.8595480, rel=1e-6)  # standard error 1, t(8)
    assert found.holds is True
    assert equivalent(one, other, 2.0).holds is False
    assert equivalent(one[:3], other, 100.0).holds is None
    assert equivalent([], other, 100.0).holds is None


def test_worlds_that_differ_by_the_margin_pass_in_one_of_twenty() -> None:
    """The level of the test: at the margin itself, equivalence is declared in at most 5 % of the cases."""
    generator = np.random.default_rng(2)
    declared = [
        equivalent(list(generator.normal(0, 1, 12)), list(generator.normal(2, 1, 12)), 2.0).holds
        for _ in range(400)
    ]
    assert np.mean([bool(one) for one in declared]) == pytest.approx(0.05, abs=0.035)


@given(VALUES, VALUES, st.floats(0.01, 50))
def test_equivalence_has_no_favourite(one: list[float], other: list[float], margin: float) -> None:
    """It is the same both ways round, and what is alike within a margin is so within a larger one."""
    there, back = equivalent(one, other, margin), equivalent(other, one, margin)
    assert there.difference == pytest.approx(-back.difference, abs=1e-9)
    assert there.interval.high == pytest.approx(-back.interval.low, abs=1e-6)
    assert not there.holds or equivalent(one, other, 2 * margin).holds
