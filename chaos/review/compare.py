"""What moved between two sides of runs: every objective, by how much, and whether that is beyond noise."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chaos.report import words
from chaos.report.svg import Points
from chaos.review import noise
from chaos.review.noise import Shift
from chaos.review.sides import Run, Side

SIGNIFICANT = 0.05
"""The chance that anything at all is said to have moved although nothing did."""
APART = 1.5
"""How many intervals between samples a sample of the other run may be away to be laid beside one."""

Way = Literal["better", "worse", "other"]


@dataclass(frozen=True)
class Moved:
    """One objective on both sides. `shift` is of its mean; `beyond`: whether it is beyond noise (None: unknown)."""

    name: str
    expect: str
    before: float | None
    after: float | None
    shift: Shift | None
    adjusted: float | None
    """The p-value with as many objectives looked at as there are."""
    why: str = ""
    """Why nothing can be said, where nothing can."""

    @property
    def beyond(self) -> bool | None:
        return None if self.adjusted is None or self.why else self.adjusted <= SIGNIFICANT

    @property
    def way(self) -> Way:
        """Whether the change is one for the better, by what is expected of the objective."""
        bound = words.limit(self.expect)
        if bound is None or self.shift is None or self.shift.by == 0:
            return "other"
        if bound[0] in (">=", ">"):
            return "better" if self.shift.by > 0 else "worse"
        if bound[0] in ("<=", "<"):
            return "better" if self.shift.by < 0 else "worse"
        return "other"


@dataclass(frozen=True)
class Fates:
    """How many runs of each side kept the room, and the p-value that the share is the same."""

    before: tuple[int, int]
    after: tuple[int, int]
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """Two sides, and what moved from the first to the second."""

    before: Side
    after: Side
    moved: Sequence[Moved]
    fates: Fates | None
    lost: Moved | None
    """Lost listener-minutes, where both sides have rooms."""
    notes: Sequence[str]


def compare(before: Side, after: Side) -> Comparison:
    """What moved from one side to the other."""
    names = list(dict.fromkeys([*before.objectives, *after.objectives]))
    questions = sum(bool(before.means(name) and after.means(name)) for name in names)
    found = [_moved(name, before, after, questions) for name in names]
    adjusted = noise.holm([one.shift.p_value if one.shift else None for one in found])
    return Comparison(
        before,
        after,
        [_with(one, p) for one, p in zip(found, adjusted, strict=True)],
        _fates(before, after),
        _lost(before, after),
        _notes(before, after),
    )


def _moved(name: str, before: Side, after: Side, questions: int) -> Moved:
    told = before.told(name) or after.told(name)
    expect = told[0].expect if told else ""
    first, second = before.means(name), after.means(name)
    if not first or not second:
        missing = " and ".join(side.name for side, means in ((before, first), (after, second)) if not means)
        return Moved(name, expect, _mean(first), _mean(second), None, None, f"it has no data in {missing}")
    whole = any(name in run.figures for run in (*before.runs, *after.runs))
    if len(before.runs) == len(after.runs) == 1 and not whole:
        differences = _beside(before.runs[0], after.runs[0], name)
        if not differences:
            return Moved(name, expect, first[0], second[0], None, None, "the runs have no moment in common")
        shift = noise.within(differences)
    else:
        shift = noise.between(first, second, questions)
    return Moved(name, expect, _mean(first), _mean(second), shift, None, shift.why)


def _with(one: Moved, adjusted: float | None) -> Moved:
    return Moved(one.name, one.expect, one.before, one.after, one.shift, adjusted, one.why)


def _beside(before: Run, after: Run, name: str) -> list[float]:
    """The differences of two runs' samples at the same moments of the story."""
    first, second = _known(before.curves[name]), _known(after.curves[name])
    moments = [moment for moment, _ in second]
    reach = APART * min(_step(first), _step(second))
    found = []
    for moment, value in first:
        place = bisect_right(moments, moment)
        near = min(second[max(0, place - 1) : place + 1], key=lambda one: abs(one[0] - moment), default=None)
        if near is not None and abs(near[0] - moment) <= reach:
            found.append(near[1] - value)
    return found


def _known(points: Points) -> list[tuple[float, float]]:
    return [(moment, value) for moment, value in points if value is not None]


def _step(points: Sequence[tuple[float, float]]) -> float:
    return (points[-1][0] - points[0][0]) / (len(points) - 1) if len(points) > 1 else 1.0


def _fates(before: Side, after: Side) -> Fates | None:
    counts = [
        (sum(fate for fate in fates), len(fates))
        for side in (before, after)
        if (fates := [run.report.survived for run in side.runs if run.report.survived is not None])
    ]
    if len(counts) < 2:
        return None
    (kept_before, all_before), (kept_after, all_after) = counts
    p_value = noise.fisher(kept_before, all_before, kept_after, all_after)
    return Fates((kept_before, all_before), (kept_after, all_after), p_value)


def _lost(before: Side, after: Side) -> Moved | None:
    first, second = (
        [
            run.report.lost_listener_minutes
            for run in side.runs
            if run.report.lost_listener_minutes is not None
        ]
        for side in (before, after)
    )
    if not first or not second:
        return None
    shift = noise.between(first, second)
    means = (_mean(first), _mean(second))
    return Moved("lost listener-minutes", "<= 0", *means, shift, shift.p_value, shift.why)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _notes(before: Side, after: Side) -> list[str]:
    """What has to be said with it."""
    runs = [*before.runs, *after.runs]
    notes = []
    if len(runs) == 2:
        notes.append(
            "One run each: noise is what varies within these two runs. What varies from run to run cannot be seen here"
            + (
                "; with a crew each run is one draw of chance."
                if any(run.report.crew for run in runs)
                else "."
            )
        )
    if len({run.report.experiment for run in runs}) > 1:
        notes.append("The runs are of different experiments: " + "; ".join(_unlike(runs, "experiment")) + ".")
    for name, what in (("time_scale", "time scales"), ("scale", "scales"), ("world", "worlds")):
        if len(found := _unlike(runs, name)) > 1:
            notes.append(f"The runs have different {what}: {', '.join(found)}.")
    doubtful = [run for run in runs if run.report.verdict == "inconclusive"]
    if doubtful:
        told = "; ".join(f"{run.report.run or run.folder.name}: {run.report.why}" for run in doubtful[:3])
        notes.append(f"{words.counted(len(doubtful), 'run')} of {len(runs)} came to no verdict: {told}.")
    return notes


def _unlike(runs: Sequence[Run], field: str) -> list[str]:
    values = (getattr(run.report, field) for run in runs)
    return list(dict.fromkeys("none" if value is None else str(value) for value in values))
