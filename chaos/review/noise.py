"""Whether two sets of measurements differ by more than noise. Nothing here draws lots: the same data, the same answer.

Between runs: Mann and Whitney's test, exact, and the interval of Hodges and Lehmann for the shift; no distribution is
assumed, only that runs do not depend on each other. Within one run samples do depend on each other, so that few of them
are news: the number that counts is that of a process in which each sample keeps a share of the one before (AR(1)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist, median

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
FEWEST_INDEPENDENT = 5.0
"""With fewer samples that are news, nothing is said: a stretch of luck could be all of the run."""


@dataclass(frozen=True)
class Shift:
    """By how much something moved: the estimate, its 95 % interval, and the p-value of no shift at all.

    Where the data cannot tell, whatever they show, `why` says what could; interval and p-value are None if that is so
    even of this one question alone.
    """

    by: float
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    why: str = ""


def between(before: Sequence[float], after: Sequence[float], questions: int = 1) -> Shift:
    """The shift from one set of runs to another, a value for each run; neither may be empty.

    `questions` is how many are asked of these runs at once: p-values will be adjusted for that many.
    """
    n, m = len(before), len(after)
    differences = sorted(b - a for a in before for b in after)
    by = median(differences)
    if not _can_tell(n, m):
        return Shift(by, why=f"{n} and {m} runs cannot tell: {_enough(n, m, questions)} could")
    u = sum((difference > 0) + (difference == 0) / 2 for difference in differences)
    low = _edge(n, m)
    interval = (differences[low], differences[n * m - 1 - low])
    why = (
        ""
        if _can_tell(n, m, questions)
        else f"{n} and {m} runs cannot tell with {questions} objectives: {_enough(n, m, questions)} could"
    )
    return Shift(by, interval, mann_whitney(u, n, m), why)


def within(differences: Sequence[float]) -> Shift:
    """The mean of what two single runs differ by, sample by sample in the order of time; at least one is there."""
    values = np.asarray(differences, dtype=np.float64)
    by = float(values.mean())
    spread = values - by
    energy = float(spread @ spread)
    if energy <= len(values) * (1e-12 * max(1.0, abs(by))) ** 2:
        return Shift(by, (by, by), 1.0 if abs(by) < 1e-12 else 0.0)
    counts = independent(values)
    if counts < FEWEST_INDEPENDENT:
        return Shift(by, why="the samples follow each other too closely to tell; more runs could")
    error = math.sqrt(energy / (len(values) - 1) / counts)
    reach = error * _t_quantile((1 + CONFIDENCE) / 2, counts - 1)
    return Shift(by, (by - reach, by + reach), _t_tails(by / error, counts - 1))


def independent(values: NDArray[np.float64]) -> float:
    """How many independent samples say as much about the mean as these do.

    n (1 - r) / (1 + r) with the correlation r of neighbours, freed of its bias. Source: Bayley and Hammersley, 1946;
    Kendall, 1954.
    """
    n = len(values)
    if n < 3:
        return 0.0
    spread = values - values.mean()
    energy = float(spread @ spread)
    if energy == 0:
        return float(n)
    r = float(spread[1:] @ spread[:-1]) / energy
    r = min(0.99, max(0.0, r + (1 + 4 * r) / n))
    return n * (1 - r) / (1 + r)


def mann_whitney(u: float, n: int, m: int) -> float:
    """Two-sided p-value of `u` pairs of n x m in which the second is larger; ties count half, and never too little."""
    ways = _ways(n, m)
    extreme = max(u, n * m - u)
    tail = sum(ways[math.floor(extreme) :])
    return min(1.0, 2 * tail / sum(ways))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values for asking several questions at once (Holm, 1979); what could not be told stays so."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    worst = 0.0
    for rank, (p, place) in enumerate(known):
        worst = max(worst, min(1.0, p * (len(known) - rank)))
        adjusted[place] = worst
    return adjusted


def fisher(kept_before: int, before: int, kept_after: int, after: int) -> float:
    """Fisher's exact two-sided p-value that `kept_before` of `before` and `kept_after` of `after` are one share."""
    kept, every = kept_before + kept_after, before + after

    def mass(k: int) -> float:
        return math.comb(before, k) * math.comb(after, kept - k) / math.comb(every, kept)

    seen = mass(kept_before) * (1 + 1e-9)
    possible = range(max(0, kept - after), min(before, kept) + 1)
    return min(1.0, sum(one for k in possible if (one := mass(k)) <= seen))


def _can_tell(n: int, m: int, questions: int = 1) -> bool:
    return questions * 2 / math.comb(n + m, n) <= 1 - CONFIDENCE


def _enough(n: int, m: int, questions: int) -> str:
    """The smallest pair of numbers of runs, each at least as large as what is there, that can tell at all."""
    while not _can_tell(n, m, questions):
        n, m = (n + 1, m) if n <= m else (n, m + 1)
    return f"{n} and {m}"


def _edge(n: int, m: int) -> int:
    """Which of the ordered differences (from 0) the interval begins with: the last with 2.5 % of chance below it."""
    ways = _ways(n, m)
    allowed = (1 - CONFIDENCE) / 2 * sum(ways)
    return sum(total <= allowed for total in accumulate(ways)) - 1


@lru_cache(maxsize=64)
def _ways(n: int, m: int) -> tuple[int, ...]:
    """In how many of all orders of n and m values each number of pairs (0 to n m) has the second larger."""
    rows = [[1] + [0] * (n * m) for _ in range(m + 1)]
    for _ in range(n):
        now = [[1] + [0] * (n * m)]
        for j in range(1, m + 1):
            now.append([now[j - 1][u] + (rows[j][u - j] if u >= j else 0) for u in range(n * m + 1)])
        rows = now
    return tuple(rows[m])


def _t_tails(t: float, freedom: float) -> float:
    """Two-sided p-value of Student's t, by Wallace's transformation (1959), good to a percent of itself from 4 on."""
    z = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return 2 * NormalDist().cdf(-z)


def _t_quantile(share: float, freedom: float) -> float:
    """The same the other way round."""
    z = NormalDist().inv_cdf(share) * (8 * freedom + 3) / (8 * freedom + 1)
    return math.sqrt(freedom * math.expm1(z * z / freedom))
