"""Live trials beside the simulated ones: which, run side by side as far as that is allowed, and kept as they come."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pydantic import ValidationError

from chaos.errors import StandbyError, UsageError
from chaos.experiment.loading import Loaded
from chaos.study.changes import overrides
from chaos.study.curves import share
from chaos.study.document import Arm, Changes, Measure, Value
from chaos.study.evenings import Ended, LiveTrial
from chaos.study.loading import LoadedStudy
from chaos.study.sweep import Cell, Simulate, Sweep

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


def measuring(loaded: LoadedStudy) -> list[Wanted]:
    """The trials that are run for the durations that they show, but for those that the document keeps."""
    study = loaded.study
    several = [
        Wanted(one, one.value, study.seed + number)
        for one in study.live.measure
        for number in range(one.trials)
    ]
    return [one for one in several if _find(loaded, one, loaded.kept) is None]


def apart(several: Sequence[Wanted]) -> tuple[list[Wanted], list[Wanted]]:
    """Those beside which nothing may run, and the others."""

    def alone(one: Wanted) -> bool:
        return isinstance(one.arm, Measure) and one.arm.alone

    return [one for one in several if alone(one)], [one for one in several if not alone(one)]


def changed(loaded: LoadedStudy, one: Wanted) -> Loaded:
    """The experiment of a live trial."""
    return loaded.experiment(*_changes(loaded, one))


def _changes(loaded: LoadedStudy, one: Wanted) -> tuple[Changes, ...]:
    live, varied = loaded.study.live.set, {loaded.study.varies.path: one.value}
    return (live, varied, one.arm.set) if isinstance(one.arm, Measure) else (one.arm.set, varied, live)


def _find(loaded: LoadedStudy, one: Wanted, trials: Sequence[LiveTrial]) -> LiveTrial | None:
    """The trial among these that was run as it is wanted."""
    wanted_ = (one.arm.name, one.value, one.seed, overrides(loaded.study.set, *_changes(loaded, one)))
    for trial in trials:
        if (trial.arm, trial.value, trial.seed, trial.overrides) == wanted_:
            return trial
    return None


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
        return _find(loaded, one, self.trials)


Run = Callable[[Loaded, int, Path], Awaitable["Ended | int"]]
"""Runs an experiment under a seed in a folder; the exit code where it was interrupted."""


async def play(
    loaded: LoadedStudy,
    several: Sequence[Wanted],
    kept: Kept,
    run: Run,
    folder: Path,
    heard: Callable[[int, int], None] = lambda _done, _all: None,
    *,
    at_once: int = 1,
) -> list[LiveTrial] | int:
    """Run what was not run yet, `at_once` side by side; the trials in their order, or the exit code of a run that was
    interrupted. After an interruption or an error no other trial begins, and those under way are awaited.
    """
    waiting = [one for one in several if kept.find(loaded, one) is None]
    done = len(several) - len(waiting)
    heard(done, len(several))
    codes: list[int] = []
    errors: list[StandbyError] = []

    async def work() -> None:
        nonlocal done
        while waiting and not codes and not errors:
            one = waiting.pop(0)
            try:
                ended = await run(
                    changed(loaded, one), one.seed, home(folder, one.arm.name, one.value, one.seed)
                )
            except StandbyError as error:
                errors.append(error)
                return
            if isinstance(ended, int):
                codes.append(ended)
                return
            asked = overrides(loaded.study.set, *_changes(loaded, one))
            kept.add(
                LiveTrial(arm=one.arm.name, value=one.value, seed=one.seed, overrides=asked, ended=ended)
            )
            done += 1
            heard(done, len(several))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(waiting))):
            group.create_task(work())
    if errors:
        raise errors[0]
    if codes:
        return codes[0]
    return [trial for one in several if (trial := kept.find(loaded, one)) is not None]


def home(folder: Path, arm: str, value: Value, seed: int) -> Path:
    """A folder for a trial that is not there yet: one that is was left by a run that did not end."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{arm}-{value}-{seed}")
    tries = (folder / (name if number == 1 else f"{name}-{number}") for number in count(1))
    return next(path for path in tries if not path.exists())
