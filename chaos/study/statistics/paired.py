"""Two arms that met the same evenings: McNemar's exact test, and the difference with whole seeds resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.study.statistics.binomial import Interval, at_most, wilson

RESAMPLED = 2000
Truths = NDArray[np.bool_]


@dataclass(frozen=True)
class Paired:
    """What the second arm adds to the first, seed by seed.

    `difference` is the second's share of successes less the first's; `gained` and `lost` count the seeds on which
    only the second, and only the first, succeeded; `p_value` is McNemar's, exact and two-sided.
    """

    seeds: int
    gained: int
    lost: int
    difference: float
    interval: Interval
    p_value: float


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p-value of as lopsided a split of the seeds that differ. Source: McNemar, 1947."""
    return min(1.0, 2 * at_most(min(gained, lost), gained + lost, 0.5))


def compare(first: Truths, second: Truths, *, confidence: float = 0.95, seed: int = 0) -> Paired:
    """Compare two arms over the same seeds, in the same order; the interval resamples whole seeds.

    A seed counts +1, 0 or -1, so that drawing seeds with replacement is drawing the three counts. Where no seed
    differs, resampling knows no spread; the interval is then what Wilson's allows for no such seed of so many.
    """
    if first.shape != second.shape:
        raise ValueError("the arms did not meet the same seeds")
    seeds = len(first)
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    if seeds == 0:
        return Paired(0, 0, 0, 0.0, Interval(-1.0, 1.0), 1.0)
    if gained + lost == 0:
        bound = wilson(0, seeds, confidence).high
        return Paired(seeds, 0, 0, 0.0, Interval(-bound, bound), 1.0)
    draws = np.random.default_rng([seed, seeds]).multinomial(
        seeds, [gained / seeds, lost / seeds, 1 - (gained + lost) / seeds], size=RESAMPLED
    )
    differences = (draws[:, 0] - draws[:, 1]) / seeds
    low, high = np.quantile(differences, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Paired(
        seeds,
        gained,
        lost,
        (gained - lost) / seeds,
        Interval(float(low), float(high)),
        mcnemar(gained, lost),
    )
