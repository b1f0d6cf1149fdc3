"""Many trials of one experiment, simulated: the crew's own transition function before a fluid model of the room.

    trials = simulate(loaded.experiment, runbook=runbook, first=1, trials=10_000, workers=2)

Trial k has the draws of a live run with the seed `first + k`, so the same people meet the same incidents alike. The
arrays are byte for byte the same for any number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.crew.runbook import Runbook
from chaos.experiment.model import Experiment
from chaos.study.durations import Durations


@dataclass(frozen=True)
class Trials:
    """What became of each trial of one cell of a study, in trial order.

    `lost_at`: story seconds after the start of warm-up at which the room was lost; infinity: it survived.
    `lost_listener_minutes`: full scale. `joined`: the share of the join tries, from the first fault to the end, that
    succeeded. `repaired_at`: story seconds of the end of the first repair that helped; infinity: none did. `events`: how
    often the crew's transition function was called, for events per second.
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
    durations: Durations = Durations(),  # noqa: B008 (frozen)
    workers: int = 1,
) -> Trials:
    """Play `trials` trials of an experiment on `rooms` whose first objective with `survives` names the room.

    `runbook` is the one that `crew.runbooks` names (a document without its folder cannot find it); it may be left out
    where there is no crew. `seed`: trial k has the draws of a live run with the seed `seed * 2**32 + first + k`, so
    that studies can have streams of their own; without it, of `first + k`.

    Raises UsageError for an experiment that has no model here, and where the extra `sim` is not installed.
    """
    raise NotImplementedError("the room's model is being built; the types and the signature stand")
