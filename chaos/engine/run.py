"""One run: preflight, warm-up, baseline, path proof, faults, recovery, after, verdict.

nothing is injected before every fault was checked, the settings proven, the baseline held and each path shown
nothing stays injected after the recovery phase, whatever ended the phases before it
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chaos.clients.prometheus import FiringAlert, Prometheus
from chaos.clock import Clock, StoryClock, StorySeconds
from chaos.engine.injection import LEAD, Injection
from chaos.engine.judgement import Verdict
from chaos.engine.judging import Judged, judge_goals, preflight_goal
from chaos.engine.sampling import Sampler, StopCondition
from chaos.engine.timeline import Span
from chaos.engine.verdict import Outcome, Seen, decide
from chaos.errors import PreflightError, StandbyError
from chaos.experiment.model import Experiment
from chaos.proof import Proof
from chaos.record import Json, Record
from chaos.undo.journal import Journal
from chaos.worlds.system import Goal, System, series_label


class Crew(Protocol):
    """Who answers the alerts of a run; `chaos.crew.live.LiveCrew` is the modelled one."""

    def update(self, firing: Iterable[FiringAlert]) -> None:
        """What fires now; called once a second."""

    async def run(self) -> None:
        """Work until cancelled."""


class Nobody:
    """A run without a crew: nobody answers."""

    def update(self, firing: Iterable[FiringAlert]) -> None:
        """Nobody looks."""

    async def run(self) -> None:
        """Nobody works."""


@dataclass(frozen=True)
class Stop:
    """Why a run ends before its time: a signal (its exit code) or a stop condition or halt (a sentence)."""

    signal: int = 0
    why: str = ""


@dataclass
class Parts:
    """What a run is put together from."""

    experiment: Experiment
    halt: Path
    injections: Sequence[Injection]
    goals: Sequence[Goal]
    stops: Sequence[StopCondition]
    system: System
    prometheus: Prometheus
    record: Record
    journal: Journal
    clock: Clock
    story: StoryClock
    make_crew: Callable[[StoryClock], Crew]
    stop: asyncio.Future[Stop]


@dataclass
class _Notes:
    doubts: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)


class _Concluded(Exception):  # noqa: N818 - it ends the phases, it is no error
    """The phases end here: nothing more can be learned."""


async def execute(parts: Parts) -> Outcome:
    """Run the experiment to its verdict. Everything that it injects is undone when this returns or raises."""
    return await _Run(parts).execute()


class _Run:
    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.record = parts.record
        self.clock = parts.clock
        self.story = parts.story
        self.notes = _Notes()
        self.sampler = Sampler(
            parts.prometheus,
            parts.record,
            parts.clock,
            parts.story.time_scale,
            goals=parts.goals,
            figures=parts.system.figures(),
            stops=parts.stops,
            halt=parts.halt,
            on_alerts=self._on_alerts,
            on_stop=lambda why: self._stop(Stop(why=why)),
        )
        self.crew: Crew = Nobody()
        self._background: list[asyncio.Task[None]] = []
        self._injecting: list[asyncio.Task[None]] = []
        self._span: tuple[str, float] | None = None

    async def execute(self) -> Outcome:
        stopped = Stop()
        phases = asyncio.create_task(self._phases())
        try:
            waiting: set[asyncio.Future[None] | asyncio.Future[Stop]] = {phases, self.parts.stop}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not phases.done():
                stopped = self.parts.stop.result()
                self.record.event(
                    "interrupted" if stopped.signal else "aborted", signal=stopped.signal, why=stopped.why
                )
            elif (error := phases.exception()) is not None and not isinstance(error, _Concluded):
                if not isinstance(error, StandbyError):
                    raise error
                self.notes.doubts.append(str(error))
        finally:
            phases.cancel()
            await asyncio.gather(phases, return_exceptions=True)
            await self._put_everything_back()
        judged = [] if stopped.signal else await self._judge()
        return await self._conclude(judged, stopped)

    async def _phases(self) -> None:
        timeline = self.parts.experiment.timeline
        self._phase("preflight")
        await self._preflight()
        configured = await self.parts.system.configure()
        self.record.event("settings_proven", holds=configured.holds, evidence=configured.evidence)
        if not configured.holds:
            self._conclude_early(f"the system is not set up as the document asks: {configured.evidence}")
        await self.parts.system.begin()
        self.story = StoryClock(self.story.time_scale, self.clock.monotonic())
        self._background.append(asyncio.create_task(self.sampler.run()))
        await self._pass("warm_up", timeline.warm_up)
        self.sampler.watching = True
        self.crew = self.parts.make_crew(self.story)
        self._background.append(asyncio.create_task(self.crew.run()))
        await self._pass("baseline", timeline.baseline)
        await self._check_baseline()
        self._phase("path_proof")
        await self._prove_paths()
        await self._faults(timeline.faults)
        begun = self.clock.monotonic()
        self._phase("recovery")
        await self._end_faults("recovery")
        await self.clock.sleep_until(begun + self.story.real(timeline.recovery))
        await self._pass("after", timeline.after)
        self._phase("judging")

    async def _preflight(self) -> None:
        troubles: list[str] = []
        for injection in self.parts.injections:
            try:
                targets = await injection.fault.check()
            except StandbyError as error:
                troubles.append(f"{injection.spec.title}: {error}")
                continue
            self._announce(injection, targets)
        for goal in self.parts.goals:
            trouble = await preflight_goal(self.parts.prometheus, goal, self.story.time_scale)
            if trouble:
                troubles.append(trouble)
        if troubles:
            raise PreflightError("; ".join(troubles))

    def _announce(self, injection: Injection, targets: Sequence[str]) -> None:
        spec, faults = injection.spec, self.parts.experiment.timeline.faults
        common = {
            "fault",
            "name",
            "at",
            "lasts",
            "until",
            "at_most",
            "select",
            "proof",
            "link",
            "process",
            "tier",
            "node",
        }
        own = spec.model_dump(mode="json", exclude=common, exclude_none=True)
        self.record.event(
            "fault_scheduled",
            id=injection.id,
            name=spec.title,
            fault=spec.fault,
            on=", ".join(targets),
            at=spec.at,
            lasts=spec.ends(faults) - spec.at,
            until_repaired=spec.until == "repaired",
            parameters={key: str(value) for key, value in own.items()},
        )

    async def _check_baseline(self) -> None:
        goals = [
            goal for goal in self.parts.goals if "baseline" in goal.during and goal.counts and not goal.once
        ]
        for judged in await self._judge_over(goals, ("baseline",)):
            goal, why = judged.goal, judged.judgement.why
            last = judged.series[-1][1] if judged.series else None
            held = judged.judgement.verdict is Verdict.PASS
            if held and (last is None or not goal.expect.holds(last)):
                held, why = False, f"its last value was {last}; {goal.expect} is required"
            if not held:
                self._conclude_early(
                    f"the baseline did not hold, so nothing was injected: {goal.name}: {why}"
                )

    async def _judge_over(self, goals: Sequence[Goal], phases: tuple[str, ...]) -> list[Judged]:
        self._close_span()
        spans = [span for span in self.notes.spans if span.phase in phases]
        return await judge_goals(self.parts.prometheus, goals, spans, self.story.time_scale)

    async def _prove_paths(self) -> None:
        proofs = await asyncio.gather(*(_asked(one.fault.prove_path()) for one in self.parts.injections))
        for injection, proof in zip(self.parts.injections, proofs, strict=True):
            self.record.event("fault_path", id=injection.id, proven=proof.holds, evidence=proof.evidence)
            if not proof.holds:
                self.notes.doubts.append(
                    f"the path of {injection.spec.title} is not proven: {proof.evidence}"
                )
        if self.notes.doubts:
            raise _Concluded

    async def _faults(self, length: StorySeconds) -> None:
        begin = self.clock.monotonic() + LEAD
        arguments = (begin, self.story, self.clock, self.record, self.parts.journal)
        self._injecting = [asyncio.create_task(one.run(*arguments)) for one in self.parts.injections]
        await self.clock.sleep_until(begin)
        self._phase("faults")
        await self.clock.sleep_until(begin + self.story.real(length))

    async def _end_faults(self, by: str) -> None:
        for task in self._injecting:
            task.cancel()
        results = await asyncio.gather(*self._injecting, return_exceptions=True)
        for injection in reversed(self.parts.injections):
            await injection.end(by, self.record, self.parts.journal)
        self._injecting = []
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _put_everything_back(self) -> None:
        """What runs whatever happened: no phase may be waited for here, only undo."""
        ending = asyncio.create_task(self._undo_all())
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                if ending.cancelled():
                    raise
        ending.result()

    async def _undo_all(self) -> None:
        try:
            await self._end_faults("interrupt" if self.parts.stop.done() else "recovery")
        finally:
            for task in self._background:
                task.cancel()
            results = await asyncio.gather(*self._background, return_exceptions=True)
            self._close_span()
            for result in results:
                if isinstance(result, Exception):
                    self.notes.doubts.append(
                        f"a part of the run itself failed: {type(result).__name__}: {result}"
                    )

    async def _judge(self) -> list[Judged]:
        if self.record.phase != "judging":
            self._phase("judging")
        if self.parts.stop.done() or "after" not in {span.phase for span in self.notes.spans}:
            return []
        return await judge_goals(
            self.parts.prometheus, self.parts.goals, self.notes.spans, self.story.time_scale
        )

    async def _conclude(self, judged: Sequence[Judged], stopped: Stop) -> Outcome:
        for one in judged:
            self._tell_judged(one)
        for injection in self.parts.injections:
            self.notes.doubts.extend(injection.doubts)
            if injection.left:
                self.notes.left.append(injection.left)
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
        self.record.event(
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
        load = await _asked(self.parts.system.load_check(start, end))
        self.record.event("load_check", holds=load.holds, evidence=load.evidence)
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
            self.record.event("figure_missing", name=name, label=label, why=str(error))
            return
        for series in found:
            points: list[Json] = [
                [self._t(moment), value if math.isfinite(value) else None] for moment, value in series.samples
            ]
            self.record.event(
                "figure", name=name, label=series_label(label, series.labels), unit=unit, series=points
            )

    def _tell_judged(self, one: Judged) -> None:
        goal, judgement, scale = one.goal, one.judgement, self.story.time_scale
        in_all = goal.may_break_in_all
        self.record.event(
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

    async def _pass(self, phase: str, length: StorySeconds) -> None:
        self._phase(phase)
        begun = self._span[1] if self._span else self.clock.unix()
        await self.clock.sleep_until(
            self.clock.monotonic() + self.story.real(length) - (self.clock.unix() - begun)
        )

    def _phase(self, name: str) -> None:
        self._close_span()
        self.record.phase = name
        self._span = (name, self.clock.unix())
        self.record.event(
            "phase_started",
            story=max(0.0, self.story.now(self.clock.monotonic())) if self.story.zero else 0.0,
        )

    def _close_span(self) -> None:
        if self._span is not None:
            phase, start = self._span
            self.notes.spans.append(Span(phase, start, self.clock.unix()))
            self.record.event("phase_ended")
            self._span = None

    def _on_alerts(self, firing: Iterable[FiringAlert]) -> None:
        self.crew.update(firing)

    def _stop(self, stop: Stop) -> None:
        if not self.parts.stop.done():
            self.parts.stop.set_result(stop)

    def _conclude_early(self, why: str) -> None:
        self.notes.doubts.append(why)
        raise _Concluded

    def _t(self, unix: float) -> float:
        """Unix seconds as real seconds since the run began."""
        return self.record.since_start(self.clock.monotonic()) - (self.clock.unix() - unix)


async def _asked(proving: Awaitable[Proof]) -> Proof:
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
