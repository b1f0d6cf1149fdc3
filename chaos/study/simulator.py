"""Many trials of one experiment, simulated: the crew's own transition function before a fluid model of the room.

    trials = simulate(loaded.experiment, runbook=runbook, first=1, trials=10_000, workers=2)

Trial k has the draws of a live run with the seed `first + k`, so the same people meet the same incidents alike. The
arrays are byte for byte the same for any number of workers. Needs the extra `sim`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from chaos.crew import core
from chaos.crew.runbook import Runbook
from chaos.errors import UsageError
from chaos.experiment.model import Experiment
from chaos.study import compiling, driver, fluid, line, world
from chaos.study.cell import STEP, Cell, cell_of
from chaos.study.durations import Durations

CHUNK = 500
"""Trials that one worker plays in one go, with buffers of its own."""
EVENINGS = 4
"""Evenings without a crew that are kept: the cells of a curve, one after another, share theirs."""
LAST_SEED = 2**63
"""No live run has a seed of that size."""
_AS_MEASURED = Durations()


@dataclass(frozen=True)
class Trials:
    """What became of each trial of one cell of a study, in trial order.

    `lost_at`: story seconds after the start of warm-up at which the room was lost; infinity: it survived.
    `lost_listener_minutes`: full scale. `joined`: the share of the join tries, from the begin of the faults to the
    end, that succeeded. `repaired_at`: story seconds of the end of the first repair that helped; infinity: none did.
    `events`: how often the crew's transition function was called, for events per second.
    """

    lost_at: NDArray[np.float64]
    lost_listener_minutes: NDArray[np.float64]
    joined: NDArray[np.float64]
    repaired_at: NDArray[np.float64]
    events: int

    @property
    def survived(self) -> NDArray[np.bool_]:
        """Whether the room survived, by trial."""
        return np.isinf(self.lost_at)


def simulate(
    experiment: Experiment,
    *,
    first: int,
    trials: int,
    runbook: Runbook | None = None,
    seed: int | None = None,
    durations: Durations = _AS_MEASURED,
    workers: int = 1,
    step: float = STEP,
) -> Trials:
    """Play `trials` trials of an experiment on `rooms` with one room.

    `runbook` is the one that `crew.runbooks` names (a document without its folder cannot find it); it may be left out
    where there is no crew. `seed`: trial k has the draws of a live run with the seed `seed * 2**32 + first + k`, so
    that studies can have streams of their own; without it, of `first + k`. `step`: story seconds of one step of the
    audience.

    Raises UsageError for an experiment that has no model here, and where the extra `sim` is not installed.
    """
    cell = cell_of(experiment, runbook, durations, compiling.stamp(), step)
    table = Table(cell, compiling.twin(driver))
    start = first + ((seed << 32) if seed is not None else 0)
    if start < 0 or start + trials > LAST_SEED:
        raise UsageError(
            f"seeds {start} to {start + trials - 1} are no seeds of live runs: from 0 to 2**63 - 1"
        )
    out = np.zeros((trials, driver.OUT_COLUMNS))
    chunks = range(0, trials, CHUNK)
    if workers <= 1 or len(chunks) <= 1:
        for at in chunks:
            table.play(start + at, out[at : at + CHUNK])
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda at: table.play(start + at, out[at : at + CHUNK]), chunks))
    return Trials(
        out[:, driver.OUT_LOST_AT].copy(),
        out[:, driver.OUT_LOST].copy(),
        out[:, driver.OUT_JOINED].copy(),
        out[:, driver.OUT_REPAIRED].copy(),
        int(out[:, driver.OUT_EVENTS].sum()),
    )


class Table:
    """One cell, with the evening that it has without a crew; `how` is the driver, plain or compiled."""

    def __init__(self, cell: Cell, how: ModuleType) -> None:
        self._params, self._how = cell.params, how
        self.evening = _evening(_Given(cell), how)

    def play(self, first: int, outs: NDArray[np.float64]) -> None:
        """Play as many trials as `outs` has rows, the first with the draws of seed `first`."""
        self._how.play_some(self.evening, _buffers(self.evening, self._params), first, outs)


class _Given:
    """What an evening without a crew follows from; equal where all of it is, whatever crew the cell has."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._bytes = tuple(each.tobytes() for each in (cell.cells, cell.faults, cell.load, cell.word))
        self._of = (cell.cells.dtype, *self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Given) and self._of == other._of

    def __hash__(self) -> int:
        return hash(self._bytes)


@lru_cache(maxsize=EVENINGS)
def _evening(given: _Given, how: ModuleType) -> driver.Evening:
    """The evening without a crew, played; nothing changes it afterwards."""
    cell = given.cell
    steps = len(cell.load)
    near = -(-steps // driver.SNAPSHOT) + 1
    evening = driver.Evening(
        cell.cells,
        cell.faults,
        cell.load,
        cell.word,
        rows=np.zeros((steps + 1, line.COLUMNS)),
        c=np.zeros((steps + 1, fluid.CONDITIONS)),
        bits=np.zeros(steps + 1, np.int64),
        nexts=np.zeros(steps + 1, np.int64),
        out=np.zeros(driver.OUT_COLUMNS),
        snapshots=np.zeros(near, fluid.FLUID),
        worlds=np.zeros(near, world.WORLD),
    )
    how.play_some(evening, _buffers(evening, cell.params), 0, np.zeros((0, driver.OUT_COLUMNS)))
    return evening


def _buffers(evening: driver.Evening, params: NDArray[np.void]) -> driver.Buffers:
    """What one worker needs for itself."""
    return driver.Buffers(
        params,
        states=np.zeros(1, core.STATE),
        desks=np.zeros(1, driver.DESK),
        fluids=np.zeros(1, fluid.FLUID),
        worlds=np.zeros(1, world.WORLD),
        replays=np.zeros(1, world.WORLD),
        rows=np.zeros_like(evening.rows),
    )
