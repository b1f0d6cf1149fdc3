"""The parts of the engine for one run, put together from its document, its world and the system under test."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chaos import state
from chaos.clients.prometheus import Prometheus
from chaos.clock import StoryClock, StorySeconds, SystemClock
from chaos.crew.runbook import load_runbook
from chaos.engine.injection import Injection, repairing
from chaos.engine.parts import Crew, Nobody, Parts, Stop
from chaos.engine.sampling import AlertSource, StopCondition
from chaos.engine.sources import Source, Sources, source_of
from chaos.errors import PreflightError
from chaos.experiment import Loaded
from chaos.experiment.fault import FaultSpec, LinkFaultSpec, ProcessFaultSpec, Proof
from chaos.experiment.model import Experiment, MaxAffected
from chaos.experiment.objective import Objective
from chaos.experiment.repairs import repairs_of
from chaos.faults.registry import registry
from chaos.record import Record
from chaos.subjects import Subject
from chaos.undo.guard import Guard
from chaos.undo.journal import Journal
from chaos.worlds.base import RunWorld, link_addresses
from chaos.worlds.cluster.vantage import There
from chaos.worlds.system import Goal, Repaired, System

if TYPE_CHECKING:
    from chaos.crew.live import Repair, Setup


@dataclass(frozen=True)
class Composition:
    """What one run is made of before it has a world, and how its parts are composed in that world."""

    loaded: Loaded
    subject: Subject
    name: str
    seed: int
    setup: Setup | None
    record: Record
    journal: Journal
    stop: asyncio.Future[Stop]

    @property
    def experiment(self) -> Experiment:
        """The document's experiment."""
        return self.loaded.experiment

    def parts(
        self, world: RunWorld, prometheus: Prometheus, system: System, guard: Guard, *, owned: bool
    ) -> Parts:
        """The parts of the run in a world. Raises PreflightError where a source names what is not there."""
        experiment, home = self.experiment, self.loaded.folder
        known, links = registry(), link_addresses(world.links)

        def source(asked: Objective | Proof, name: str) -> Source | None:
            return source_of(asked, home, links, name=name, hide=self.record.hide)

        injections = [
            Injection(
                f"f{number}",
                spec,
                known[spec.fault](spec, world, id=f"{self.name}-f{number}", seed=self.seed),
                experiment.timeline.faults,
                prometheus,
                _most(spec, experiment.max_affected, world),
                source(spec.proof, f"the proof of {spec.title}") if spec.proof is not None else None,
            )
            for number, spec in enumerate(experiment.faults, start=1)
        ]
        sources = {
            one.name: found
            for one in experiment.objectives
            if (found := source(one, f"the objective {one.name}")) is not None
        }
        return Parts(
            experiment=experiment,
            halt=state.halts() / self.name,
            injections=injections,
            goals=_goals(experiment.objectives, sources, system),
            sources=sources,
            stops=[StopCondition(one.name, one.query, one.expect, one.for_) for one in experiment.stop_when],
            system=system,
            prometheus=prometheus,
            alerts=self._alerts(world, prometheus),
            record=self.record,
            journal=self.journal,
            clock=SystemClock(),
            story=StoryClock(experiment.time_scale),
            make_crew=lambda story: self._crew(story, world, system, injections),
            stop=self.stop,
            guarded=guard.ready,
            owns_world=owned,
        )

    def _alerts(self, world: RunWorld, prometheus: Prometheus) -> AlertSource:
        """Where the crew is called from."""
        crew = self.experiment.crew
        if crew is None or crew.alerts == "prometheus":
            return prometheus
        if not isinstance(world.vantage, There):
            raise PreflightError(
                f"`crew.alerts: {crew.alerts}` is heard by the outpost of a cluster; the world `{world.name}` has none"
            )
        return world.vantage

    def _crew(
        self, story: StoryClock, world: RunWorld, system: System, injections: Sequence[Injection]
    ) -> Crew:
        if self.setup is None:
            return Nobody()
        from chaos.crew.live import LiveCrew  # with its numbers, which a run without a crew does not load

        setup = replace(self.setup, places=self.subject.places(world))

        async def perform(repair: Repair) -> Repaired:
            if repair.noop:
                return Repaired(ok=True, detail="not carried out: in this control repairs do nothing")
            action, target = repair.action, repair.target
            async with repairing(injections, system, action, target, self.record) as succeeded:
                outcome = await system.perform(action, target)
                if outcome.ok:
                    succeeded()
            return outcome

        return LiveCrew(setup, story=story, clock=SystemClock(), record=self.record, perform=perform)


def _goals(objectives: Sequence[Objective], sources: Sources, system: System) -> list[Goal]:
    """The document's objectives; one that asks for a room's survival stands for that room's survival goals."""
    goals: list[Goal] = []
    for one in objectives:
        if one.survives is not None:
            goals += [_counted(goal, one.name) for goal in system.goals(one.survives)]
            continue
        source = sources.get(one.name)
        goals.append(
            Goal(
                one.name,
                source.text if source is not None else one.query or "",
                one.expectation,
                tuple(one.during),
                one.longest_break,
                _finite(one.sum_of_breaks),
                one.max_gap,
                interval=None if source is None else one.interval,
            )
        )
    counted = {goal.name for goal in goals}
    return goals + [goal for goal in system.goals() if goal.name not in counted]


def _most(spec: FaultSpec, limits: MaxAffected, world: RunWorld) -> int | None:
    """How many targets a fault may touch at once; links have no limit, for whoever names a link means all of it.

    Of a workload's pods one may be touched in any case: no share of one or two is less.
    """
    if isinstance(spec, ProcessFaultSpec):
        pods = [
            info.pods for info in world.processes() if spec.process == info.name or spec.tier == info.tier
        ]
        if any(pods):
            return max(1, math.floor(limits.pods * sum(map(len, pods))))
        return limits.processes
    return None if isinstance(spec, LinkFaultSpec) else limits.nodes


def _finite(seconds: StorySeconds) -> StorySeconds | None:
    return seconds if math.isfinite(seconds) else None


def _counted(goal: Goal, owner: str) -> Goal:
    return Goal(**{**vars(goal), "counts": True, "owner": owner})


def setup_of(loaded: Loaded, seed: int) -> Setup | None:
    """Who answers, as far as that is known without a world; None where nobody does.

    Raises DocumentError for a runbook that is wrong.
    """
    crew = loaded.experiment.crew
    if crew is None:
        return None
    from chaos.crew.live import Setup

    runbook = load_runbook(loaded.file(crew.runbooks), actions=repairs_of(loaded.experiment))
    return Setup.of(crew, runbook, seed)
