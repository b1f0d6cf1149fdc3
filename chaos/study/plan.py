"""Which cells a study plays, section by section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chaos.study.changes import draw
from chaos.study.document import Arm, Changes, Range, Study, Value
from chaos.study.sweep import Cell

BLOCK = 1 << 24
"""How many seeds each draw of the parameters has for itself."""


@dataclass(frozen=True)
class Plan:
    """The cells of each section, in the order in which they are played and read.

    `arms`, `others`, `scales[s]` and `ablation[m]`: by arm, then by value. `parameters[d]`: the same for each draw.
    `attribution`: by the bits of the factors that are switched over. `sensitivity`: as it is, then each parameter low
    and high.
    """

    arms: list[list[Cell]]
    others: list[list[Cell]]
    scales: dict[float, list[list[Cell]]]
    parameters: list[list[list[Cell]]]
    attribution: list[Cell]
    ablation: dict[str, list[Cell]]
    sensitivity: list[Cell]

    @property
    def trials(self) -> int:
        """How many trials there are in all, at most."""
        nested = [*self.arms, *self.others, *self.ablation.values()]
        nested += [cells for arms in (*self.scales.values(), *self.parameters) for cells in arms]
        return sum(cell.trials for cells in (*nested, self.attribution, self.sensitivity) for cell in cells)


def at_most(study: Study, trials: int) -> Study:
    """The study with this many simulated trials at each point of its arms, and nowhere more."""
    changed: dict[str, object] = {
        "trials": study.trials.model_copy(update={"simulated": trials}),
    }
    for name in ("others", "scales", "parameters", "attribution", "ablation", "sensitivity"):
        section = getattr(study, name)
        if section is not None:
            changed[name] = section.model_copy(update={"trials": min(section.trials, trials)})
    return study.model_copy(update=changed)


def plan(study: Study, main_scale: float) -> Plan:
    """Every cell of a study; `main_scale` is the time scale of its arms, which is not played twice."""
    made = _Planner(study)
    batch = study.stopping.batch if study.stopping.rule == "decided" else None
    return Plan(
        arms=[made.curve(arm, study.trials.simulated, batch=batch) for arm in study.arms],
        others=[made.curve(arm, study.others.trials) for arm in study.others.arms] if study.others else [],
        scales=made.scales(main_scale),
        parameters=made.parameters(),
        attribution=made.attribution(),
        ablation=made.ablation(),
        sensitivity=made.sensitivity(),
    )


def about(study: Study, arm: str) -> list[Range]:
    """The ranges that are about an arm."""
    return [one for one in study.parameters.ranges if one.about(arm)] if study.parameters else []


class _Planner:
    def __init__(self, study: Study) -> None:
        self.study = study

    def cell(self, trials: int, *changes: Mapping[str, Value]) -> Cell:
        return Cell(tuple(dict(one) for one in changes), self.study.seed, trials)

    def curve(self, arm: Arm, trials: int, *changes: Changes, batch: int | None = None) -> list[Cell]:
        """One arm at every value."""
        varies = self.study.varies
        return [
            replace(self.cell(trials, arm.set, *changes, {varies.path: value}), batch=batch)
            for value in varies.values
        ]

    def scales(self, main_scale: float) -> dict[float, list[list[Cell]]]:
        section = self.study.scales
        if section is None:
            return {}
        return {
            scale: [self.curve(arm, section.trials, {"time_scale": scale}) for arm in self.study.arms]
            for scale in section.values
            if scale != main_scale
        }

    def parameters(self) -> list[list[list[Cell]]]:
        section = self.study.parameters
        if section is None:
            return []
        drawn = draw(section.ranges, section.draws, self.study.seed)
        return [
            [self._drawn(arm, number, values) for arm in self.study.arms]
            for number, values in enumerate(drawn)
        ]

    def _drawn(self, arm: Arm, number: int, values: Sequence[Value]) -> list[Cell]:
        """One arm with the values of one draw, and seeds that no other draw has."""
        section = self.study.parameters
        assert section is not None
        ranges = zip(section.ranges, values, strict=True)
        changes = {one.path: value for one, value in ranges if one.about(arm.name)}
        first = self.study.seed + (number + 1) * BLOCK
        return [replace(cell, first=first) for cell in self.curve(arm, section.trials, changes)]

    def attribution(self) -> list[Cell]:
        section = self.study.attribution
        if section is None:
            return []
        easiest: Changes = {self.study.varies.path: self.study.varies.values[-1]}
        return [
            self.cell(
                section.trials,
                easiest,
                *(
                    factor.to if bits >> place & 1 else factor.from_
                    for place, factor in enumerate(section.factors)
                ),
            )
            for bits in range(2 ** len(section.factors))
        ]

    def ablation(self) -> dict[str, list[Cell]]:
        section = self.study.ablation
        if section is None:
            return {}
        arm = self.study.arm(section.arm)
        switched: dict[str, Sequence[Changes]] = {"": ()}
        switched |= {name: ({f"crew.mechanisms.{name}": False},) for name in section.mechanisms}
        return {name: self.curve(arm, section.trials, *changes) for name, changes in switched.items()}

    def sensitivity(self) -> list[Cell]:
        section, parameters = self.study.sensitivity, self.study.parameters
        if section is None or parameters is None:
            return []
        arm = self.study.arm(section.at.arm)
        here: Changes = {self.study.varies.path: section.at.value}
        ends: list[Changes] = [{}]
        ends += [{one.path: end} for one in about(self.study, arm.name) for end in (one.low, one.high)]
        return [self.cell(section.trials, arm.set, here, changes) for changes in ends]
