"""The smallest value that is still good enough: tests in a fixed order, from the easiest value down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chaos.study.statistics.binomial import at_least, at_most

Count = tuple[int, int]
"""Successes and trials."""


@dataclass(frozen=True)
class Declared:
    """`place` is that of the smallest value declared good enough; None: not even the largest is.

    `p_values` are those of the tests that were made, from the last value down.
    """

    place: int | None
    p_values: tuple[float, ...]


Test = Callable[[int, int, float], float]
"""The p-value of so many successes of so many trials against a true probability of at most the target."""


def smallest(counts: Sequence[Count], target: float, level: float = 0.05, test: Test = at_least) -> Declared:
    """Declare values good enough from the last one down, as long as each passes its one-sided test at `level`.

    The tests come in an order that was fixed beforehand and stop at the first that fails; so the chance that *any*
    value is declared whose true probability is below `target` is at most `level`, however the cells depend on each
    other (Maurer, Hothorn, Lehmacher, 1995). Each test is exact, the chance of as many successes at the target, for a
    number of trials that was fixed beforehand; where trials may stop early, `test` has to be one that allows for it.
    """
    place: int | None = None
    tested: list[float] = []
    for index in range(len(counts) - 1, -1, -1):
        successes, trials = counts[index]
        tested.append(test(successes, trials, target) if trials else 1.0)
        if tested[-1] > level:
            break
        place = index
    return Declared(place, tuple(tested))


def smallest_seen(shares: Sequence[float], target: float) -> int | None:
    """The same by the shares themselves, without a test: from the last value down, as long as they reach the target."""
    place: int | None = None
    for index in range(len(shares) - 1, -1, -1):
        if shares[index] < target:
            break
        place = index
    return place


@dataclass(frozen=True)
class Violation:
    """From `place` to the next value the probability falls, beyond chance: `p_value` of that under a flat step."""

    place: int
    before: float
    after: float
    p_value: float


def violations(gained_lost: Sequence[Count], shares: Sequence[float], level: float = 0.05) -> list[Violation]:
    """Steps up at which the probability significantly falls.

    For each step from one value to the next, `gained_lost` tells on how many seeds only the larger value succeeded,
    and on how many only the smaller one. One-sided exact tests on the seeds that differ, Holm's correction over all
    steps.
    """
    found = sorted(_falls(gained_lost, shares), key=lambda one: one.p_value)
    kept: list[Violation] = []
    for rank, one in enumerate(found):
        if one.p_value * (len(gained_lost) - rank) > level:
            break
        kept.append(one)
    return sorted(kept, key=lambda one: one.place)


def _falls(gained_lost: Sequence[Count], shares: Sequence[float]) -> Iterator[Violation]:
    for place, (gained, lost) in enumerate(gained_lost):
        if lost > gained:
            yield Violation(place, shares[place], shares[place + 1], at_most(gained, gained + lost, 0.5))
