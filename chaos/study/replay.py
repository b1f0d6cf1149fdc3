"""One live trial played again in the simulator: its fate, and when each incident came to each stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from chaos.crew.parameters import STAGE_NAMES
from chaos.crew.runbook import Runbook
from chaos.experiment.model import Experiment
from chaos.study import compiling, driver
from chaos.study.cell import cell_of
from chaos.study.durations import Durations
from chaos.study.evenings import STAGES, Incidents
from chaos.study.simulator import Table


@dataclass(frozen=True)
class Replayed:
    """A simulated trial in detail, in story seconds after the start of warm-up.

    `lost_at` infinity: it survived. `closed_at`: when the room was closed, or silent for too long; infinity: it never
    was, though it may be lost for those who could not join.
    """

    lost_at: float
    closed_at: float
    incidents: Incidents

    @property
    def survived(self) -> bool:
        """Whether the room lived."""
        return self.lost_at == np.inf


class Replay(Protocol):
    """What plays a trial again: `replay`, or a stand-in."""

    def __call__(
        self, experiment: Experiment, *, seed: int, runbook: Runbook | None, durations: Durations
    ) -> Replayed: ...


def replay(experiment: Experiment, *, seed: int, runbook: Runbook | None, durations: Durations) -> Replayed:
    """The trial with the draws of the live run of that seed. Raises UsageError where it has no model here."""
    cell = cell_of(experiment, runbook, durations, compiling.stamp(), one_machine=True)
    table = Table(cell, compiling.twin(driver))
    out = np.zeros((1, driver.OUT_WITH_STAGES))
    table.play(seed, out)
    moments = out[0, driver.OUT_COLUMNS :].reshape(driver.SIGNALS, driver.STAGES)
    incidents: Incidents = {}
    for slot, name in enumerate(cell.incidents):
        entered = {
            STAGE_NAMES[stage]: round(float(moments[slot, stage]), 3)
            for stage in range(driver.STAGES)
            if STAGE_NAMES.get(stage) in STAGES and np.isfinite(moments[slot, stage])
        }
        if entered:
            incidents[name] = entered
    return Replayed(float(out[0, driver.OUT_LOST_AT]), float(out[0, driver.OUT_CLOSED]), incidents)
