"""From what several live runs showed to the durations that are simulated with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import quantiles

from chaos.clock import RealSeconds
from chaos.study.durations import Durations
from chaos.study.measuring import Observed

ENOUGH = 5
"""Observations from which on a measured duration takes the place of the default one."""


@dataclass(frozen=True)
class Estimate:
    """What several observations of a duration come to: their median and quartiles."""

    n: int
    median: float
    low: float
    high: float


def estimate(values: Sequence[float]) -> Estimate | None:
    """The median and the quartiles; None for nothing."""
    if not values:
        return None
    if len(values) == 1:
        return Estimate(1, values[0], values[0], values[0])
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Estimate(len(values), round(middle, 3), round(low, 3), round(high, 3))


def pooled(several: Iterable[Mapping[str, Sequence[float]]]) -> Observed:
    """The observations of several runs together, in the order of the durations."""
    found: dict[str, list[float]] = {one.name: [] for one in fields(Durations)}
    for one in several:
        for name, values in one.items():
            found.setdefault(name, []).extend(values)
    return {name: tuple(values) for name, values in found.items() if values}


def measured(seen: Mapping[str, Sequence[float]]) -> Durations:
    """The durations with the medians of those that were observed often enough."""
    changed = {
        name: RealSeconds(found.median)
        for name, values in seen.items()
        if len(values) >= ENOUGH and (found := estimate(values)) is not None
    }
    return replace(Durations(), **changed)
