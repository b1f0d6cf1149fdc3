"""Playing many cells of a study: several at a time, their results in the order of the cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from chaos.crew.runbook import Runbook
from chaos.experiment.model import Experiment
from chaos.study.document import Changes
from chaos.study.loading import LoadedStudy
from chaos.study.simulator import Trials
from chaos.study.statistics.sequences import confidence_sequence


class Simulate(Protocol):
    """What plays trials: `chaos.study.simulator.simulate`, or a stand-in. Releases the GIL, or is quick."""

    def __call__(
        self, experiment: Experiment, *, first: int, trials: int, runbook: Runbook | None
    ) -> Trials: ...


@dataclass(frozen=True)
class Cell:
    """One set-up and how often it is played: trial k has the seed `first + k`, whatever the set-up.

    So cells with the same `first` meet the same people and listeners (common random numbers). With `batch` the cell is
    looked at after each so many trials, and ends as soon as a confidence sequence leaves the target out.
    """

    changes: tuple[Changes, ...]
    first: int
    trials: int
    batch: int | None = None


def survived(trials: Trials) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """In which trials the room lived; one without a verdict (`lost_at` is no number) is none of them."""
    return np.isposinf(trials.lost_at)


class Sweep:
    """Plays cells with `workers` threads; `heard` is told how many trials each finished cell was worth."""

    def __init__(
        self,
        loaded: LoadedStudy,
        simulate: Simulate,
        *,
        workers: int = 1,
        heard: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.loaded, self._simulate, self._workers, self._heard = loaded, simulate, workers, heard
        self._target = loaded.study.target

    def play(self, cells: Sequence[Cell]) -> Iterator[Trials]:
        """The trials of each cell, in the order of `cells`; the same bytes for any number of workers."""
        pool = ThreadPoolExecutor(self._workers)
        try:
            for cell, done in [(cell, pool.submit(self._one, cell)) for cell in cells]:
                yield done.result()
                self._heard(cell.trials)
        finally:
            pool.shutdown(cancel_futures=True)

    def _one(self, cell: Cell) -> Trials:
        experiment = self.loaded.experiment(*cell.changes).experiment
        played: list[Trials] = []
        done = 0
        while done < cell.trials:
            trials = min(cell.batch or cell.trials, cell.trials - done)
            played.append(
                self._simulate(
                    experiment, first=cell.first + done, trials=trials, runbook=self.loaded.runbook
                )
            )
            done += trials
            if cell.batch is not None and self._decided(played):
                break
        return _joined(played)

    def _decided(self, played: Sequence[Trials]) -> bool:
        lived = sum(int(survived(one).sum()) for one in played)
        trials = sum(int((~np.isnan(one.lost_at)).sum()) for one in played)
        return self._target.survival not in confidence_sequence(lived, trials, self._target.confidence)


def _joined(played: Sequence[Trials]) -> Trials:
    if len(played) == 1:
        return played[0]
    return Trials(
        np.concatenate([one.lost_at for one in played]),
        np.concatenate([one.lost_listener_minutes for one in played]),
        np.concatenate([one.joined for one in played]),
        np.concatenate([one.repaired_at for one in played]),
        sum(one.events for one in played),
    )
