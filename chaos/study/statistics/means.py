"""Means of few values: Student's t, the smallest shift that would have shown, equivalence by two one-sided tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, variance

from chaos.study.statistics.binomial import Interval

FEWEST = 4
"""Pairs below which nothing is said about equivalence: fewer do not show their own spread."""
POWER = 0.8


def t_below(t: float, freedom: float) -> float:
    """The probability that Student's t with so many degrees of freedom is at most `t`."""
    tail = 0.5 * _beta(freedom / (freedom + t * t), freedom / 2, 0.5)
    return 1 - tail if t > 0 else tail


@lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: float) -> float:
    """The value below which Student's t lies with `probability` (strictly between 0 and 1)."""
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while t_below(high, freedom) < probability:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if t_below(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return min(1.0, max(0.0, x))
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    whole = d
    for m in range(1, 1000):
        before = whole
        for above in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + above * d or tiny)
            c = 1 + above / c or tiny
            whole *= c * d
        if abs(whole - before) < 1e-15 * abs(whole):
            break
    return scale * whole / a


@dataclass(frozen=True)
class Shift:
    """By how much two sides of pairs differ on average; `smallest`: the least shift that would have shown in four of
    five such comparisons. Without a spread (fewer than two pairs) interval and `smallest` are infinite.
    """

    mean: float
    interval: Interval
    smallest: float


def shift(differences: Sequence[float], confidence: float = 0.95) -> Shift:
    """The mean of at least one paired difference, with Student's interval."""
    mean, n = fmean(differences), len(differences)
    if n < 2:
        return Shift(mean, Interval(-math.inf, math.inf), math.inf)
    error = math.sqrt(variance(differences) / n)
    reach = t_quantile((1 + confidence) / 2, n - 1)
    return Shift(
        mean,
        Interval(mean - reach * error, mean + reach * error),
        (reach + t_quantile(POWER, n - 1)) * error,
    )


@dataclass(frozen=True)
class Equivalence:
    """Whether two sides of pairs are within `margin` of each other on average; None: too few pairs to tell.

    `interval` holds the mean difference with 1 - 2 * level: both one-sided tests reject exactly where it lies within
    the margin (TOST). Source: D. J. Schuirmann, 1987.
    """

    difference: float
    interval: Interval
    margin: float
    holds: bool | None


def equivalent(differences: Sequence[float], margin: float, level: float = 0.05) -> Equivalence:
    """Two one-sided t-tests of whether the mean of paired differences lies within `margin` of 0."""
    if len(differences) < FEWEST:
        difference = fmean(differences) if differences else math.nan
        return Equivalence(difference, Interval(-math.inf, math.inf), margin, None)
    found = shift(differences, 1 - 2 * level)
    return Equivalence(
        found.mean, found.interval, margin, -margin < found.interval.low and found.interval.high < margin
    )
