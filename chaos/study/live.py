"""Live trials beside the simulated ones: which, run one after the other, kept as they come, and compared pairwise."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np
from pydantic import ValidationError

from chaos.errors import UsageError
from chaos.experiment.base import Many, Model
from chaos.experiment.loading import Loaded
from chaos.study.changes import overrides
from chaos.study.curves import bounds, share
from chaos.study.document import Arm, Changes, Value
from chaos.study.loading import LoadedStudy
from chaos.study.result import Calibration, LivePoint
from chaos.study.statistics.binomial import seen_at_least, wilson
from chaos.study.sweep import Cell, Simulate, Sweep, survived

IN_DOUBT = (0.2, 0.8)
"""Where a trial tells most: of a room that surely lives or surely dies it tells nothing."""
SCOUTS = 200
"""Simulated trials of each point, to see where it is in doubt."""
MOST_POINTS = 4


@dataclass(frozen=True)
class Wanted:
    """One live trial: which point of which arm, and under which seed."""

    arm: Arm
    value: Value
    seed: int


class Ended(Model):
    """How a live trial ended; `survived` is null where it came to no verdict, times are story time from the begin."""

    survived: bool | None
    lost_at_s: float | None = None
    lost_listener_minutes: float | None = None
    why: str = ""


class LiveTrial(Model):
    """A live trial that ended, and what it was a trial of."""

    arm: str
    value: Value
    seed: int
    overrides: Many[str]
    """Everything that its experiment was changed by: trials of another study do not count."""
    ended: Ended


def wanted(loaded: LoadedStudy, simulate: Simulate, trials: int, *, workers: int = 1) -> list[Wanted]:
    """`trials` live trials, spread over the points in doubt: those whose simulated survival is nearest to a half.

    The points are simulated as they will be run. Every point gets the seeds from the study's own on, so that live and
    simulated trials meet the same people.
    """
    study = loaded.study
    points = [(arm, value) for arm in study.all_arms for value in study.varies.values]
    cells = [
        Cell((arm.set, {study.varies.path: value}, study.live.set), study.seed, SCOUTS)
        for arm, value in points
    ]
    played = Sweep(loaded, simulate, workers=workers).play(cells)
    seen = sorted((abs(share(one) - 0.5), number) for number, one in enumerate(played))
    low, high = IN_DOUBT
    doubtful = [number for distance, number in seen if distance <= (high - low) / 2][:MOST_POINTS]
    chosen = doubtful or [seen[0][1]]
    return [
        Wanted(*points[chosen[number % len(chosen)]], study.seed + number // len(chosen))
        for number in range(trials)
    ]


def changed(loaded: LoadedStudy, one: Wanted) -> Loaded:
    """The experiment of a live trial."""
    return loaded.experiment(*_changes(loaded, one))


def _changes(loaded: LoadedStudy, one: Wanted) -> tuple[Changes, ...]:
    return one.arm.set, {loaded.study.varies.path: one.value}, loaded.study.live.set


class Kept:
    """The live trials of a study in a file, a line each, written as they end.

    Raises UsageError where there is such a file and it is not to be gone on with, or where it holds something else.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self.trials: list[LiveTrial] = []
        if path.exists() and not resume:
            raise UsageError(
                f"{path} holds live trials already; go on with `--resume`, or name another folder with `--out`"
            )
        if path.exists():
            self._read()

    def _read(self) -> None:
        """A line that was cut off by a crash announces nothing, and is taken away."""
        text = self._path.read_text(encoding="utf-8")
        whole, _, cut = text.rpartition("\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                self.trials.append(LiveTrial.model_validate_json(line))
            except ValidationError as error:
                raise UsageError(
                    f"{self._path}:{number}: is no live trial; remove the line to go on"
                ) from error
        if cut:
            os.truncate(self._path, len((whole + "\n").encode()) if whole else 0)

    def add(self, one: LiveTrial) -> None:
        """Keep a trial, on the disk before anything else is begun."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(one.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.trials.append(one)

    def find(self, loaded: LoadedStudy, one: Wanted) -> LiveTrial | None:
        """The trial as it is wanted, if it was run."""
        asked = overrides(loaded.study.set, *_changes(loaded, one))
        for trial in self.trials:
            if (trial.arm, trial.value, trial.seed, trial.overrides) == (
                one.arm.name,
                one.value,
                one.seed,
                asked,
            ):
                return trial
        return None


Run = Callable[[Loaded, int, Path], Awaitable["Ended | int"]]
"""Runs an experiment under a seed in a folder; the exit code where it was interrupted."""


async def play(
    loaded: LoadedStudy,
    several: Sequence[Wanted],
    kept: Kept,
    run: Run,
    folder: Path,
    heard: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[LiveTrial] | int:
    """Run what was not run yet, one at a time; the trials in their order, or the exit code of an interrupted run."""
    told: list[LiveTrial] = []
    for number, one in enumerate(several):
        trial = kept.find(loaded, one)
        if trial is None:
            ended = await run(changed(loaded, one), one.seed, _home(folder, one))
            if isinstance(ended, int):
                return ended
            asked = overrides(loaded.study.set, *_changes(loaded, one))
            trial = LiveTrial(arm=one.arm.name, value=one.value, seed=one.seed, overrides=asked, ended=ended)
            kept.add(trial)
        told.append(trial)
        heard(number + 1, len(several))
    return told


def _home(folder: Path, one: Wanted) -> Path:
    """A folder that is not there yet: one that is was left by a run that did not end."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{one.arm.name}-{one.value}-{one.seed}")
    tries = (folder / (name if number == 1 else f"{name}-{number}") for number in count(1))
    return next(path for path in tries if not path.exists())


def calibrate(
    loaded: LoadedStudy, simulate: Simulate, trials: Sequence[LiveTrial], several: Sequence[Wanted]
) -> Calibration:
    """Each live trial played again in the simulator, with its seed and its time scale, and compared."""
    arms = {one.arm.name: one.arm for one in several}
    cells = [
        Cell(_changes(loaded, Wanted(arms[one.arm], one.value, one.seed)), one.seed, 1) for one in trials
    ]
    pairs = list(zip(trials, Sweep(loaded, simulate).play(cells), strict=True))
    pairs_of: dict[tuple[str, Value], list[_Pair]] = {}
    for live, simulated in pairs:
        pair = _Pair(live, bool(survived(simulated)[0]), float(simulated.lost_at[0]))
        pairs_of.setdefault((live.arm, live.value), []).append(pair)
    points = tuple(_point(arm, value, own) for (arm, value), own in pairs_of.items())
    agreed = sum(one.agreed for one in points)
    conclusive = sum(one.trials - one.inconclusive for one in points)
    return Calibration(
        live_trials=len(trials),
        agreed=agreed,
        conclusive=conclusive,
        points=points,
        says=_says(agreed, conclusive, len(trials)),
    )


@dataclass(frozen=True)
class _Pair:
    live: LiveTrial
    survived: bool
    lost_at: float


def _point(arm: str, value: Value, pairs: Sequence[_Pair]) -> LivePoint:
    conclusive = [pair for pair in pairs if pair.live.ended.survived is not None]
    lived = sum(bool(pair.live.ended.survived) for pair in conclusive)
    later = [
        (pair.lost_at - pair.live.ended.lost_at_s) / 60
        for pair in conclusive
        if pair.live.ended.lost_at_s is not None and np.isfinite(pair.lost_at)
    ]
    return LivePoint(
        arm=arm,
        value=value,
        trials=len(pairs),
        survived=lived,
        inconclusive=len(pairs) - len(conclusive),
        interval=bounds(wilson(lived, len(conclusive))),
        agreed=sum(pair.survived == pair.live.ended.survived for pair in conclusive),
        later_minutes=round(median(later), 2) if later else None,
    )


def _says(agreed: int, conclusive: int, trials: int) -> str:
    if conclusive == 0:
        return f"None of {trials} live evenings came to a verdict: they say nothing about the simulator."
    told = f"Of {conclusive} live evenings with a verdict, {agreed} end simulated as they ended live"
    low = wilson(agreed, conclusive).low
    unseen = seen_at_least(conclusive)
    return (
        f"{told} (so at least {low:.0%} do, at 95 %); a disagreement on fewer than {unseen:.0%} of the evenings would "
        "probably not have shown. This checks the technical model, not the model of the people."
    )
