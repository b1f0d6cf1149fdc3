"""Chance that does not depend on the order of things: every draw is a function of the seed and of what it is for."""

from __future__ import annotations

import math
from hashlib import blake2b
from statistics import NormalDist

_NORMAL = NormalDist()
_STEPS = 2.0**64


class Draws:
    """Keyed draws. The same seed and key give the same number in every arm, whatever was drawn before."""

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(32, "big")

    def uniform(self, *key: str | int) -> float:
        """In (0, 1), both ends excluded."""
        text = "\x1f".join(str(part) for part in key)
        number = int.from_bytes(blake2b(text.encode(), digest_size=8, key=self._key).digest(), "big")
        return min(max((number + 0.5) / _STEPS, 2.0**-53), 1 - 2.0**-53)

    def lognormal(self, median: float, sigma: float, *key: str | int) -> float:
        """Lognormal with this median, in the median's unit; `sigma` is of the logarithm."""
        return median * math.exp(sigma * _NORMAL.inv_cdf(self.uniform(*key)))
