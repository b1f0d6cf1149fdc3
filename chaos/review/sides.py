"""What is compared: sides of one run or of several, read from their records alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from chaos import record
from chaos.errors import UsageError
from chaos.record import Event
from chaos.report import fields, plots
from chaos.report.model import Objective, RunReport
from chaos.report.summary import summarise
from chaos.report.svg import Points
from chaos.report.trail import Trail


@dataclass(frozen=True)
class Run:
    """One run: its report, and what its objectives measured in story time from the begin of the phase *faults*."""

    folder: Path
    report: RunReport
    document: str
    curves: Mapping[str, Points]
    figures: Mapping[str, float]
    """What those objectives measured that have one figure for all of their phases."""

    @classmethod
    def read(cls, folder: Path) -> Run:
        """The run in a folder. Raises UsageError when its record cannot be read."""
        try:
            return cls.of(folder, record.read(folder / "events.jsonl"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder / 'events.jsonl'} is no record of a run: {error}") from error

    @classmethod
    def of(cls, folder: Path, events: Iterable[Event]) -> Run:
        """A run whose events are at hand."""
        trail = Trail(events)
        report, zero = summarise(trail.events), trail.faults_begin()
        curves = {
            objective.name: tuple((moment - zero, value) for moment, value in points)
            for objective, points in zip(report.objectives, plots.objective_points(trail), strict=True)
        }
        figures = {
            one.name: one.worst for one in report.objectives if one.worst is not None and not curves[one.name]
        }
        return cls(folder, report, fields.text(trail.start, "document"), curves, figures)

    def objective(self, name: str) -> Objective | None:
        """An objective by name."""
        return next((one for one in self.report.objectives if one.name == name), None)

    def mean(self, name: str) -> float | None:
        """The mean of what an objective measured; None where there was nothing."""
        if name in self.figures:
            return self.figures[name]
        values = [value for _, value in self.curves.get(name, ()) if value is not None]
        return sum(values) / len(values) if values else None


@dataclass(frozen=True)
class Side:
    """Runs of one thing: before or after a change, with one profile or another."""

    name: str
    runs: Sequence[Run]

    @cached_property
    def objectives(self) -> list[str]:
        """The names of the objectives of its runs, in their order."""
        return list(dict.fromkeys(one.name for run in self.runs for one in run.report.objectives))

    def means(self, name: str) -> list[float]:
        """The mean of what an objective measured, of each run in which it measured something."""
        return [mean for run in self.runs if (mean := run.mean(name)) is not None]

    def told(self, name: str) -> list[Objective]:
        """How each run judged an objective."""
        return [found for run in self.runs if (found := run.objective(name)) is not None]


def side_of(folders: Sequence[Path]) -> Side:
    """The runs in these folders: each is a run's own, or holds those of several. Raises UsageError."""
    runs: list[Run] = []
    for folder in folders:
        found = [folder] if (folder / "events.jsonl").exists() else _inside(folder)
        if not found:
            raise UsageError(
                f"{folder} holds no record of a run (no events.jsonl), nor do the folders in it; runs are in "
                ".standby/runs/"
            )
        runs += [Run.read(one) for one in found]
    return Side(" + ".join(folder.resolve().name for folder in folders), runs)


def _inside(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/events.jsonl"))
