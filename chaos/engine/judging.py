"""Judging by range query: what Prometheus saw over the whole window.

It waits, within bounds, until the newest sample has passed the window's end.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from chaos.clients.prometheus import Prometheus, Series
from chaos.clock import RealSeconds, SystemClock
from chaos.engine.judgement import NO_DATA, Judgement, Limits, Sample, Verdict, Window, judge, worst_of
from chaos.engine.probing import Slip, Taken
from chaos.engine.timeline import Span, windows
from chaos.errors import ClientError
from chaos.experiment.units import Expectation
from chaos.worlds.system import Goal

WAIT_FOR_NEWEST = 8.0
"""Real seconds that judging waits, at the most, for the sample that passes the window's end."""


@dataclass(frozen=True)
class Judged:
    """A goal, its judgement (in unix and real seconds) and the curve that the report draws."""

    goal: Goal
    judgement: Judgement
    series: tuple[tuple[float, float | None], ...]


async def judge_goals(
    prometheus: Prometheus,
    taken: Mapping[str, Taken],
    goals: Sequence[Goal],
    spans: list[Span],
    time_scale: float,
) -> list[Judged]:
    """Judge every goal at once, each over the windows of its phases; `taken` is what sources gave, by goal."""
    return await asyncio.gather(*(_judge_goal(prometheus, taken, goal, spans, time_scale) for goal in goals))


async def preflight_goal(prometheus: Prometheus, goal: Goal, time_scale: float) -> str:
    """Why this goal cannot be judged as it stands, empty when it can."""
    interval = goal.interval or await prometheus.interval(goal.query)
    allowed = goal.may_break_for / time_scale
    if 0 < allowed < 2 * interval:
        return (
            f"{goal.name}: may_break_for is {allowed:.2g} s of real time at time_scale {time_scale:g}, below two "
            f"intervals of {interval:g} s, so a break of that length cannot be told; allow at least "
            f"{2 * interval * time_scale:g}s or lower time_scale"
        )
    return ""


async def _judge_goal(
    prometheus: Prometheus,
    taken: Mapping[str, Taken],
    goal: Goal,
    spans: list[Span],
    time_scale: float,
) -> Judged:
    stretches = windows(spans, goal.during)
    if not stretches:
        return Judged(
            goal, Judgement(Verdict.INCONCLUSIVE, f"no phase of {', '.join(goal.during)} was reached"), ()
        )
    try:
        if goal.interval is not None:
            return _from_taken(taken.get(goal.name, Taken()), goal.interval, goal, stretches, time_scale)
        if goal.once:
            return await _once(prometheus, goal, stretches)
        return await _throughout(prometheus, goal, stretches, time_scale)
    except ClientError as error:
        return Judged(goal, Judgement(Verdict.INCONCLUSIVE, f"could not be judged: {error}"), ())


async def _once(prometheus: Prometheus, goal: Goal, stretches: list[Window]) -> Judged:
    start, end = stretches[0].start, stretches[-1].end
    query = goal.query.replace("$window", f"{round((end - start) * 1000)}ms")
    found = await prometheus.instant(query, at=end)
    values = [value for series in found for _, value in series.samples if math.isfinite(value)]
    if not values:
        return Judged(
            goal, Judgement(Verdict.INCONCLUSIVE, "no data: the query matched nothing over the window"), ()
        )
    worst = max(values, key=badness(goal.expect))
    if goal.expect.holds(worst):
        return Judged(goal, Judgement(Verdict.PASS, f"{worst:.4g} over the window", len(values), worst), ())
    why = f"{worst:.4g} over the window; {goal.expect} is required"
    return Judged(goal, Judgement(Verdict.FAIL, why, len(values), worst), ())


async def _throughout(
    prometheus: Prometheus, goal: Goal, stretches: list[Window], time_scale: float
) -> Judged:
    step = await prometheus.interval(goal.query)
    lookback = 1.5 * step
    await _until_newest(prometheus, goal.query, stretches[-1].end, lookback)
    found = [
        (
            window,
            await prometheus.range(
                goal.query, start=window.start, end=window.end, step=step, lookback=lookback
            ),
        )
        for window in stretches
    ]
    parts = [(window, series.samples) for window, several in found for series in several or [Series({}, ())]]
    return _judged(goal, parts, step, time_scale)


def _from_taken(
    taken: Taken,
    interval: RealSeconds,
    goal: Goal,
    stretches: list[Window],
    time_scale: float,
) -> Judged:
    parts = [
        (window, tuple(sample for sample in taken.samples if window.start <= sample[0] <= window.end))
        for window in stretches
    ]
    judged = _judged(goal, parts, interval, time_scale)
    return replace(judged, judgement=_explained(judged.judgement, taken.slips, stretches))


def _explained(judgement: Judgement, slips: Sequence[Slip], stretches: Sequence[Window]) -> Judgement:
    """With the source's last reason: why there was no value where values are missing, why it was 0 where they broke."""
    if judgement.verdict is Verdict.PASS:
        return judgement
    why = "no data: there was no value in the window" if judgement.why == NO_DATA else judgement.why
    empty = judgement.verdict is Verdict.INCONCLUSIVE
    told = [
        slip.why
        for slip in slips
        if slip.empty is empty and any(window.start <= slip.moment <= window.end for window in stretches)
    ]
    return replace(judgement, why=f"{why}; the last time it {told[-1]}" if told else why)


def _judged(
    goal: Goal, parts: Sequence[tuple[Window, Sequence[Sample]]], step: float, time_scale: float
) -> Judged:
    """One judgement of several series over several windows: the worst of them, and the worst curve."""
    in_all = None if goal.may_break_in_all is None else goal.may_break_in_all / time_scale
    limits = Limits(goal.may_break_for / time_scale, in_all, goal.max_gap, time_scale)
    bad = badness(goal.expect)
    judgements = [judge(samples, window, step, goal.expect.holds, bad, limits) for window, samples in parts]
    curve: dict[float, float] = {}
    for _, samples in parts:
        for moment, value in samples:
            if moment not in curve or bad(value) > bad(curve[moment]):
                curve[moment] = value
    points = tuple(
        (moment, value if math.isfinite(value) else None) for moment, value in sorted(curve.items())
    )
    return Judged(goal, _joined(worst_of(judgements), judgements), points)


def _joined(whole: Judgement, parts: Sequence[Judgement]) -> Judgement:
    breaks = tuple(sorted({one for part in parts for one in part.breaks}, key=lambda one: one.start))
    values = [part.worst for part in parts if part.worst is not None]
    return Judgement(
        whole.verdict,
        whole.why,
        sum(part.samples for part in parts),
        whole.worst if whole.worst is not None else (values[0] if values else None),
        max(part.longest_break for part in parts),
        max(part.broken for part in parts),
        max(part.longest_gap for part in parts),
        breaks,
    )


async def _until_newest(prometheus: Prometheus, query: str, end: float, lookback: float) -> None:
    clock = SystemClock()
    until = clock.monotonic() + WAIT_FOR_NEWEST
    while clock.monotonic() < until:
        newest = await prometheus.newest(query, lookback=lookback)
        if newest is not None and newest >= end:
            return
        await clock.sleep_until(clock.monotonic() + 0.2)


def badness(expect: Expectation) -> Callable[[float], float]:
    """Orders values by how far they are on the wrong side of what is expected."""
    if expect.op in (">=", ">"):
        return lambda value: expect.limit - value
    if expect.op in ("<=", "<"):
        return lambda value: value - expect.limit
    if expect.op == "between" and expect.upper is not None:
        low, high = expect.limit, expect.upper
        return lambda value: max(low - value, value - high)
    if expect.op == "!=":
        return lambda value: -abs(value - expect.limit)
    return lambda value: abs(value - expect.limit)
