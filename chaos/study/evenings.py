"""Live trials that ended, with what each of them showed: a line each as they end, or all of them in one document."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from chaos.experiment.base import Many, Model
from chaos.report.model import RunReport
from chaos.study.document import Value

STAGES = ("notice", "acknowledge", "triage", "decide", "act", "resolved")
"""The stages of an incident that are compared; who waits for somebody is in `acknowledge`."""
Incidents: TypeAlias = dict[str, dict[str, float]]
"""By incident and stage: when its first attempt entered it, story seconds after the start of warm-up."""


class Ended(Model):
    """How a live trial ended; `survived` is null where it came to no verdict, times are story time from the begin."""

    survived: bool | None
    lost_at_s: float | None = None
    lost_listener_minutes: float | None = None
    why: str = ""
    observed: dict[str, Many[float]] = Field(default_factory=dict)
    """Real durations that it showed, each as often as it did, by their names."""
    incidents: Incidents = Field(default_factory=dict)


class LiveTrial(Model):
    """A live trial that ended, and what it was a trial of."""

    arm: str
    value: Value
    seed: int
    overrides: Many[str]
    """Everything that its experiment was changed by: trials of another study do not count."""
    ended: Ended


class Evenings(Model):
    """Live trials that a study rests on, as `live: kept` names them."""

    version: Literal[1] = 1
    trials: Many[LiveTrial]

    def text(self) -> str:
        """As a file, a trial on each line."""
        lines = ",\n".join(one.model_dump_json() for one in self.trials)
        return f'{{"version": 1, "trials": [\n{lines}\n]}}\n'


def incidents_of(report: RunReport) -> Incidents:
    """When each incident of a run first came to each stage, of its first attempt at its first occurrence."""
    found: Incidents = {}
    for incident in report.crew.incidents if report.crew is not None else ():
        if incident.incident in found:
            continue
        entered = found[incident.incident] = {}
        for stage in incident.stages:
            name = "acknowledge" if stage.stage == "waiting" else stage.stage
            if name in STAGES and stage.attempt == 1:
                entered.setdefault(name, stage.begins_s)
    return found
