"""From trials to curves: the points of an arm, what it gains on the first, and the smallest value that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chaos.study.document import Arm, Study, Value
from chaos.study.result import ArmCurve, AtScale, Bounds, Fall, Gain, Moment, Point, ValueBounds
from chaos.study.simulator import Trials
from chaos.study.statistics.binomial import Interval, at_least, wilson
from chaos.study.statistics.inconclusive import Tally
from chaos.study.statistics.paired import compare
from chaos.study.statistics.sequences import at_least_ever, confidence_sequence
from chaos.study.statistics.smallest import Declared, smallest, violations
from chaos.study.statistics.survival import kaplan_meier, restricted_mean
from chaos.study.sweep import survived

MOMENTS = 61
"""Places at which a survival curve is told."""
Floats = NDArray[np.float64]


def bounds(interval: Interval) -> Bounds:
    """An interval as the result has it."""
    return Bounds(low=round(interval.low, 6), high=round(interval.high, 6))


def tally(trials: Trials) -> Tally:
    """How the trials of a cell ended."""
    lived = int(survived(trials).sum())
    doubtful = int(np.isnan(trials.lost_at).sum())
    return Tally(lived, len(trials.lost_at) - lived - doubtful, doubtful)


def share(trials: Trials) -> float:
    """The share of a cell that survived, of the trials with a verdict."""
    return tally(trials).share


@dataclass(frozen=True)
class Judge:
    """Turns the cells of one study into its curves; `horizon` is the story time of one trial in seconds."""

    study: Study
    horizon: float

    def interval(self, found: Tally) -> Interval:
        """Of the probability, by the study's stopping rule."""
        confidence = self.study.target.confidence
        if self.study.stopping.rule == "decided":
            return confidence_sequence(found.survived, found.conclusive, confidence)
        return wilson(found.survived, found.conclusive, confidence)

    def curve(
        self, arm: Arm, cells: Sequence[Trials], first: Sequence[Trials] | None, *, main: bool
    ) -> ArmCurve:
        """One arm: `cells` by value, `first` those of the arm that it is measured against."""
        points = tuple(
            self._point(value, trials, None if first is None else first[place], main=main)
            for place, (value, trials) in enumerate(zip(self.study.varies.values, cells, strict=True))
        )
        return ArmCurve(
            arm=arm.name,
            role="main" if main else "other",
            set=arm.set,
            why=arm.why,
            minimum=self.minimum(cells),
            points=points,
            falls=self._falls(cells),
        )

    def _point(self, value: Value, trials: Trials, first: Trials | None, *, main: bool) -> Point:
        found = tally(trials)
        known = ~np.isnan(trials.lost_at)
        ends = np.minimum(trials.lost_at[known], self.horizon)
        died = trials.lost_at[known] < self.horizon
        alive = restricted_mean(ends, died, self.horizon)
        within = alive.interval(self.study.target.confidence)
        return Point(
            value=value,
            trials=found.trials,
            survived=found.survived,
            inconclusive=found.inconclusive,
            probability=round(found.share, 6) if found.headline else None,
            if_all_lost=round(found.if_all_lost, 6),
            if_all_survived=round(found.if_all_survived, 6),
            interval=bounds(self.interval(found)),
            lost_listener_minutes=round(float(np.mean(trials.lost_listener_minutes)), 1),
            minutes_alive=round(alive.value / 60, 3),
            minutes_alive_interval=Bounds(low=round(within.low / 60, 3), high=round(within.high / 60, 3)),
            gain=None if first is None else self._gain(first, trials),
            survival_curve=self._life(ends, died) if main else (),
        )

    def _gain(self, first: Trials, trials: Trials) -> Gain:
        both = min(len(first.lost_at), len(trials.lost_at))
        told = compare(
            survived(first)[:both],
            survived(trials)[:both],
            confidence=self.study.target.confidence,
            seed=self.study.seed,
        )
        return Gain(
            difference=round(told.difference, 6),
            interval=bounds(told.interval),
            p_value=float(f"{told.p_value:.4g}"),
        )

    def _life(self, ends: Floats, died: NDArray[np.bool_]) -> tuple[Moment, ...]:
        curve = kaplan_meier(ends, died, self.study.target.confidence)
        told = []
        for moment in np.linspace(0, self.horizon, MOMENTS):
            place = int(np.searchsorted(curve.times, moment, side="right")) - 1
            alive, low, high = (
                (1.0, 1.0, 1.0) if place < 0 else (curve.share[place], curve.low[place], curve.high[place])
            )
            told.append(
                Moment(
                    minutes=round(float(moment) / 60, 3),
                    share=round(float(alive), 5),
                    low=round(float(low), 5),
                    high=round(float(high), 5),
                )
            )
        return tuple(told)

    def _declared(self, cells: Sequence[Trials]) -> Declared:
        """Trials without a verdict count as lost here, and a cell with too many of them is never enough."""
        target = self.study.target
        tallies = [tally(one) for one in cells]
        counts = [(one.survived, one.trials) if one.headline else (0, one.trials) for one in tallies]
        test = at_least_ever if self.study.stopping.rule == "decided" else at_least
        return smallest(counts, target.survival, 1 - target.confidence, test)

    def minimum(self, cells: Sequence[Trials]) -> Value | None:
        """The smallest value declared enough."""
        place = self._declared(cells).place
        return None if place is None else self.study.varies.values[place]

    def minimum_interval(self, cells: Sequence[Trials]) -> ValueBounds:
        """From the first value that may be enough to the first that certainly is, as far as the trials tell."""
        values, target = self.study.varies.values, self.study.target.survival
        may_be = [self.interval(tally(one)).high >= target for one in cells]
        low = len(values)
        while low > 0 and may_be[low - 1]:
            low -= 1
        return ValueBounds(low=values[low] if low < len(values) else None, high=self.minimum(cells))

    def at_scale(self, scale: float, cells: Sequence[Trials]) -> AtScale:
        """The answer at one time scale."""
        return AtScale(
            time_scale=scale,
            headcount=self.minimum(cells),
            interval=self.minimum_interval(cells),
            trials=len(cells[0].lost_at),
            probabilities=tuple(round(share(one), 6) for one in cells),
        )

    def _falls(self, cells: Sequence[Trials]) -> tuple[Fall, ...]:
        values = self.study.varies.values
        steps = []
        for before, after in pairwise(cells):
            both = min(len(before.lost_at), len(after.lost_at))
            told = compare(survived(before)[:both], survived(after)[:both])
            steps.append((told.gained, told.lost))
        shares = [share(one) for one in cells]
        return tuple(
            Fall(
                value=values[one.place],
                next_value=values[one.place + 1],
                before=round(one.before, 6),
                after=round(one.after, 6),
                p_value=float(f"{one.p_value:.4g}"),
            )
            for one in violations(steps, shares, 1 - self.study.target.confidence)
        )
