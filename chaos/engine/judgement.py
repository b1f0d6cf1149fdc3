"""Judging an objective: samples in, one of three verdicts out, and never a pass for what was not seen.

A sample holds from its moment until the next one is due. What is missing, NaN or infinite is not a sample. A stretch
without samples longer than `max_gap`, anywhere in the window, makes the objective inconclusive, unless the samples that
are there already show a break longer than allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from chaos.experiment.units import format_duration

Sample = tuple[float, float]
"""(seconds, value)"""
NO_DATA = "no data: the query matched nothing in the window"


class Verdict(StrEnum):
    """What is known of an objective or a run."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Window:
    """A stretch of time that is judged, in the seconds of the samples."""

    start: float
    end: float


@dataclass(frozen=True)
class Limits:
    """What an objective allows, in the seconds of the samples.

    `may_break_for` bounds each break, `may_break_in_all` their sum (None: not bounded beyond each break's own limit).
    """

    may_break_for: float = 0.0
    may_break_in_all: float | None = None
    max_gap: float = 5.0
    time_scale: float = 1.0
    """Only for the words: breaks are told in story time, gaps in real time."""

    def words(self, seconds: float) -> str:
        """A length of a break as people of the story live it."""
        return format_duration(round(seconds * self.time_scale))


@dataclass(frozen=True)
class Judgement:
    """A verdict with everything that it rests on; `breaks` are (start, end) in the seconds of the samples."""

    verdict: Verdict
    why: str
    samples: int = 0
    worst: float | None = None
    longest_break: float = 0.0
    broken: float = 0.0
    longest_gap: float = 0.0
    breaks: tuple[Window, ...] = field(default=())


def judge(
    samples: Sequence[Sample],
    window: Window,
    step: float,
    holds: Callable[[float], bool],
    badness: Callable[[float], float],
    limits: Limits,
) -> Judgement:
    """Judge one series over one window.

    `step` is how far apart samples are due. `badness` orders values: the worst sample is the one with the largest.
    """
    seen = [
        (moment, value)
        for moment, value in sorted(samples)
        if window.start <= moment <= window.end and math.isfinite(value)
    ]
    if not seen:
        return Judgement(
            Verdict.INCONCLUSIVE,
            NO_DATA,
            longest_gap=window.end - window.start,
        )
    gap = _longest_gap(seen, window, step)
    breaks = _breaks(seen, window, step, holds)
    longest = max((one.end - one.start for one in breaks), default=0.0)
    broken = sum(one.end - one.start for one in breaks)
    verdict, why = _decide(longest, broken, gap, limits)
    worst = max((value for _, value in seen), key=badness)
    return Judgement(verdict, why, len(seen), worst, longest, broken, gap, tuple(breaks))


def worst_of(judgements: Sequence[Judgement]) -> Judgement:
    """The judgement that decides where every one must hold: a fail before an inconclusive before a pass."""
    order = {Verdict.FAIL: 2, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 0}
    return max(judgements, key=lambda one: (order[one.verdict], one.longest_break, one.broken))


def _decide(longest: float, broken: float, gap: float, limits: Limits) -> tuple[Verdict, str]:
    tolerance, words = 1e-9, limits.words
    if longest > limits.may_break_for + tolerance:
        return (
            Verdict.FAIL,
            f"broken for {words(longest)} at a stretch; {words(limits.may_break_for)} is allowed",
        )
    if limits.may_break_in_all is not None and broken > limits.may_break_in_all + tolerance:
        return Verdict.FAIL, f"broken for {words(broken)} in all; {words(limits.may_break_in_all)} is allowed"
    if gap > limits.max_gap + tolerance:
        return (
            Verdict.INCONCLUSIVE,
            f"no data for {gap:.1f} s of real time; {limits.max_gap:.1f} s is allowed",
        )
    if broken > 0:
        return (
            Verdict.PASS,
            f"broken for {words(broken)} in all, {words(longest)} at the longest, which is allowed",
        )
    return Verdict.PASS, "held throughout"


def _longest_gap(seen: Sequence[Sample], window: Window, step: float) -> float:
    """The longest stretch in which a sample was due and none was there."""
    edges = [window.start, *(moment for moment, _ in seen), window.end]
    spans = [after - before for before, after in pairwise(edges)]
    longest = max(spans)
    return longest if longest > 1.5 * step else 0.0


def _breaks(
    seen: Sequence[Sample], window: Window, step: float, holds: Callable[[float], bool]
) -> list[Window]:
    """Stretches in which the samples do not hold; each lasts until the next sample that does, or one step after the
    last when the window or the data end first."""
    breaks: list[Window] = []
    begun: float | None = None
    for moment, value in seen:
        good = holds(value)
        if begun is None and not good:
            begun = moment
        elif begun is not None and good:
            breaks.append(Window(begun, moment))
            begun = None
    if begun is not None:
        breaks.append(Window(begun, max(begun, min(seen[-1][0] + step, window.end))))
    return [one for one in breaks if one.end > one.start] or _instant(breaks, step)


def _instant(breaks: Sequence[Window], step: float) -> list[Window]:
    """A break seen only in the window's very last sample lasts one step, not nothing."""
    return [Window(one.start, one.start + step) for one in breaks]
