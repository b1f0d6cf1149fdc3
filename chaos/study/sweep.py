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


@dataclass(frozen=True)
class Player:
    """Plays any cell of one study. What comes out depends on the cell alone, wherever it is played."""

    loaded: LoadedStudy
    simulate: Simulate

    def __call__(self, cell: Cell) -> Trials:
        """The trials of a cell."""
        experiment = self.loaded.experiment(*cell.changes).experiment
        played: list[Trials] = []
        done = 0
        while done < cell.trials:
            trials = min(cell.batch or cell.trials, cell.trials - done)
            played.append(
                self.simulate(experiment, first=cell.first + done, trials=trials, runbook=self.loaded.runbook)
            )
            done += trials
            if cell.batch is not None and self._decided(played):
                break
        return _joined(played)

    def _decided(self, played: Sequence[Trials]) -> bool:
        target = self.loaded.study.target
        lived = sum(int(survived(one).sum()) for one in played)
        trials = sum(int((~np.isnan(one.lost_at)).sum()) for one in played)
        return target.survival not in confidence_sequence(lived, trials, target.confidence)


class Executor(Protocol):
    """Where cells are played: in threads of this process, or by the workers of a cluster."""

    def played(self, player: Player, cells: Sequence[Cell]) -> Iterator[Trials]:
        """The trials of each cell once, in the order of `cells`; what is left is given up when this is closed."""
        ...


@dataclass(frozen=True)
class Threads:
    """Threads of this process."""

    workers: int = 1

    def played(self, player: Player, cells: Sequence[Cell]) -> Iterator[Trials]:
        """See `Executor`."""
        pool = ThreadPoolExecutor(self.workers)
        try:
            for done in [pool.submit(player, cell) for cell in cells]:
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


class Sweep:
    """Plays cells with `workers` threads, or where `executor` plays them.

    `heard` is told how many trials each finished cell was worth.
    """

    def __init__(
        self,
        loaded: LoadedStudy,
        simulate: Simulate,
        *,
        workers: int = 1,
        executor: Executor | None = None,
        heard: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.loaded, self._heard = loaded, heard
        self._player = Player(loaded, simulate)
        self._executor = executor or Threads(workers)

    def play(self, cells: Sequence[Cell]) -> Iterator[Trials]:
        """The trials of each cell, in the order of `cells`; the same bytes for any executor."""
        for cell, trials in zip(cells, self._executor.played(self._player, cells), strict=True):
            yield trials
            self._heard(cell.trials)


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
