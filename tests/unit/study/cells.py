"""The room of failure-to-launch for the tests of the simulator: its document, its runbook, and tables of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chaos.crew.runbook import Runbook, load_runbook
from chaos.experiment import Loaded, load
from chaos.faults.specs import spec_types
from chaos.study import compiling, driver
from chaos.study.cell import STEP, cell_of
from chaos.study.durations import Durations
from chaos.study.simulator import Table, Trials, simulate

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SIX = ("crew.headcount=6", "crew.attending=true")
NO_FAULTS = ("faults=[]", "rooms.capacity.platform=100%", "rooms.capacity.media=100%")


@cache
def runbook() -> Runbook:
    """The runbook of the shipped experiments."""
    return load_runbook(EXPERIMENTS / "crew" / "runbooks.yaml")


@cache
def launch(*overrides: str) -> Loaded:
    """The document, changed as on the command line."""
    return load(EXPERIMENTS / "failure-to-launch.yaml", faults=spec_types(), overrides=overrides)


def played(*overrides: str, trials: int = 200, first: int = 1001, workers: int = 1) -> Trials:
    """Simulated trials of it, compiled."""
    return simulate(
        launch(*overrides).experiment, runbook=runbook(), first=first, trials=trials, workers=workers
    )


def table(*overrides: str, step: float = STEP, compiled: bool = False) -> Table:
    """The table that its trials are played on."""
    cell = cell_of(launch(*overrides).experiment, runbook(), Durations(), compiling.stamp(), step)
    return Table(cell, compiling.twin(driver) if compiled else driver)


def figures(of: Table, trials: int, first: int = 1001) -> NDArray[np.float64]:
    """The figures of trials, one row each."""
    outs = np.zeros((trials, driver.OUT_COLUMNS))
    of.play(first, outs)
    return outs
