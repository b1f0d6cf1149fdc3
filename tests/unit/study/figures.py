"""The figures of the shipped study in short, as the README tells them.

    standby study experiments/studies/headcount.yaml --live 0 --out out
    python -m tests.unit.study.figures out/study.json

writes experiments/studies/headcount.figures.json anew.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from chaos.experiment.base import Many, Model
from chaos.experiment.loading import read
from chaos.study.document import Study, Value
from chaos.study.result import StudyResult
from tests.unit.study.standin import SHIPPED

FILE = SHIPPED.with_suffix(".figures.json")


class Figures(Model):
    """What the README says of the shipped study, and of which files it is."""

    of: str
    """A digest of what the study asks, of its experiment, and of the live trials that it keeps."""
    answer: str
    kept: dict[str, Many[float]]
    """By arm: the share of the evenings that were kept, by headcount."""
    shares: dict[str, float]
    """By cause: its share of the spread."""
    at_scales: dict[str, dict[str, Value | None]]
    """By arm and time scale: the smallest headcount that is enough."""
    live: int
    conclusive: int
    """Of those in doubt, as `alike`."""
    alike: int
    conclusive_measuring: int
    """Of those that were run to measure durations, as `alike_measuring`."""
    alike_measuring: int
    measured: int
    """Durations that are measured live."""
    durations: int


def sources() -> str:
    """A digest of what the figures are of."""
    study = read(SHIPPED, Study)
    told = study.model_dump_json(
        include={"seed", "set", "varies", "target", "trials", "arms", "others", "scales", "attribution"}
    )
    whole = hashlib.sha256(told.encode())
    for name in (study.experiment, study.live.kept):
        if name is not None:
            whole.update((SHIPPED.parent / name).read_bytes())
    return whole.hexdigest()[:16]


def figures_of(result: StudyResult) -> Figures:
    """A study's result in short."""
    causes = result.attribution.factors if result.attribution is not None else ()
    return Figures(
        of=sources(),
        answer=result.answer,
        kept={
            arm.arm: tuple(round(point.probability or 0.0, 3) for point in arm.points) for arm in result.arms
        },
        shares={one.factor: round(one.share, 3) for one in causes if one.share is not None},
        at_scales={
            one.arm: {f"{each.time_scale:g}": each.headcount for each in one.at_scales}
            for one in result.minimum_headcount
        },
        live=result.calibration.live_trials,
        conclusive=result.calibration.conclusive,
        alike=result.calibration.agreed,
        conclusive_measuring=sum(one.conclusive for one in result.calibration.halves if one.measuring),
        alike_measuring=sum(one.agreed for one in result.calibration.halves if one.measuring),
        measured=sum(one.measured for one in result.calibration.durations),
        durations=len(result.calibration.durations),
    )


if __name__ == "__main__":
    found = StudyResult.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    FILE.write_text(figures_of(found).model_dump_json() + "\n", encoding="utf-8")
