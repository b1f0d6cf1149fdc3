"""From what a run has seen to its verdict: objectives judged, the load checked, everything told to the record."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass

from chaos.engine.judgement import Verdict
from chaos.engine.judging import Judged, judge_goals
from chaos.engine.parts import Notes, Parts, Stop
from chaos.engine.probing import Taken
from chaos.engine.timeline import Span
from chaos.engine.verdict import Outcome, Seen, decide
from chaos.errors import StandbyError
from chaos.proof import Proof
from chaos.record import Json
from chaos.worlds.system import series_label


@dataclass
class Conclusion:
    """The end of a run, after everything was put back."""

    parts: Parts
    notes: Notes
    taken: Mapping[str, Taken]
    """What the sources gave, by goal."""

    async def judge(self) -> list[Judged]:
        if self.parts.stop.done() or "after" not in {span.phase for span in self.notes.spans}:
            return []
        return await judge_goals(
            self.parts.prometheus,
            self.taken,
            self.parts.goals,
            self.notes.spans,
            self.parts.story.time_scale,
        )

    async def conclude(self, judged: Sequence[Judged], stopped: Stop) -> Outcome:
        for one in judged:
            self._tell_judged(one)
        for injection in self.parts.injections:
            self.notes.doubts.extend(injection.doubts)
            if injection.left and self.parts.owns_world:
                self.notes.doubts.append(f"{injection.left}; it is gone with this run's own world")
            elif injection.left:
                self.notes.left.append(injection.left)
        if self.parts.record.trouble:
            self.notes.doubts.append(f"the record of this run is not whole: {self.parts.record.trouble}")
        survived = _survived(judged)
        lost = None
        if judged:
            lost = await self._measure()
        expected = self.parts.experiment.expected
        counting = [one for one in judged if one.goal.counts]
        verdicts = _by_owner(counting)
        outcome = decide(
            Seen(
                doubts=self.notes.doubts,
                failed=[
                    f"{name}: {one.judgement.why}"
                    for name, one in verdicts
                    if one.judgement.verdict is Verdict.FAIL
                ],
                unsure=[
                    f"{name}: {one.judgement.why}"
                    for name, one in verdicts
                    if one.judgement.verdict is Verdict.INCONCLUSIVE
                ],
                left=self.notes.left,
                aborted=stopped.why,
                interrupted=stopped.signal,
                held=sum(one.judgement.verdict is Verdict.PASS for _, one in verdicts),
            ),
            Verdict(expected.verdict) if expected else None,
        )
        self.parts.record.event(
            "verdict",
            verdict=outcome.verdict,
            why=outcome.why,
            exit_code=outcome.exit_code,
            survived=survived,
            lost_listener_minutes=lost,
            reasons=list(outcome.reasons),
        )
        return outcome

    async def _measure(self) -> float | None:
        """The load's own account and the report's curves; what cannot be had is a doubt or left out."""
        start, end = self.notes.spans[0].start, self.notes.spans[-1].end
        load = await asked(self.parts.system.load_check(start, end))
        self.parts.record.event("load_check", holds=load.holds, evidence=load.evidence)
        if not load.holds:
            self.notes.doubts.append(f"the load did not arrive as planned: {load.evidence}")
        await asyncio.gather(
            *(
                self._figure(figure.name, figure.label, figure.unit, figure.query, start, end)
                for figure in self.parts.system.figures()
            )
        )
        try:
            return await self.parts.system.lost(_faults_begin(self.notes.spans), end)
        except StandbyError as error:
            self.notes.doubts.append(f"lost listener-minutes could not be counted: {error}")
            return None

    async def _figure(self, name: str, label: str, unit: str, query: str, start: float, end: float) -> None:
        try:
            found = await self.parts.prometheus.range(query, start=start, end=end, step=1.0, lookback=1.5)
        except StandbyError as error:
            self.parts.record.event("figure_missing", name=name, label=label, why=str(error))
            return
        for series in found:
            points: list[Json] = [
                [self._t(moment), value if math.isfinite(value) else None] for moment, value in series.samples
            ]
            self.parts.record.event(
                "figure", name=name, label=series_label(label, series.labels), unit=unit, series=points
            )

    def _tell_judged(self, one: Judged) -> None:
        goal, judgement, scale = one.goal, one.judgement, self.parts.story.time_scale
        in_all = goal.may_break_in_all
        self.parts.record.event(
            "objective_judged",
            name=goal.name,
            owner=goal.owner or goal.name,
            query=goal.query,
            expect=str(goal.expect),
            during=list(goal.during),
            verdict=judgement.verdict,
            why=judgement.why,
            samples=judgement.samples,
            worst=judgement.worst,
            longest_break_s=judgement.longest_break * scale,
            broken_s=judgement.broken * scale,
            breaks=[[self._t(stretch.start), self._t(stretch.end)] for stretch in judgement.breaks],
            may_break_for=goal.may_break_for,
            may_break_in_all=in_all,
            series=[[self._t(moment), value] for moment, value in one.series],
            survival=goal.survival,
            counts=goal.counts,
        )

    def _t(self, unix: float) -> float:
        """Unix seconds as real seconds since the run began."""
        return self.parts.record.since_start(self.parts.clock.monotonic()) - (self.parts.clock.unix() - unix)


async def asked(proving: Awaitable[Proof]) -> Proof:
    """A proof, or why it could not be had."""
    try:
        return await proving
    except StandbyError as error:
        return Proof(None, str(error))


def _survived(judged: Sequence[Judged]) -> bool | None:
    verdicts = [one.judgement.verdict for one in judged if one.goal.survival]
    if not verdicts:
        return None
    if Verdict.FAIL in verdicts:
        return False
    return None if Verdict.INCONCLUSIVE in verdicts else True


def _by_owner(judged: Sequence[Judged]) -> list[tuple[str, Judged]]:
    """The objectives as the document names them; one that stands for several goals has the worst of their verdicts."""
    order = {Verdict.FAIL: 2, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 0}
    worst: dict[str, Judged] = {}
    for one in judged:
        owner = one.goal.owner or one.goal.name
        if owner not in worst or order[one.judgement.verdict] > order[worst[owner].judgement.verdict]:
            worst[owner] = one
    return list(worst.items())


def _faults_begin(spans: Sequence[Span]) -> float:
    return next((span.start for span in spans if span.phase == "faults"), spans[0].start)
