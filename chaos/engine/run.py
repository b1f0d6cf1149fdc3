"""One run: preflight, warm-up, baseline, path proof, faults, recovery, after, verdict.

nothing is injected before every fault was checked, the settings proven, the baseline held and each path shown
nothing stays injected after the recovery phase, whatever ended the phases before it
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Literal

from chaos.clients.prometheus import FiringAlert
from chaos.clock import StoryClock, StorySeconds
from chaos.engine.conclusion import Conclusion, asked
from chaos.engine.injection import LEAD, Injection
from chaos.engine.judgement import Verdict
from chaos.engine.judging import Judged, judge_goals, preflight_goal
from chaos.engine.parts import Crew, Nobody, Notes, Parts, Stop
from chaos.engine.probing import Prober
from chaos.engine.sampling import ALERTS_EVERY, Alerting, Sampler
from chaos.engine.timeline import Span
from chaos.engine.verdict import Outcome
from chaos.errors import ClientError, PreflightError, StandbyError
from chaos.experiment.fault import SHARED
from chaos.worlds.system import Goal

CLOCKS_APART = 0.5
"""Real seconds that Prometheus' clock may differ from this machine's: half of its shortest interval here."""
ALERTS_KNOWN_WITHIN = 20.0
"""Real seconds in which it must be known which alerts fire: a webhook's listener needs 15 after its start."""


def _causes(error: Exception) -> list[Exception]:
    """What failed: of the errors of several tasks, each on its own."""
    if isinstance(error, ExceptionGroup):
        return [cause for one in error.exceptions for cause in _causes(one)]
    return [error]


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
        self.notes = Notes()
        self.sampler = Sampler(
            parts.prometheus,
            parts.record,
            parts.clock,
            parts.story.time_scale,
            alerting=Alerting(parts.alerts, self._on_alerts),
            goals=parts.goals,
            figures=parts.system.figures(),
            stops=parts.stops,
            halt=parts.halt,
            on_stop=lambda why: self._stop(Stop(why=why)),
        )
        self.prober = Prober(parts.goals, parts.sources, parts.record, parts.clock)
        self.crew: Crew = Nobody()
        self._background: list[asyncio.Task[None]] = []
        self._broken = asyncio.Event()
        """Whether a part of the run itself has failed: who looks at stop conditions, takes values or plays the crew."""
        self._injecting: list[asyncio.Task[None]] = []
        self._span: tuple[str, float] | None = None

    async def execute(self) -> Outcome:
        stopped = Stop()
        phases = asyncio.create_task(self._phases())
        broken = asyncio.create_task(self._broken.wait())
        try:
            waiting: set[asyncio.Future[None] | asyncio.Future[Stop] | asyncio.Future[Literal[True]]] = {
                phases,
                self.parts.stop,
                broken,
            }
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not phases.done() and self.parts.stop.done():
                stopped = self.parts.stop.result()
                self.record.event(
                    "interrupted" if stopped.signal else "aborted", signal=stopped.signal, why=stopped.why
                )
            elif phases.done() and (error := phases.exception()) and not isinstance(error, _Concluded):
                if not isinstance(error, StandbyError):
                    raise error
                self.notes.doubts.append(str(error))
        finally:
            phases.cancel()
            broken.cancel()
            await asyncio.gather(phases, broken, return_exceptions=True)
            await self._put_everything_back()
        if self.record.phase != "judging":
            self._phase("judging")
        conclusion = Conclusion(self.parts, self.notes, self.prober.taken)
        judged = [] if stopped.signal else await conclusion.judge()
        return await conclusion.conclude(judged, stopped)

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
        self._keep_going(self.sampler.run())
        self._keep_going(self.prober.run())
        if timeline.warm_up:
            await self._pass("warm_up", timeline.warm_up)
        self.sampler.watching = True
        self.crew = self.parts.make_crew(self.story)
        self._keep_going(self.crew.run())
        await self._pass("baseline", timeline.baseline)
        await self._check_baseline()
        self._phase("path_proof")
        if self.parts.injections:
            await self.parts.guarded()
            await self._prove_paths()
        await self._faults(timeline.faults)
        begun = self.clock.monotonic()
        self._phase("recovery")
        await self._end_faults("recovery", seen=True)
        await self.clock.sleep_until(begun + self.story.real(timeline.recovery))
        await self._pass("after", timeline.after)
        self._close_span()
        await self.prober.settle()
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
        offset = await self.parts.prometheus.clock_offset()
        if offset is None or abs(offset) > CLOCKS_APART:
            told = "does not tell its time" if offset is None else f"is {offset:+.1f} s from this machine's"
            troubles.append(
                f"Prometheus' clock {told}, so its samples cannot be laid beside what the run does "
                f"({CLOCKS_APART:g} s are allowed); synchronise the two clocks (NTP)"
            )
        if self.parts.experiment.crew is not None and (unknown := await self._alerts_unknown()):
            troubles.append(f"nobody could be called: {unknown}")
        for goal in self.parts.goals:
            trouble = await preflight_goal(self.parts.prometheus, goal, self.story.time_scale)
            if trouble:
                troubles.append(trouble)
        if troubles:
            raise PreflightError("; ".join(troubles))

    async def _alerts_unknown(self) -> str:
        """Why it is not known which alerts fire; empty when it is. Who only just begins to listen is given time."""
        until = self.clock.monotonic() + ALERTS_KNOWN_WITHIN
        while True:
            try:
                await self.parts.alerts.firing()
            except ClientError as error:
                if self.clock.monotonic() >= until:
                    return str(error)
            else:
                return ""
            await self.clock.sleep_until(self.clock.monotonic() + ALERTS_EVERY)

    def _announce(self, injection: Injection, targets: Sequence[str]) -> None:
        spec, faults = injection.spec, self.parts.experiment.timeline.faults
        own = spec.model_dump(mode="json", exclude=set(SHARED), exclude_none=True)
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
        if already := self.crew.incidents():
            self._conclude_early(
                f"the baseline was not calm, so nothing was injected: {', '.join(already)} called the crew before any "
                "fault; what they do then would be laid to the faults"
            )

    async def _judge_over(self, goals: Sequence[Goal], phases: tuple[str, ...]) -> list[Judged]:
        self._close_span()
        await self.prober.settle()
        spans = [span for span in self.notes.spans if span.phase in phases]
        return await judge_goals(
            self.parts.prometheus, self.prober.taken, goals, spans, self.story.time_scale
        )

    async def _prove_paths(self) -> None:
        proofs = await asyncio.gather(
            *(asked(one.prove_path(self.record, self.parts.journal)) for one in self.parts.injections)
        )
        for injection, proof in zip(self.parts.injections, proofs, strict=True):
            self.record.event("fault_path", id=injection.id, proven=proof.holds, evidence=proof.evidence)
            if not proof.holds:
                self.notes.doubts.append(
                    f"the path of {injection.spec.title} is not proven: {proof.evidence}"
                )
        if self.notes.doubts:
            raise _Concluded

    async def _faults(self, length: StorySeconds) -> None:
        first = min((self.story.real(one.spec.at) for one in self.parts.injections), default=LEAD)
        begin = self.clock.monotonic() + max(0.0, LEAD - first)
        arguments = (begin, self.story, self.clock, self.record, self.parts.journal)
        self._injecting = [asyncio.create_task(one.run(*arguments)) for one in self.parts.injections]
        await self.clock.sleep_until(begin)
        self._phase("faults")
        await self.clock.sleep_until(begin + self.story.real(length))

    async def _end_faults(self, by: str, *, seen: bool = False) -> None:
        """Undo what is still there; where the run is to be concluded from, it is `seen` once more before."""
        for task in self._injecting:
            task.cancel()
        results = await asyncio.gather(*self._injecting, return_exceptions=True)
        if seen:
            await asyncio.gather(*(injection.see_last(self.record) for injection in self.parts.injections))
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
                    told = "; ".join(f"{type(error).__name__}: {error}" for error in _causes(result))
                    self.notes.doubts.append(f"a part of the run itself failed: {told}")

    def _keep_going(self, part: Coroutine[object, object, None]) -> None:
        """Let a part of the run work beside its phases, which end when it fails."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                self._broken.set()

        task = asyncio.create_task(part)
        task.add_done_callback(ended)
        self._background.append(task)

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
        self.prober.begin_phase(name)
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
