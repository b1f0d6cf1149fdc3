"""How far an observed share may be from the true one."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a probability of which `successes` of `trials` were seen."""
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no share")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    spread = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    middle, width = share + z * z / (2 * trials), 1 + z * z / trials
    low = (middle - spread) / width if successes else 0.0
    high = (middle + spread) / width if successes < trials else 1.0
    return low, high
