"""Who is to thank: the Shapley shares of a full factorial design, each factor off or on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.study.statistics.binomial import Interval

RESAMPLED = 1000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attribution:
    """What switching on all factors gains in all, and what of it is due to each.

    `share` is a factor's part of `total`; None where the whole is too close to nothing to be divided (its interval
    contains 0).
    """

    total: float
    total_interval: Interval
    parts: tuple[float, ...]
    part_intervals: tuple[Interval, ...]
    shares: tuple[float, ...] | None
    share_intervals: tuple[Interval, ...] | None


def weights(factors: int) -> Floats:
    """A matrix of factors × 2^factors: what each cell counts in each factor's Shapley value.

    Cell number c has factor i on where bit i of c is set. Source: Shapley, 1953.
    """
    cells = np.arange(2**factors)
    sizes = np.array([int(cell).bit_count() for cell in cells])
    made = np.zeros((factors, len(cells)))
    for factor in range(factors):
        on = (cells >> factor) & 1 == 1
        others = np.where(on, sizes - 1, sizes)
        scale = np.array(
            [
                math.factorial(int(n)) * math.factorial(factors - 1 - int(n)) / math.factorial(factors)
                for n in others
            ]
        )
        made[factor] = np.where(on, scale, -scale)
    return made


def attribute(outcomes: Floats, *, confidence: float = 0.95, seed: int = 0) -> Attribution:
    """Divide the gain from the first cell (all off) to the last (all on) among the factors.

    `outcomes` is seeds × 2^factors: the same seeds in every cell. Intervals resample whole seeds.
    """
    seeds, cells = outcomes.shape
    factors = cells.bit_length() - 1
    if 2**factors != cells or seeds == 0:
        raise ValueError(f"{seeds} seeds in {cells} cells are no full factorial design")
    values = outcomes @ weights(factors).T
    parts = values.mean(axis=0)
    generator = np.random.default_rng([seed, seeds, cells])
    counts = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLED)
    drawn = counts @ values / seeds
    totals = drawn.sum(axis=1)
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    total = _interval(totals, ends)
    divisible = (total.low > 0) == (total.high > 0) and 0.0 not in (total.low, total.high)
    shares = share_intervals = None
    if divisible:
        shares = tuple(float(part) for part in parts / parts.sum())
        share_intervals = tuple(_interval(drawn[:, i] / totals, ends) for i in range(factors))
    return Attribution(
        float(parts.sum()),
        total,
        tuple(float(part) for part in parts),
        tuple(_interval(drawn[:, i], ends) for i in range(factors)),
        shares,
        share_intervals,
    )


def _interval(drawn: Floats, ends: list[float]) -> Interval:
    low, high = np.quantile(drawn, ends)
    return Interval(float(low), float(high))
