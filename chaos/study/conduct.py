"""A study from beginning to end: every cell is played, and the result is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard

import numpy as np

from chaos.clock import RealSeconds
from chaos.crew.people import assumptions as crew_assumptions
from chaos.crew.people import people_of
from chaos.experiment.model import Experiment
from chaos.experiment.people import DETECTION
from chaos.study import causes
from chaos.study.answer import HEADCOUNT, answer, notes
from chaos.study.closed_form import repair_delay
from chaos.study.curves import Judge, share
from chaos.study.document import Value
from chaos.study.durations import Durations
from chaos.study.loading import LoadedStudy
from chaos.study.outer import Outer, determined
from chaos.study.plan import Plan, plan
from chaos.study.result import (
    ArmCurve,
    Assumed,
    Calibration,
    Minimum,
    SmallestFailure,
    StudyResult,
    Worth,
)
from chaos.study.simulator import Trials
from chaos.study.smallest.sweeping import smallest_failures
from chaos.study.sweep import Cell, Executor, Simulate, Sweep, Threads

DEFAULTS = Durations()
MAIN_CURVE = "the main curve"
"""The arms of the study at every value, at its own time scale."""
NOT_CALIBRATED = Calibration(
    live_trials=0,
    agreed=0,
    conclusive=0,
    says="No live trial stands beside this: the simulator's own checks vouch for the technical model, nothing for the "
    "model of the people.",
)


def conduct(
    loaded: LoadedStudy,
    simulate: Simulate,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    heard: Callable[[int, int], None] = lambda _done, _all: None,
    begun: Callable[[str], None] = lambda _section: None,
    calibration: Calibration = NOT_CALIBRATED,
    durations: Durations = DEFAULTS,
) -> StudyResult:
    """Play a study; the result is the same for any number of `workers` (threads), and for any `executor`.

    `durations` are those that `simulate` rests on, for the report. `heard` is told after each cell how many trials are
    done, and how many there are in all; `begun` what is played from now on: MAIN_CURVE, or something else.
    """
    main = loaded.experiment(loaded.study.arms[0].set).experiment
    cells = plan(loaded.study, main.time_scale)
    whole = cells.trials
    done = 0

    def count(trials: int) -> None:
        nonlocal done
        done += trials
        heard(done, whole)

    executor = executor or Threads(workers)
    sweep = Sweep(loaded, simulate, executor=executor, heard=count)
    conducted = _Conduct(loaded, cells, sweep, main, durations, begun)
    begun("the smallest failures")
    conducted.found = tuple(smallest_failures(loaded, Sweep(loaded, simulate, executor=executor)))
    return conducted.result(calibration)


class _Conduct:
    def __init__(
        self,
        loaded: LoadedStudy,
        cells: Plan,
        sweep: Sweep,
        main: Experiment,
        durations: Durations,
        begun: Callable[[str], None],
    ) -> None:
        self.loaded, self.study, self.cells, self.sweep, self.main = loaded, loaded.study, cells, sweep, main
        self.durations, self.begun = durations, begun
        self.judge = Judge(loaded.study, float(main.timeline.total))
        self.events = self.trials = 0
        self.found: tuple[SmallestFailure, ...] = ()

    def result(self, calibration: Calibration) -> StudyResult:
        """Section by section, in the order of the plan."""
        study = self.study
        self.begun(MAIN_CURVE)
        arms = [self._played(cells) for cells in self.cells.arms]
        curves = [
            self.judge.curve(arm, played, None if number == 0 else arms[0], main=True)
            for number, (arm, played) in enumerate(zip(study.arms, arms, strict=True))
        ]
        self.begun("what else is asked")
        scales = {scale: [self._played(cells) for cells in by] for scale, by in self.cells.scales.items()}
        outer = self._outer()
        curves = [self._with_outer(number, curve, outer) for number, curve in enumerate(curves)]
        curves = [self._with_closed_form(curve, played) for curve, played in zip(curves, arms, strict=True)]
        others = [
            self.judge.curve(arm, self._played(cells), arms[0], main=False)
            for arm, cells in zip(study.others.arms if study.others else (), self.cells.others, strict=True)
        ]
        attribution = causes.attribution(study, self._played(self.cells.attribution))
        ablation = causes.ablation(
            study, self.judge, {name: self._played(cells) for name, cells in self.cells.ablation.items()}
        )
        sensitivity = causes.sensitivity(study, self.judge, self._played(self.cells.sensitivity))
        minima = [self._minimum(number, arms, scales, outer) for number in range(len(arms))]
        curves += others
        return StudyResult(
            title=study.title,
            question=study.question,
            answer=answer(study, minima),
            notes=tuple(notes(study, curves, minima, attribution, calibration)),
            varies=study.varies.path,
            values=study.varies.values,
            target=study.target.survival,
            confidence=study.target.confidence,
            seed=study.seed,
            time_scale=self.main.time_scale,
            simulated_trials=self.trials + sum(one.found.runs for one in self.found),
            events=self.events,
            minimum_headcount=tuple(minima),
            worth_in_heads=tuple(self._worth(number, minima, outer) for number in range(1, len(arms))),
            arms=tuple(curves),
            attribution=attribution,
            ablation=ablation,
            sensitivity=sensitivity,
            smallest=self.found,
            parameter_draws=len(self.cells.parameters),
            assumptions=tuple(self._assumptions(calibration)),
            calibration=calibration,
            document=self.loaded.text,
        )

    def _played(self, cells: Sequence[Cell]) -> list[Trials]:
        played = list(self.sweep.play(cells))
        self.trials += sum(len(one.lost_at) for one in played)
        self.events += sum(one.events for one in played)
        return played

    def _outer(self) -> Outer | None:
        if self.study.parameters is None:
            return None
        flat = [cell for arms in self.cells.parameters for cells in arms for cell in cells]
        seen = np.array([share(one) for one in self._played(flat)])
        draws, arms = len(self.cells.parameters), len(self.study.arms)
        return Outer.of(self.study, seen.reshape(draws, arms, -1), self.study.parameters.trials)

    def _with_outer(self, number: int, curve: ArmCurve, outer: Outer | None) -> ArmCurve:
        if outer is None:
            return curve
        points = []
        for place, point in enumerate(curve.points):
            mean, interval = outer.point(number, place)
            points.append(point.model_copy(update={"parameters_mean": mean, "parameters_interval": interval}))
        return curve.model_copy(update={"points": tuple(points)})

    def _with_closed_form(self, curve: ArmCurve, played: Sequence[Trials]) -> ArmCurve:
        """How soon a repair has to come is what the rooms show that nobody repairs."""
        if self.study.varies.path != HEADCOUNT or self.study.varies.values[0] != 0:
            return curve
        experiment = self.loaded.experiment(curve.set).experiment
        crew = experiment.crew
        if crew is None:
            return curve
        faults = float(experiment.timeline.start("faults"))
        begins = faults + min((float(spec.at) for spec in experiment.faults), default=0.0)
        seen = begins + RealSeconds(DETECTION) * experiment.time_scale
        tolerances = played[0].lost_at[~np.isnan(played[0].lost_at)] - seen
        finite = tolerances[np.isfinite(tolerances)]
        longest = max(1.0, float(finite.max())) if finite.size else 1.0
        people = people_of(crew)
        points = [
            point.model_copy(
                update={
                    "closed_form": round(
                        float(
                            repair_delay(people, crew.mechanisms, int(point.value), longest)
                            .before(tolerances)
                            .mean()
                        ),
                        6,
                    )
                }
            )
            for point in curve.points
        ]
        return curve.model_copy(update={"points": tuple(points)})

    def _minimum(
        self,
        number: int,
        arms: Sequence[Sequence[Trials]],
        scales: dict[float, list[list[Trials]]],
        outer: Outer | None,
    ) -> Minimum:
        study, cells = self.study, arms[number]
        own = self.judge.minimum_interval(cells)
        interval = own if outer is None else outer.minimum(number, self.judge.minimum(cells))
        asked = study.scales.values if study.scales is not None else ()
        by_scale = [
            self.judge.at_scale(scale, cells if scale == self.main.time_scale else scales[scale][number])
            for scale in asked
        ]
        return Minimum(
            arm=study.arms[number].name,
            headcount=self.judge.minimum(cells),
            searched_up_to=study.varies.values[-1],
            interval=interval,
            monte_carlo_interval=own,
            determined=determined(interval, study.varies.values),
            at_scales=tuple(by_scale),
            scales_agree=self._agree([self._places(one.interval.low, one.interval.high) for one in by_scale]),
        )

    def _places(self, *ends: Value | None) -> list[int]:
        values = self.study.varies.values
        return [len(values) if end is None else values.index(end) for end in ends]

    @staticmethod
    def _agree(intervals: Sequence[Sequence[int]]) -> bool:
        """Whether some value is in all intervals."""
        if not intervals:
            return True
        return max(low for low, _ in intervals) <= min(high for _, high in intervals)

    def _worth(self, number: int, minima: Sequence[Minimum], outer: Outer | None) -> Worth:
        first, other = minima[0].headcount, minima[number].headcount
        last = self.study.varies.values[-1]
        heads = more_than = None
        if _is_number(other):
            if _is_number(first):
                heads = float(first - other)
            elif first is None and _is_number(last):
                more_than = float(last - other)
        return Worth(
            arm=minima[number].arm,
            against=minima[0].arm,
            heads=heads,
            more_than=more_than,
            no_number_is_enough=first is None,
            interval=None if outer is None else outer.worth(number, 0),
        )

    def _assumptions(self, calibration: Calibration) -> Iterator[Assumed]:
        yield Assumed(
            what="every link from headcount to outcome",
            value="a model; the four mechanisms, the people and the listeners are assumptions",
            source="see the documentation of the crew model",
        )
        crew = self.main.crew
        if crew is not None:
            for one in crew_assumptions(people_of(crew), attending=crew.attending):
                yield Assumed(what=one.what, value=one.value, source=one.source)
        parameters = self.study.parameters
        for each in parameters.ranges if parameters is not None else ():
            yield Assumed(
                what=f"range of: {each.name}" + (f" ({', '.join(each.arms)})" if each.arms else ""),
                value=f"{each.low} to {each.high}, {each.shape}",
                source=each.source,
            )
        sources = {
            one.name: f"measured live: the median of {one.fitted.n}, quartiles {one.fitted.low:g} to "
            f"{one.fitted.high:g}"
            for one in calibration.durations
            if one.measured and one.fitted is not None
        }
        for told in self.durations.told():
            source = sources.get(told.name, told.source)
            yield Assumed(what=told.what, value=f"{told.value:g} {told.unit}", source=source)


def _is_number(value: Value | None) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
