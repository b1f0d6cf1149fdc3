"""The outer level: what is not known about the parameters, with the Monte Carlo error of each draw taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.study.document import Study, Value
from chaos.study.result import Bounds, ValueBounds
from chaos.study.statistics.smallest import smallest_seen

Floats = NDArray[np.float64]
WIDEST = 3
"""An answer that spans more values than this beyond its first is not determined."""


def without_noise(seen: Floats, trials: int) -> Floats:
    """Shares by draw (and further axes), drawn together so far that their spread is that of the parameters alone.

    Of the variance over the draws, the part that so few trials of each would show by themselves is taken out.
    """
    if len(seen) < 2:
        return seen
    mean = seen.mean(axis=0)
    whole = seen.var(axis=0, ddof=1)
    noise = (seen * (1 - seen)).mean(axis=0) / max(1, trials - 1)
    kept = np.sqrt(np.clip(1 - np.divide(noise, whole, out=np.ones_like(whole), where=whole > 0), 0.0, 1.0))
    return np.asarray(mean + (seen - mean) * kept)


@dataclass(frozen=True)
class Outer:
    """What the draws of the parameters say; `shares` is draws × arms × values, without Monte Carlo error."""

    study: Study
    shares: Floats

    @classmethod
    def of(cls, study: Study, seen: Floats, trials: int) -> Outer:
        """From the shares that survived in `trials` trials of each draw."""
        return cls(study, without_noise(seen, trials))

    def _ends(self) -> tuple[float, float]:
        confidence = self.study.target.confidence
        return (1 - confidence) / 2, (1 + confidence) / 2

    def point(self, arm: int, place: int) -> tuple[float, Bounds]:
        """The mean and the interval of one point's probability."""
        drawn = self.shares[:, arm, place]
        low, high = np.quantile(drawn, self._ends())
        return round(float(drawn.mean()), 6), Bounds(low=round(float(low), 6), high=round(float(high), 6))

    def _smallest(self, arm: int) -> list[int]:
        """For each draw the place of the smallest value that is enough; behind the last one: none is."""
        target = self.study.target.survival
        beyond = len(self.study.varies.values)
        places = (smallest_seen(list(drawn), target) for drawn in self.shares[:, arm])
        return [beyond if place is None else place for place in places]

    def minimum(self, arm: int, given: Value | None) -> ValueBounds:
        """The interval of the smallest value that is enough; `given`, that of the parameters as given, is in it."""
        low, high = self._ends()
        values = self.study.varies.values
        here = len(values) if given is None else values.index(given)
        places = np.array(self._smallest(arm))
        return ValueBounds(
            low=self._value(min(here, int(np.quantile(places, low, method="lower")))),
            high=self._value(max(here, int(np.quantile(places, high, method="higher")))),
        )

    def _value(self, place: int) -> Value | None:
        return self.study.varies.values[place] if place < len(self.study.varies.values) else None

    def worth(self, arm: int, against: int) -> Bounds | None:
        """The interval of the difference in the smallest value; None where a draw has none of the two."""
        values = [value for value in self.study.varies.values if isinstance(value, int | float)]
        both = list(zip(self._smallest(against), self._smallest(arm), strict=True))
        if len(values) < len(self.study.varies.values) or any(max(pair) >= len(values) for pair in both):
            return None
        low, high = np.quantile([float(values[a]) - float(values[b]) for a, b in both], self._ends())
        return Bounds(low=float(low), high=float(high))


def determined(interval: ValueBounds, values: Sequence[Value]) -> bool:
    """Whether an interval spans few enough values to be an answer; one that leaves what was tried has no end."""
    if interval.high is None:
        return interval.low is None
    places = [len(values) if end is None else values.index(end) for end in (interval.low, interval.high)]
    return places[1] - places[0] <= WIDEST
