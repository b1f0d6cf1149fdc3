"""How long rooms live when not every end was seen: Kaplan–Meier, restricted means, and two groups compared."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.study.statistics.binomial import Interval, two_sided

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True)
class SurvivalCurve:
    """The share that is still alive: `share[i]` from `times[i]` until the next of them; 1 before the first.

    `low` and `high` are Greenwood's interval on the scale of log(-log), which stays between 0 and 1; where nobody
    or everybody has died it has no width, for there Greenwood's variance is 0.
    """

    times: Floats
    share: Floats
    low: Floats
    high: Floats

    def at(self, time: float) -> float:
        """The share alive just after a moment."""
        place = int(np.searchsorted(self.times, time, side="right"))
        return 1.0 if place == 0 else float(self.share[place - 1])

    @property
    def median(self) -> float:
        """The first moment at which half or fewer are alive; infinity where that was not seen."""
        below = np.flatnonzero(self.share <= 0.5 + 1e-12)
        return float(self.times[below[0]]) if below.size else math.inf


@dataclass(frozen=True)
class Table:
    """For each moment at which somebody died: how many did, and how many were alive just before."""

    times: Floats
    deaths: Floats
    at_risk: Floats


def life_table(times: Floats, died: Truths) -> Table:
    """The table of those who were watched until `times`, and of whom `died` tells whether they died then."""
    moments = np.unique(times[died])
    ends = np.sort(times)
    at_risk = len(times) - np.searchsorted(ends, moments, side="left")
    _, deaths = np.unique(times[died], return_counts=True)
    return Table(moments, deaths.astype(float), at_risk.astype(float))


def kaplan_meier(times: Floats, died: Truths, confidence: float = 0.95) -> SurvivalCurve:
    """The survival curve of those watched until `times`. Source: Kaplan and Meier, 1958; Greenwood, 1926."""
    table = life_table(times, died)
    share: Floats = np.cumprod(1 - table.deaths / table.at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        summed = np.cumsum(table.deaths / (table.at_risk * (table.at_risk - table.deaths)))
        spread = two_sided(confidence) * np.sqrt(summed) / np.abs(np.log(share))
        inner = (share > 0) & (share < 1)
        low = np.where(inner, share ** np.exp(spread), share)
        high = np.where(inner, share ** np.exp(-spread), share)
    return SurvivalCurve(table.times, share, low, high)


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error."""

    value: float
    error: float

    def interval(self, confidence: float = 0.95) -> Interval:
        """The normal interval around it."""
        half = two_sided(confidence) * self.error
        return Interval(self.value - half, self.value + half)


def restricted_mean(times: Floats, died: Truths, until: float) -> Mean:
    """How long they live on average within the first `until`: the area below the curve, with Greenwood's error."""
    table = life_table(times, died)
    seen = table.times < until
    moments, deaths, at_risk = table.times[seen], table.deaths[seen], table.at_risk[seen]
    share = np.cumprod(1 - deaths / at_risk)
    edges = np.concatenate(([0.0], moments, [until]))
    areas = np.concatenate(([1.0], share)) * np.diff(edges)
    still = np.cumsum(areas[::-1])[::-1][1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(at_risk > deaths, deaths / (at_risk * (at_risk - deaths)), 0.0)
    return Mean(float(areas.sum()), math.sqrt(float((still**2 * terms).sum())))


@dataclass(frozen=True)
class LogRank:
    """Whether two groups die alike: chi-squared with one degree of freedom, and its p-value."""

    statistic: float
    p_value: float


def log_rank(times: Floats, died: Truths, second: Truths) -> LogRank:
    """Compare two groups of *independent* lives; `second` tells who belongs to the second group.

    Lives that share their seed are not independent: compare those by paired differences. Source: Mantel, 1966.
    """
    observed = expected = variance = 0.0
    whole = life_table(times, died)
    for moment, deaths, at_risk in zip(whole.times, whole.deaths, whole.at_risk, strict=True):
        of_second = float((second & (times >= moment)).sum())
        observed += float((second & died & (times == moment)).sum())
        expected += deaths * of_second / at_risk
        if at_risk > 1:
            share = of_second / at_risk
            variance += deaths * share * (1 - share) * (at_risk - deaths) / (at_risk - 1)
    statistic = (observed - expected) ** 2 / variance if variance > 0 else 0.0
    return LogRank(statistic, math.erfc(math.sqrt(statistic / 2)))
