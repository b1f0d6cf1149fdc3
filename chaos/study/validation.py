"""Live trials beside their replays: durations fitted on one half, judged on the other, and what differs between them.

What durations are fitted on are the trials with an even place in the order of the seeds: of those that the document
keeps, or, where it keeps none, of those of this study. All others are judged. Both halves meet the fitted durations.
This is about the technical model: the people of a live run and of its replay are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from chaos.clock import RealSeconds, StorySeconds
from chaos.study import estimates
from chaos.study.curves import bounds
from chaos.study.document import Study, Value
from chaos.study.durations import Durations
from chaos.study.evenings import STAGES, Incidents, LiveTrial
from chaos.study.findings import findings, in_short
from chaos.study.loading import LoadedStudy
from chaos.study.measuring import Observed
from chaos.study.replay import Replay, Replayed
from chaos.study.result import (
    Bounds,
    Calibration,
    Difference,
    Half,
    LivePoint,
    MeasuredDuration,
    Seen,
    Spread,
)
from chaos.study.statistics.binomial import wilson
from chaos.study.statistics.means import shift

PHASE = RealSeconds(1.5)
"""Scrapes, rules and looks at the alerts are simulated at their mean, not at their moment: so far stages may differ."""
LOSS = StorySeconds(60.0)
"""Half of the two minutes of silence by which a room is lost."""
HalfName = Literal["fitted", "judged"]
FITTED: HalfName = "fitted"
JUDGED: HalfName = "judged"


@dataclass(frozen=True)
class Pair:
    """A live trial and its replay; `scale` is the time scale of both, `measures`: it was run for what it shows."""

    live: LiveTrial
    simulated: Replayed
    half: HalfName
    scale: float
    measures: bool


@dataclass(frozen=True)
class Validated:
    """The durations to simulate with, and what the live trials say about the simulator with them."""

    durations: Durations
    calibration: Calibration


def halves(loaded: LoadedStudy, own: Sequence[LiveTrial]) -> list[tuple[LiveTrial, HalfName]]:
    """Every live trial once, those that the document keeps first, and the half that it belongs to."""
    kept = list(loaded.kept)
    several = kept + [one for one in own if one not in kept]
    to_fit = kept or several
    return [
        (one, FITTED if one in to_fit and (one.seed - loaded.study.seed) % 2 == 0 else JUDGED)
        for one in several
    ]


def fitted(loaded: LoadedStudy, own: Sequence[LiveTrial]) -> Durations:
    """The durations with the medians of what the fitted half shows often enough."""
    return estimates.measured(_seen_by(halves(loaded, own), FITTED))


def validate(loaded: LoadedStudy, own: Sequence[LiveTrial], replay: Replay) -> Validated:
    """Play every live trial again, with its own seed and time scale and the fitted durations, and compare."""
    divided = halves(loaded, own)
    durations = fitted(loaded, own)
    measuring = {one.name for one in loaded.study.live.measure}
    pairs = []
    for trial, half in divided:
        experiment = loaded.variants.loaded(trial.overrides).experiment
        simulated = replay(experiment, seed=trial.seed, runbook=loaded.runbook, durations=durations)
        pairs.append(Pair(trial, simulated, half, experiment.time_scale, trial.arm in measuring))
    compared = tuple(_halves(pairs))
    told = tuple(_durations(divided, durations))
    conclusive, agreed = (
        sum(getattr(one, name) for one in compared if not one.measuring) for name in ("conclusive", "agreed")
    )
    return Validated(
        durations,
        Calibration(
            live_trials=len(pairs),
            kept_trials=len(loaded.kept),
            agreed=agreed,
            conclusive=conclusive,
            points=_points(loaded.study, pairs),
            halves=compared,
            durations=told,
            findings=tuple(findings(compared, told)),
            says=in_short(compared),
        ),
    )


# --- durations -------------------------------------------------------------------------------------------------------


def _seen_by(divided: Sequence[tuple[LiveTrial, HalfName]], half: HalfName) -> Observed:
    return estimates.pooled(trial.ended.observed for trial, own in divided if own == half)


def _durations(divided: Sequence[tuple[LiveTrial, HalfName]], used: Durations) -> Iterator[MeasuredDuration]:
    by_half = {half: _seen_by(divided, half) for half in (FITTED, JUDGED)}
    for default, now in zip(Durations().told(), used.told(), strict=True):
        seen = tuple(
            Seen(
                arm=trial.arm,
                value=trial.value,
                seed=trial.seed,
                half=half,
                values=trial.ended.observed[default.name],
            )
            for trial, half in divided
            if trial.ended.observed.get(default.name)
        )
        yield MeasuredDuration(
            name=default.name,
            what=default.what,
            unit=default.unit,
            default=default.value,
            source=default.source,
            used=now.value,
            measured=len(by_half[FITTED].get(default.name, ())) >= estimates.ENOUGH,
            fitted=_spread(by_half[FITTED].get(default.name, ())),
            judged=_spread(by_half[JUDGED].get(default.name, ())),
            seen=seen,
        )


def _spread(values: Sequence[float]) -> Spread | None:
    found = estimates.estimate(values)
    return None if found is None else Spread(n=found.n, median=found.median, low=found.low, high=found.high)


# --- pairs -----------------------------------------------------------------------------------------------------------


def _conclusive(pairs: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.live.ended.survived is not None]


def _agreed(pairs: Sequence[Pair]) -> int:
    return sum(pair.simulated.survived == pair.live.ended.survived for pair in pairs)


def _later(pair: Pair) -> float | None:
    """How much later a room that was closed both ways, or silent for too long, was so simulated."""
    lost = pair.live.ended.lost_at_s
    return None if lost is None or math.isinf(pair.simulated.closed_at) else pair.simulated.closed_at - lost


def _halves(pairs: Sequence[Pair]) -> Iterator[Half]:
    """Those in doubt first; what does not run at one time scale is not laid together."""
    groups: dict[tuple[bool, float], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.measures, pair.scale), []).append(pair)
    for group in sorted(groups):
        for half in (JUDGED, FITTED):
            own = [pair for pair in groups[group] if pair.half == half]
            if own:
                yield _half(half, own)


def _half(half: HalfName, pairs: Sequence[Pair]) -> Half:
    conclusive = _conclusive(pairs)
    agreed = _agreed(conclusive)
    names = [(set(pair.live.ended.incidents), set(pair.simulated.incidents)) for pair in pairs]
    return Half(
        half=half,
        measuring=pairs[0].measures,
        time_scale=pairs[0].scale,
        trials=len(pairs),
        conclusive=len(conclusive),
        agreed=agreed,
        interval=bounds(wilson(agreed, len(conclusive))),
        incidents_both=sum(len(live & simulated) for live, simulated in names),
        incidents_live_alone=sum(len(live - simulated) for live, simulated in names),
        incidents_simulated_alone=sum(len(simulated - live) for live, simulated in names),
        differences=tuple(_differences(pairs)),
    )


def _differences(pairs: Sequence[Pair]) -> Iterator[Difference]:
    """Of each stage and of the time of loss; a trial is one value, for its incidents are not independent."""
    for stage in STAGES:
        by_trial = [_moments(pair.live.ended.incidents, pair.simulated.incidents, stage) for pair in pairs]
        yield from _difference(stage, by_trial, PHASE * pairs[0].scale)
    losses = [later for pair in _conclusive(pairs) if (later := _later(pair)) is not None]
    yield from _difference("room lost", [[later] for later in losses], LOSS)


def _moments(live: Incidents, simulated: Incidents, stage: str) -> list[float]:
    return [
        simulated[name][stage] - entered[stage]
        for name, entered in live.items()
        if stage in entered and stage in simulated.get(name, {})
    ]


def _difference(what: str, by_trial: Sequence[Sequence[float]], margin: float) -> Iterator[Difference]:
    values = [fmean(one) for one in by_trial if one]
    if not values:
        return
    found = shift(values)
    low, high = found.interval
    known = math.isfinite(found.smallest)
    says: Literal["alike", "differs", "not known"] = "not known"
    if -margin <= low and high <= margin:
        says = "alike"
    elif low > 0 or high < 0:
        says = "differs"
    yield Difference(
        what=what,
        trials=len(values),
        pairs=sum(len(one) for one in by_trial),
        later_s=round(found.mean, 1),
        interval=Bounds(low=round(low, 1), high=round(high, 1)) if known else None,
        smallest_s=round(found.smallest, 1) if known else None,
        margin_s=margin,
        found=says,
    )


def _points(study: Study, pairs: Sequence[Pair]) -> tuple[LivePoint, ...]:
    """The points in the document's order: those in doubt, then those that measure; what it does not name comes last."""
    arms = [one.name for one in (*study.all_arms, *study.live.measure)]
    points: dict[tuple[str, Value], list[Pair]] = {}
    for pair in pairs:
        points.setdefault((pair.live.arm, pair.live.value), []).append(pair)

    def place(point: tuple[str, Value]) -> tuple[int, int]:
        arm, value = point
        return _place(arms, arm), _place(study.varies.values, value)

    return tuple(_point(*point, points[point]) for point in sorted(points, key=place))


def _place(several: Sequence[Value], one: Value) -> int:
    return several.index(one) if one in several else len(several)


def _point(arm: str, value: Value, pairs: Sequence[Pair]) -> LivePoint:
    conclusive = _conclusive(pairs)
    lived = sum(bool(pair.live.ended.survived) for pair in conclusive)
    later = [moment / 60 for pair in conclusive if (moment := _later(pair)) is not None]
    return LivePoint(
        arm=arm,
        value=value,
        trials=len(pairs),
        survived=lived,
        inconclusive=len(pairs) - len(conclusive),
        interval=bounds(wilson(lived, len(conclusive))),
        agreed=_agreed(conclusive),
        later_minutes=round(median(later), 2) if later else None,
    )
