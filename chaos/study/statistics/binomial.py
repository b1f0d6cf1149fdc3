"""A share of trials: Wilson's interval, exact tails, and the sizes that planning needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from chaos.faults import share


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.high))


def two_sided(confidence: float) -> float:
    """How many standard deviations hold the middle `confidence` (0 to 1) of a normal distribution: 0.95 is 1.96."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a probability; from 0 to 1 where nothing was tried.

    For a number of trials that was fixed beforehand: looking again and again breaks it (see `sequences`).
    Source: E. B. Wilson, 1927; Brown, Cai, DasGupta, 2001.
    """
    return Interval(*share.wilson(successes, trials, confidence)) if trials else Interval(0.0, 1.0)


def at_least(successes: int, trials: int, probability: float) -> float:
    """The probability of `successes` or more of `trials`, each with `probability`: an exact one-sided p-value."""
    if successes <= 0:
        return 1.0
    return float(min(1.0, np.exp(_log_masses(trials, probability)[successes:]).sum()))


def at_most(successes: int, trials: int, probability: float) -> float:
    """The probability of `successes` or fewer of `trials`, each with `probability`."""
    return at_least(trials - successes, trials, 1 - probability)


def masses(trials: int, probability: float) -> NDArray[np.float64]:
    """The probability of 0, 1, … `trials` successes."""
    return np.exp(_log_masses(trials, probability))


@lru_cache(maxsize=64)
def _log_masses(trials: int, probability: float) -> NDArray[np.float64]:
    if probability <= 0 or probability >= 1:
        certain = np.full(trials + 1, -np.inf)
        certain[trials if probability >= 1 else 0] = 0.0
        return certain
    ways = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, trials + 1)))))
    numbers = np.arange(trials + 1)
    return np.asarray(
        ways[trials]
        - ways
        - ways[::-1]
        + numbers * math.log(probability)
        + (trials - numbers) * math.log1p(-probability)
    )


def seen_at_least(trials: int, confidence: float = 0.95) -> float:
    """The smallest probability of an event that `trials` without one would still rule out: 3/n for 95 %."""
    return 1.0 if trials == 0 else 1 - (1 - confidence) ** (1 / trials)
