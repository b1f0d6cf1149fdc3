"""A small study and a stand-in for the simulator whose truth is known: it releases nothing, and is quick."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chaos.crew.runbook import Runbook
from chaos.experiment.model import Experiment
from chaos.faults.specs import spec_types
from chaos.study.durations import Durations
from chaos.study.loading import LoadedStudy, load_study
from chaos.study.simulator import Trials

DURATIONS = Durations()
ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "experiments" / "studies" / "headcount.yaml"

STUDY = f"""\
version: 1
title: A small study
question: How many are enough?
experiment: {ROOT}/experiments/failure-to-launch.yaml
seed: 7
set: {{time_scale: 1}}
varies: {{values: [0, 1, 2, 3, 4, 5]}}
target: {{survival: 90%, confidence: 95%}}
trials: {{simulated: 2000}}
arms:
  - {{name: as-found}}
  - {{name: hardened, set: {{rooms.profile: hardened}}}}
others: {{trials: 200, arms: [{{name: by the room, set: {{crew.attending: true}}}}]}}
scales: {{values: [1, 10], trials: 300}}
parameters:
  draws: 16
  trials: 100
  ranges:
    - {{name: wrong diagnoses, path: crew.people.mistriage, low: 4%, high: 50%, source: books}}
    - {{name: time to decide, path: crew.people.decide.median, low: 20s, high: 5m, shape: log-uniform, source: guess}}
sensitivity: {{at: {{arm: as-found, value: 4}}, trials: 500}}
attribution:
  trials: 500
  factors:
    - {{name: people, from: {{crew.headcount: 1}}, to: {{crew.headcount: 4}}}}
    - {{name: profile, from: {{rooms.profile: as-found}}, to: {{rooms.profile: hardened}}}}
ablation: {{arm: as-found, trials: 300}}
"""


def written(folder: Path, text: str = STUDY) -> LoadedStudy:
    """A study, written and loaded."""
    path = folder / "study.yaml"
    path.write_text(text)
    return load_study(path, faults=spec_types())


def chance(experiment: Experiment) -> float:
    """With which probability the stand-in's room lives: as-found 0.3 and 0.17 more for each person, up to 0.98."""
    crew = experiment.crew
    assert crew is not None
    assert experiment.rooms is not None
    people = float(crew.headcount) if crew.mechanisms.parallel else 5.0
    wrong = crew.people.mistriage if crew.people.mistriage is not None else 0.15
    base = 0.95 if experiment.rooms.profile == "hardened" else 0.3
    return float(np.clip(base + 0.17 * people - 1.5 * max(0.0, wrong - 0.15), 0.0, 0.98))


def simulate(
    experiment: Experiment,
    *,
    first: int,
    trials: int,
    runbook: Runbook | None,
    durations: Durations = DURATIONS,  # noqa: ARG001 (the real one's)
) -> Trials:
    """Each seed has its luck, whatever the set-up; a room that is lost dies the sooner the less luck it has."""
    assert runbook is not None
    luck = np.array([np.random.default_rng([seed]).random() for seed in range(first, first + trials)])
    lived = luck < chance(experiment)
    lost_at = np.where(lived, np.inf, 300.0 + 600.0 * (1 - luck))
    return Trials(
        lost_at,
        np.where(lived, 0.0, 1000.0),
        lived.astype(np.float64),
        np.where(lived, 400.0, np.inf),
        trials * 10,
    )
