"""Who is to thank: the Shapley shares of a full factorial design, each factor off or on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.study.statistics.binomial import Interval

RESAMPLED = 1000
Floats = NDArray[np.float64]


BEYOND_CHANCE = 3.5
"""Standard errors that some effect has to be away from 0 before the spread between the cells is divided."""


@dataclass(frozen=True)
class Attribution:
    """What each factor does to the outcome, in two ways.

    `parts` (signed) divide the gain from all off to all on, `total`: the effect of switching a factor on, averaged
    over all orders. `shares` (from 0, their sum is 1) divide the spread between the cells, so that they mean something
    where factors pull in opposite directions too; None where the cells differ by chance alone.
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


def contrasts(factors: int) -> tuple[Floats, Floats]:
    """How the cells make up every effect, main or joint, and how each factor has a part in it.

    Effects × cells with one row for each set of factors but the empty one, orthogonal, the variance over the cells
    being the sum of the squares; and factors × effects, which divides each joint effect equally among its factors.
    """
    sets = np.arange(1, 2**factors)
    common = sets[:, None] & np.arange(2**factors)[None, :]
    signs = np.array([[1.0 if int(one).bit_count() % 2 == 0 else -1.0 for one in row] for row in common])
    sizes = np.array([int(one).bit_count() for one in sets])
    members = np.array([[(one >> factor) & 1 for one in sets] for factor in range(factors)])
    return signs / 2**factors, members / sizes


def attribute(outcomes: Floats, *, confidence: float = 0.95, seed: int = 0) -> Attribution:
    """Divide the gain from the first cell (all off) to the last (all on), and the spread, among the factors.

    `outcomes` is seeds × 2^factors: the same seeds in every cell. Intervals resample whole seeds. The shares are
    Shapley effects (Owen, 2014); what chance adds to the squares of the effects is taken out of them.
    """
    seeds, cells = outcomes.shape
    factors = cells.bit_length() - 1
    if 2**factors != cells or seeds < 2:
        raise ValueError(f"{seeds} seeds in {cells} cells are no full factorial design")
    generator = np.random.default_rng([seed, seeds, cells])
    means = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLED) @ outcomes / seeds
    made, effects = weights(factors), contrasts(factors)[0]
    parts, drawn = made @ outcomes.mean(axis=0), means @ made.T
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    noise = (outcomes @ effects.T).var(axis=0, ddof=1) / seeds
    seen = effects @ outcomes.mean(axis=0)
    shares = share_intervals = None
    if (np.abs(seen) > BEYOND_CHANCE * np.sqrt(noise) + 1e-12).any():
        shares = tuple(float(one) for one in _shares(seen, noise))
        drawn_shares = np.array([_shares(effects @ one, 2 * noise) for one in means])
        share_intervals = tuple(_interval(drawn_shares[:, i], ends) for i in range(factors))
    return Attribution(
        float(parts.sum()),
        _interval(drawn.sum(axis=1), ends),
        tuple(float(part) for part in parts),
        tuple(_interval(drawn[:, i], ends) for i in range(factors)),
        shares,
        share_intervals,
    )


def _shares(effects: Floats, noise: Floats) -> Floats:
    """The factors' shares of the spread; equal ones where chance has left nothing."""
    factors = (len(effects) + 1).bit_length() - 1
    squares = np.maximum(effects**2 - noise, 0.0)
    whole = squares.sum()
    if whole == 0:
        return np.full(factors, 1 / factors)
    return np.asarray(contrasts(factors)[1] @ squares / whole)


def _interval(drawn: Floats, ends: list[float]) -> Interval:
    low, high = np.quantile(drawn, ends)
    return Interval(float(low), float(high))
