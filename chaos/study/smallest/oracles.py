"""What plays the candidates of a search: the simulator where it can, real runs for anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from chaos.crew.runbook import Runbook
from chaos.errors import UsageError
from chaos.experiment.loading import Loaded, Variants
from chaos.study.changes import overrides
from chaos.study.document import Changes
from chaos.study.smallest.judging import Candidate, Rules, Seen
from chaos.study.smallest.subset import Subset
from chaos.study.sweep import Cell, Simulate, Sweep

SIMULATED = Rules(look=100, patience=5000, most=200_000, checks=3)
"""Trials are cheap; a trial fails where the room is lost."""
LIVE = Rules()
"""Runs take their time; each has its own verdict."""
Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class Document:
    """The experiment that is searched, with what the command line changed in it."""

    variants: Variants
    changes: tuple[str, ...] = ()

    def changed(self, candidate: Candidate) -> Loaded:
        """The experiment as a candidate has it. Raises DocumentError."""
        return self.variants.loaded([*self.changes, *overrides(candidate)])

    def with_faults(self, part: Subset) -> Changes:
        """The change that leaves these faults alone, as `--set` would take it."""
        plain = self.variants.written(self.changes)
        written = plain.get("faults") if isinstance(plain, dict) else None
        faults = written if isinstance(written, list) else []
        return {"faults": json.dumps([faults[place] for place in part])}


@dataclass
class Simulated:
    """Trials in the simulator."""

    document: Document
    simulate: Simulate
    runbook: Runbook | None
    _loaded: dict[tuple[str, ...], Loaded] = field(default_factory=dict)

    def __call__(self, candidate: Candidate, first: int, runs: int) -> Seen:
        """See `Oracle`. Raises UsageError where the experiment has no model."""
        key = overrides(candidate)
        if key not in self._loaded:
            self._loaded[key] = self.document.changed(candidate)
        experiment = self._loaded[key].experiment
        return seen(self.simulate(experiment, first=first, trials=runs, runbook=self.runbook).lost_at)


@dataclass(frozen=True)
class Swept:
    """Trials of one point of a study, wherever its sweep is played."""

    sweep: Sweep
    changes: Sequence[Changes]

    def __call__(self, candidate: Candidate, first: int, runs: int) -> Seen:
        """See `Oracle`."""
        cell = Cell((*self.changes, dict(candidate)), first, runs)
        (trials,) = self.sweep.play([cell])
        return seen(trials.lost_at)


def seen(lost_at: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Seen:
    """Simulated trials as runs: one fails where the room is lost."""
    unknown = int(np.isnan(lost_at).sum())
    lived = int(np.isposinf(lost_at).sum())
    return Seen(len(lost_at) - lived - unknown, lived, unknown)


@dataclass
class Live:
    """Real runs, one after the other, each in a folder of its own under `folder`."""

    document: Document
    run: Callable[[Loaded, int, Path], Verdict]
    folder: Path
    _runs: int = 0

    def __call__(self, candidate: Candidate, first: int, runs: int) -> Seen:
        """See `Oracle`."""
        told: Mapping[Verdict, Seen] = {
            "fail": Seen(failed=1),
            "pass": Seen(passed=1),
            "inconclusive": Seen(unknown=1),
        }
        all_of_them = Seen()
        loaded = self.document.changed(candidate)
        for seed in range(first, first + runs):
            self._runs += 1
            all_of_them += told[self.run(loaded, seed, self.folder / f"{self._runs:03}")]
        return all_of_them


def not_simulated(oracle: Simulated) -> str:
    """Why the simulator cannot stand in for runs of an experiment; empty where it can."""
    experiment = oracle.document.changed({}).experiment
    others = [f"`{one.name}`" for one in experiment.objectives if one.survives is None]
    if others and experiment.rooms is not None:
        return f"it knows whether the room survives, and the verdict rests on {', '.join(others)} too"
    try:
        oracle({}, 0, 1)
    except UsageError as error:
        return str(error)
    return ""
