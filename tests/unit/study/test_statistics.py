from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from chaos.study.statistics.binomial import at_least, at_most, masses, seen_at_least, wilson
from chaos.study.statistics.inconclusive import Tally
from chaos.study.statistics.paired import compare, mcnemar
from chaos.study.statistics.sequences import at_least_ever, confidence_sequence
from chaos.study.statistics.shapley import attribute, contrasts, weights
from chaos.study.statistics.smallest import smallest, smallest_seen, violations
from chaos.study.statistics.survival import kaplan_meier, log_rank, restricted_mean

# Gehan's 6-MP trial (Freireich et al., 1963): weeks of remission; a negative number is a patient who was still in it.
TREATED = np.array(
    [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35.0]
)
PLACEBO = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0])
COUNTS = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"), [(8, 10, 0.490162, 0.943318), (27, 30, 0.743789, 0.965400)]
)
def test_wilson_is_what_the_books_say(successes: int, trials: int, low: float, high: float) -> None:
    """The interval of known counts, to six digits."""
    assert tuple(wilson(successes, trials)) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("trials", [30, 50, 100, 250])
def test_wilson_covers_what_it_promises_on_average(trials: int) -> None:
    """Enumerated exactly over all outcomes: a 95 % interval covers in 94 to 96 % over p in [0.05, 0.95]."""
    intervals = [wilson(successes, trials) for successes in range(trials + 1)]
    coverage = [
        sum(mass for mass, interval in zip(masses(trials, p), intervals, strict=True) if p in interval)
        for p in np.linspace(0.05, 0.95, 181)
    ]
    assert 0.94 <= float(np.mean(coverage)) <= 0.96


@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.9, 0.99])
def test_the_confidence_sequence_may_be_looked_at_after_each_trial(p: float) -> None:
    """The exact chance that a look after each of 180 trials ever leaves out the truth is at most 5 %.

    Over all paths, by dynamic programming: paths that have left the truth out are taken away as they do.
    """
    alive = np.array([1.0])
    for trials in range(1, 181):
        stepped = np.zeros(trials + 1)
        stepped[:-1] += alive * (1 - p)
        stepped[1:] += alive * p
        kept = [p in confidence_sequence(successes, trials) for successes in range(trials + 1)]
        alive = np.where(kept, stepped, 0.0)
    assert alive.sum() >= 0.95


@pytest.mark.parametrize("target", [0.5, 0.9])
def test_a_value_may_be_declared_at_any_look(target: float) -> None:
    """Where trials stop as soon as a value seems good enough, a wrong one is declared with at most 5 %, exactly; the
    test for a fixed number would declare it far too often.
    """
    chances = {}
    for name, test in (("ever", at_least_ever), ("fixed", at_least)):
        alive = np.array([1.0])
        for trials in range(1, 201):
            stepped = np.zeros(trials + 1)
            stepped[:-1] += alive * (1 - target)
            stepped[1:] += alive * target
            declared = [
                smallest([(s, trials)], target, 0.05, test).place is not None for s in range(trials + 1)
            ]
            alive = np.where(declared, 0.0, stepped)
        chances[name] = 1 - alive.sum()
    assert chances["ever"] <= 0.05
    assert chances["fixed"] > 0.1


def test_a_look_after_each_trial_breaks_wilson() -> None:
    """Why there is a confidence sequence: under the same looks Wilson's interval leaves the truth out far too often."""
    alive = np.array([1.0])
    for trials in range(1, 181):
        stepped = np.zeros(trials + 1)
        stepped[:-1] += alive * 0.5
        stepped[1:] += alive * 0.5
        alive = np.where([0.5 in wilson(s, trials) for s in range(trials + 1)], stepped, 0.0)
    assert alive.sum() < 0.8


@given(COUNTS)
def test_the_confidence_sequence_holds_wilson_and_the_share(count: tuple[int, int]) -> None:
    """It is wider than what holds for one look only, and the share seen lies in it."""
    successes, trials = count
    wide, one = confidence_sequence(successes, trials), wilson(successes, trials)
    assert wide.low <= one.low + 1e-6
    assert wide.high >= one.high - 1e-6
    if trials:
        assert successes / trials in wide


@given(COUNTS, st.floats(0, 1))
def test_tails_are_sums_of_the_masses(count: tuple[int, int], p: float) -> None:
    """The two tails that share an outcome add up to one and that outcome."""
    successes, trials = count
    both = at_least(successes, trials, p) + at_most(successes, trials, p)
    assert both == pytest.approx(1 + masses(trials, p)[successes], abs=1e-9)


def test_exact_tails_of_many_trials() -> None:
    """Of 10,000 trials as well: half of a symmetric binomial and half of its middle."""
    middle = math.exp(math.lgamma(10_001) - 2 * math.lgamma(5_001) - 10_000 * math.log(2))
    assert at_least(5000, 10_000, 0.5) == pytest.approx(0.5 + middle / 2, rel=1e-9)


def test_what_so_many_trials_could_have_seen() -> None:
    """The rule of three: an event of 3 % would show once in 100 trials with a chance of 95 %."""
    assert seen_at_least(100) == pytest.approx(0.0295, abs=1e-4)
    assert seen_at_least(0) == 1.0


def _lives(weeks: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.abs(weeks), weeks > 0


def test_kaplan_meier_is_gehans() -> None:
    """The survival curve of a published trial, its medians, and its largest interval inside of 0 to 1."""
    treated, placebo = kaplan_meier(*_lives(TREATED)), kaplan_meier(*_lives(PLACEBO))
    assert [treated.at(week) for week in (6, 10, 23)] == pytest.approx(
        [0.857143, 0.752941, 0.448179], abs=1e-6
    )
    assert (treated.median, placebo.median) == (23, 8)
    assert treated.at(5.9) == 1.0
    assert (treated.low <= treated.share).all()
    assert (treated.share <= treated.high).all()


def test_greenwoods_interval_is_the_published_one() -> None:
    """On the scale of log(-log), S(10) of the treated: 0.5032 to 0.8894 (as R's survival gives it)."""
    treated = kaplan_meier(*_lives(TREATED))
    place = int(np.searchsorted(treated.times, 10))
    assert (treated.low[place], treated.high[place]) == pytest.approx((0.5032, 0.8894), abs=1e-4)


def test_log_rank_is_gehans() -> None:
    """The chi-squared of the published trial."""
    weeks = np.concatenate([TREATED, PLACEBO])
    found = log_rank(*_lives(weeks), np.arange(len(weeks)) >= len(TREATED))
    assert found.statistic == pytest.approx(16.792941, abs=1e-6)
    assert found.p_value == pytest.approx(4.17e-5, rel=0.01)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=40), st.floats(1, 120))
def test_without_censoring_the_restricted_mean_is_the_mean(lives: list[float], until: float) -> None:
    """Where every end was seen, it is the mean of the lives cut off at `until`, and so is its error."""
    times = np.array(lives)
    found = restricted_mean(times, np.ones(len(times), dtype=bool), until)
    cut = np.minimum(times, until)
    assert found.value == pytest.approx(cut.mean())
    assert found.error == pytest.approx(cut.std() / math.sqrt(len(cut)), abs=1e-6)


def test_mcnemar_is_an_exact_sign_test() -> None:
    """5 to 1 of six seeds that differ: 2 (1 + 6) / 64; none that differ: no evidence."""
    assert mcnemar(5, 1) == pytest.approx(14 / 64)
    assert mcnemar(1, 5) == pytest.approx(14 / 64)
    assert mcnemar(0, 0) == 1.0


def test_paired_differences_cover_the_truth() -> None:
    """Of 300 studies of 200 seeds, about 95 in a hundred intervals hold the true difference of 0.2."""
    generator = np.random.default_rng(1)
    covered = 0
    for study in range(300):
        luck = generator.random(200)
        found = compare(luck < 0.4, luck < 0.6, seed=study)
        covered += 0.2 in found.interval
        assert found.lost == 0
    assert 0.92 <= covered / 300 <= 0.98


def test_pairs_that_never_differ_still_have_an_interval() -> None:
    """A hundred seeds alike do not show that none would ever differ."""
    found = compare(np.ones(100, dtype=bool), np.ones(100, dtype=bool))
    assert found.interval.high == pytest.approx(wilson(0, 100).high)
    assert found.p_value == 1.0


def test_the_smallest_is_declared_from_the_largest_down() -> None:
    """A value behind the first that fails is not looked at, however good it seems."""
    counts = [(99, 100), (50, 100), (95, 100), (99, 100)]
    assert smallest(counts, 0.8).place == 2
    assert len(smallest(counts, 0.8).p_values) == 3
    assert smallest([(99, 100), (50, 100)], 0.8).place is None
    assert smallest_seen([0.99, 0.5, 0.95, 0.99], 0.8) == 2
    assert smallest_seen([0.99, 0.5], 0.8) is None


@pytest.mark.parametrize("target", [0.5, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("trials", [30, 100, 1000])
def test_wrong_declarations_stay_below_the_level(target: float, trials: int) -> None:
    """Enumerated exactly at the worst truth, just below the target: at most 5 % are declared.

    Before a wrong value is declared all above it must have been, so this bounds the chance of any.
    """
    wrong = sum(
        mass
        for successes, mass in enumerate(masses(trials, target - 1e-9))
        if smallest([(successes, trials)], target).place is not None
    )
    assert wrong <= 0.05


def test_wrong_declarations_of_whole_curves_stay_below_the_level() -> None:
    """Curves of 11 values that share their seeds, all just below the target: any is declared on at most 5 %."""
    generator = np.random.default_rng(2)
    wrong = 0
    for _ in range(600):
        luck = generator.random(200)
        survived = [int((luck < 0.9 - 0.002 * step).sum()) for step in range(10, -1, -1)]
        wrong += smallest([(one, 200) for one in survived], 0.9).place is not None
    assert wrong / 600 <= 0.05


def test_falls_beyond_chance_are_told() -> None:
    """A step on which 30 of 30 seeds that differ got worse is a violation; 3 of 5 are chance."""
    found = violations([(10, 0), (0, 30), (2, 3)], [0.1, 0.5, 0.4, 0.39])
    assert [one.place for one in found] == [1]
    assert found[0].p_value == pytest.approx(2**-30)


def test_a_flat_curve_rarely_violates() -> None:
    """On 500 flat curves of 10 steps, at most 5 % are said to fall somewhere."""
    generator = np.random.default_rng(3)
    found = 0
    for _ in range(500):
        gained = generator.binomial(40, 0.5, size=10)
        found += bool(violations([(int(one), 40 - int(one)) for one in gained], [0.5] * 11))
    assert found / 500 <= 0.05


def test_inconclusive_trials_are_bounded_by_both_ends() -> None:
    """Left out, all lost, all survived; and no headline above one in twenty."""
    told = Tally(survived=60, lost=30, inconclusive=10)
    assert (told.if_all_lost, told.share, told.if_all_survived) == (0.6, 60 / 90, 0.7)
    assert not told.headline
    assert Tally(60, 35, 5).headline
    assert not Tally(0, 0).headline


def test_shapley_divides_what_was_gained() -> None:
    """Two factors that only help together get half each; one that does nothing gets nothing."""
    cells = np.array([[0, 0, 0, 1, 0, 0, 0, 1.0]] * 50)
    found = attribute(cells)
    assert found.parts == pytest.approx((0.5, 0.5, 0.0))
    assert found.shares == pytest.approx((0.5, 0.5, 0.0))
    assert found.total == 1.0


@given(st.integers(1, 5), st.integers(0, 2**20))
def test_shapley_parts_add_up_to_the_whole(factors: int, seed: int) -> None:
    """Whatever the cells hold, the parts add up to the last cell less the first; additive effects are kept."""
    generator = np.random.default_rng(seed)
    cells = generator.random(2**factors)
    assert (weights(factors) @ cells).sum() == pytest.approx(cells[-1] - cells[0])
    effects = generator.random(factors)
    added = [sum(effects[i] for i in range(factors) if cell >> i & 1) for cell in range(2**factors)]
    assert weights(factors) @ np.array(added) == pytest.approx(effects)


def test_opposite_causes_share_the_spread() -> None:
    """One factor gains what another takes: the whole gain is nothing, and half of the spread is due to each."""
    found = attribute(np.array([[0.5, 0.9, 0.1, 0.5]] * 50))
    assert found.total == pytest.approx(0)
    assert found.parts == pytest.approx((0.4, -0.4))
    assert found.shares == pytest.approx((0.5, 0.5))


@given(st.integers(1, 4), st.integers(0, 2**20))
def test_effects_make_up_the_variance_between_the_cells(factors: int, seed: int) -> None:
    """The squares of all effects add up to the variance of the cells, and the factors' parts to the whole."""
    cells = np.random.default_rng(seed).random(2**factors)
    effects, parts = contrasts(factors)
    assert ((effects @ cells) ** 2).sum() == pytest.approx(cells.var())
    assert parts.sum(axis=0) == pytest.approx(np.ones(2**factors - 1))


def test_intervals_of_shares_cover_the_truth() -> None:
    """Of 60 designs of 400 seeds, about 95 in a hundred hold the true share of the first factor."""
    truth = np.array([0.2, 0.6, 0.3, 0.8])
    effects, parts = contrasts(2)
    squares = (effects @ truth) ** 2
    share = float((parts @ squares)[0] / squares.sum())
    generator = np.random.default_rng(9)
    covered = 0
    for study in range(60):
        found = attribute((generator.random((400, 1)) < truth).astype(float), seed=study)
        assert found.share_intervals is not None
        covered += share in found.share_intervals[0]
    assert covered >= 53


def test_nothing_gained_is_not_divided() -> None:
    """Where the whole may be nothing, shares of it mean nothing."""
    generator = np.random.default_rng(4)
    found = attribute((generator.random((100, 4)) < 0.5).astype(float))
    assert found.shares is None
    assert found.share_intervals is None
