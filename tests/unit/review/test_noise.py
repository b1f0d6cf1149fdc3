"""The statistics of a review: what is only chance is rarely called a change, and a change is found."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from chaos.review import noise

VALUES = st.floats(-1e6, 1e6)
APART = st.lists(st.integers(-10_000, 10_000), min_size=8, max_size=14, unique=True)
"""Whole numbers, no two alike, so that no rounding makes ties."""


def _process(keeps: float, samples: int, seed: int) -> NDArray[np.float64]:
    """A stationary process with variance 1 in which each sample keeps a share of the one before."""
    draws = np.random.default_rng(seed)
    values = np.empty(samples)
    values[0] = draws.normal()
    for place, step in enumerate(draws.normal(size=samples - 1) * math.sqrt(1 - keeps**2), start=1):
        values[place] = keeps * values[place - 1] + step
    return values


@pytest.mark.parametrize(("n", "m"), [(4, 4), (3, 5), (5, 5), (4, 6), (2, 8)])
def test_runs_that_differ_by_chance_alone_are_called_apart_as_rarely_as_promised(n: int, m: int) -> None:
    """Over all orders that n and m runs can come in, each as likely as any: p <= a for at most a of them."""
    p_values = []
    for chosen in combinations(range(n + m), n):
        rest = [place for place in range(n + m) if place not in chosen]
        found = noise.between([float(one) for one in chosen], [float(one) for one in rest])
        assert found.p_value is not None
        p_values.append(found.p_value)
    for level in (0.05, 0.1, 0.3, 0.7):
        assert sum(p <= level for p in p_values) <= level * len(p_values)


@given(APART, st.integers(1, 12))
def test_the_interval_and_the_test_agree(values: list[int], cut: int) -> None:
    """Without ties, 0 lies outside the interval exactly where the test says so; the estimate lies within."""
    before, after = [float(one) for one in values[:cut]], [float(one) for one in values[cut:]]
    if not before or not after:
        return
    found = noise.between(before, after)
    if found.interval is None:
        assert found.p_value is None
        assert "could" in found.why
        return
    low, high = found.interval
    assert low <= found.by <= high
    assert found.p_value is not None
    assert (found.p_value <= 0.05) == (low > 0 or high < 0)


@given(st.lists(VALUES, min_size=4, max_size=8), st.lists(VALUES, min_size=4, max_size=8))
def test_the_other_way_round_is_the_other_way_round(before: list[float], after: list[float]) -> None:
    """Turning the sides turns the sign, and nothing else; ties are no trouble."""
    there, back = noise.between(before, after), noise.between(after, before)
    assert there.by == -back.by
    assert there.p_value == back.p_value
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval == (-back.interval[1], -back.interval[0])


def test_a_shift_between_runs_is_found() -> None:
    """Six and six runs, three standard deviations apart: found on nearly all of 200 draws, with the right size."""
    draws = np.random.default_rng(3)
    found = [noise.between(list(draws.normal(size=6)), list(draws.normal(size=6) + 3)) for _ in range(200)]
    assert np.mean([one.p_value is not None and one.p_value <= 0.05 for one in found]) > 0.95
    covers = [one.interval is not None and one.interval[0] <= 3 <= one.interval[1] for one in found]
    assert 0.92 < np.mean(covers) <= 1


def test_published_values() -> None:
    """Mann and Whitney's table (5 and 5, U = 2: 0.032), Fisher's tea (0.486), Student's quantile (10: 2.228)."""
    assert noise.mann_whitney(2, 5, 5) == pytest.approx(8 / 252)
    assert noise.fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)
    assert noise._t_quantile(0.975, 10) == pytest.approx(2.228, rel=0.002)
    assert noise._t_tails(2.228, 10) == pytest.approx(0.05, rel=0.01)


def test_too_few_runs_are_said_to_be_too_few() -> None:
    """One and one, two and two, three and three cannot tell at 5 %, whatever they show; it is said what could."""
    for n in (1, 2, 3):
        found = noise.between([0.0] * n, [1000.0] * n)
        assert found.p_value is None
        assert found.by == 1000
        assert "4 and 4 could" in found.why


@pytest.mark.parametrize(("questions", "enough"), [(1, ""), (2, "5 and 4"), (3, "5 and 4"), (7, "6 and 5")])
def test_runs_that_are_too_few_for_so_many_questions_are_said_to_be(questions: int, enough: str) -> None:
    """Four and four tell of one objective; adjusted for more, no p-value of theirs could be small enough."""
    found = noise.between([0.0] * 4, [1000.0] * 4, questions)
    assert found.interval == (1000, 1000)
    assert found.p_value == pytest.approx(2 / 70)
    adjusted = noise.holm([found.p_value] * questions)[0]
    assert adjusted is not None
    assert (adjusted <= 0.05) == (found.why == "")
    assert found.why.endswith(f"{enough} could" if enough else "")


@pytest.mark.parametrize("keeps", [0.0, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("samples", [60, 150, 300])
def test_samples_of_one_run_that_follow_each_other_are_rarely_called_a_change(
    keeps: float, samples: int
) -> None:
    """No shift: at most 9 % of 400 are called one at 5 %, where counting every sample would call most."""
    found = [noise.within(list(_process(keeps, samples, seed))) for seed in range(400)]
    assert np.mean([one.p_value is not None and one.p_value <= 0.05 for one in found]) <= 0.09


def test_a_shift_within_single_runs_is_found() -> None:
    """A standard deviation, in 150 samples that keep half of the one before: found on nearly all of 200 processes."""
    found = [noise.within(list(_process(0.5, 150, seed) + 1)) for seed in range(200)]
    assert np.mean([one.p_value is not None and one.p_value <= 0.05 for one in found]) > 0.98


def test_samples_that_hardly_move_cannot_tell() -> None:
    """A slow drift is one piece of news, however many samples it has."""
    found = noise.within(list(np.linspace(0.0, 1.0, 200)))
    assert found.p_value is None
    assert "more runs could" in found.why


@given(st.floats(-1e3, 1e3), st.integers(1, 50))
def test_a_constant_difference_is_what_it_is(by: float, samples: int) -> None:
    """Nothing varies: a difference that is always the same is one, and none is none."""
    found = noise.within([by] * samples)
    assert found.by == pytest.approx(by)
    assert found.p_value == (1.0 if abs(by) < 1e-12 else 0.0)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_asking_more_questions_never_makes_a_p_value_smaller(p_values: list[float | None]) -> None:
    """Holm: none below its own, in the same order, at most 1; what could not be told stays so."""
    adjusted = noise.holm(p_values)
    assert [one is None for one in adjusted] == [one is None for one in p_values]
    pairs = sorted((p, q) for p, q in zip(p_values, adjusted, strict=True) if p is not None and q is not None)
    assert all(p <= q <= 1 for p, q in pairs)
    assert [q for _, q in pairs] == sorted(q for _, q in pairs)


def test_several_questions_at_once_are_asked_for_more_evidence() -> None:
    """Holm's own arithmetic: the smallest of three times three, the next times two, and never out of order."""
    assert noise.holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])
