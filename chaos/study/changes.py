"""From the changes of a study to overrides as `--set` takes them, and values between the ends of a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chaos.experiment.quantity import UnitError
from chaos.experiment.units import format_duration, parse_duration, parse_ratio
from chaos.study.document import Changes, Range, Value


def text(value: Value) -> str:
    """A value as a document has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def overrides(*several: Mapping[str, Value]) -> tuple[str, ...]:
    """The texts of `--set`, in order; of a path that is changed more than once, the last change alone."""
    merged: Changes = {}
    for changes in several:
        for path, value in changes.items():
            merged.pop(path, None)
            merged[path] = value
    return tuple(f"{path}={text(value)}" for path, value in merged.items())


@dataclass(frozen=True)
class Between:
    """A range as numbers: durations in seconds, shares as ratios. Raises UnitError for ends that are neither."""

    low: float
    high: float
    duration: bool
    whole: bool
    log: bool

    @classmethod
    def of(cls, given: Range) -> Between:
        """The ends of a range, which have to be of one kind."""
        return cls.ends(given.low, given.high, log=given.shape == "log-uniform")

    @classmethod
    def ends(cls, low: Value, high: Value, *, log: bool = False) -> Between:
        """Between these two, which have to be of one kind."""
        ends = (low, high)
        if any(isinstance(end, bool) for end in ends):
            raise UnitError("is no number", "a number, a ratio or a duration")
        duration = any(isinstance(end, str) and _is_duration(end) for end in ends)
        read = parse_duration if duration else parse_ratio
        first, last = (read(end) for end in ends)
        if first >= last or (log and first <= 0):
            raise UnitError(
                "is not below the high end" if first >= last else "has no logarithm",
                "a low end above 0 and below the high one" if log else "a low end below the high one",
            )
        return cls(first, last, duration, all(isinstance(end, int) for end in ends), log)

    def value(self, share: float) -> Value:
        """The value that leaves `share` (0 to 1) of the range below it."""
        number = self.low + (self.high - self.low) * share
        if self.log:
            number = self.low * (self.high / self.low) ** share
        if self.duration:
            return format_duration(round(number, 3))
        return round(number) if self.whole else float(f"{number:.6g}")


def _is_duration(value: str) -> bool:
    try:
        return math.isfinite(parse_duration(value)) and value != "0"
    except UnitError:
        return False


def draw(ranges: tuple[Range, ...], draws: int, seed: int) -> list[tuple[Value, ...]]:
    """`draws` times a value from each range, cut into as many equal slices of which each is met once.

    A Latin hypercube: the values of one range cover it evenly, whatever those of the others are.
    """
    generator = np.random.default_rng([seed, draws, len(ranges)])
    places = np.empty((draws, len(ranges)))
    for column in range(len(ranges)):
        places[:, column] = (generator.permutation(draws) + generator.random(draws)) / draws
    between = [Between.of(one) for one in ranges]
    return [tuple(how.value(float(share)) for how, share in zip(between, row, strict=True)) for row in places]
