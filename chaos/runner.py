"""Puts a run together: its folder, journal and world, the system under test, faults and crew; runs it; writes it up."""

from __future__ import annotations

import asyncio
import importlib.metadata
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server

from chaos import state
from chaos.clients import processes
from chaos.clients.prometheus import Prometheus
from chaos.clock import StoryClock, StorySeconds, SystemClock
from chaos.codes import INCONCLUSIVE, NOT_UNDONE
from chaos.crew.live import LiveCrew, Repair, Setup
from chaos.crew.metrics import CrewMetrics
from chaos.crew.runbook import Runbook, load_runbook
from chaos.engine.injection import Injection, mend
from chaos.engine.metrics import RunMetrics
from chaos.engine.parts import Crew, Nobody, Parts, Stop
from chaos.engine.run import execute
from chaos.engine.sampling import StopCondition
from chaos.engine.sources import Sources, source_of
from chaos.errors import PreflightError, StandbyError, UndoError
from chaos.experiment import Loaded
from chaos.experiment.fault import FaultSpec, LinkFaultSpec, ProcessFaultSpec
from chaos.experiment.model import MaxAffected
from chaos.experiment.objective import Objective
from chaos.experiment.repairs import repairs_of
from chaos.faults.registry import registry
from chaos.record import Event, Listener, Record
from chaos.subjects import Subject, subject_of
from chaos.undo.guard import Guard
from chaos.undo.journal import Journal
from chaos.worlds.base import link_addresses
from chaos.worlds.local.kept import borrowed
from chaos.worlds.local.world import LocalWorld
from chaos.worlds.system import Goal, Repaired, System

WORLD_LEASE = 300.0
"""Real seconds beyond the planned end of a run after which anyone may end its world."""


@dataclass(frozen=True)
class Options:
    """How to run: `seed` None draws one, `out` None takes the run's folder in the state folder."""

    seed: int | None = None
    out: Path | None = None
    listeners: Sequence[Listener] = ()


@dataclass(frozen=True)
class Done:
    """A run that ended: its name, its folder, its exit code, and everything that happened."""

    run: str
    folder: Path
    exit_code: int
    events: Sequence[Event] = ()


async def run(loaded: Loaded, options: Options, stop: asyncio.Future[Stop]) -> Done:
    """Run one experiment in its world and leave its record in its folder.

    Everything that it started is ended and everything that it changed is put back when this returns or raises.
    Raises PreflightError when the run could not begin.
    """
    name = state.new_run()
    folder = (options.out or state.runs() / name).absolute()
    if (folder / "events.jsonl").exists():
        raise PreflightError(f"{folder} already holds the record of a run; give `--out` a folder of its own")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        closing(Record(folder / "events.jsonl")) as record,
        closing(Journal(state.journals() / f"{name}.jsonl")) as journal,
    ):
        for listener in options.listeners:
            record.listen(listener)
        seed = loaded.experiment.seed if options.seed is None else options.seed
        code = await _Composition(loaded, name, folder, seed, record, journal, stop).run()
        record.event("run_ended")
    return Done(name, folder, code, record.events)


@asynccontextmanager
async def own_world(
    subject: Subject, folder: Path, record: Record, journal: Journal, *, lasts: float
) -> AsyncIterator[LocalWorld]:
    """A world of this run's own in `folder`/world, for the length of a block that is to last so many real seconds."""
    world = LocalWorld.create(folder / "world", subject.layout(folder / "world"))
    record.hide(world.token)
    world.tell(record.event)
    lease = time.time() + lasts + WORLD_LEASE
    journal.intend("world", f"the local world in {world.folder}", [world.end_step], lease=lease)
    try:
        await world.start(journal.path.stem)
        record.event("world_ready", folder=str(world.folder))
        yield world
    finally:
        proof = await asyncio.shield(world.end())
        record.event("world_ended", gone=bool(proof.holds), evidence=proof.evidence)
        if proof.holds:
            try:
                journal.undone("world", proof.evidence)
            except UndoError as error:
                record.event("journal_not_closed", why=str(error))


class _Composition:
    def __init__(
        self,
        loaded: Loaded,
        name: str,
        folder: Path,
        seed: int,
        record: Record,
        journal: Journal,
        stop: asyncio.Future[Stop],
    ) -> None:
        self.loaded = loaded
        self.experiment = loaded.experiment
        self.name = name
        self.folder = folder
        self.seed = seed
        self.record = record
        self.journal = journal
        self.stop = stop
        self.subject = subject_of(loaded)
        self.runbook = _runbook(loaded)

    async def run(self) -> int:
        guard = Guard(self.journal, self.record.event)
        code = await self._guarded(guard)
        left = [event for event in self.record.events if event.name == "world_ended" and not event["gone"]]
        if left or code == NOT_UNDONE:
            return (
                NOT_UNDONE  # the journal stays open: once this process is gone, the guardian goes on trying
            )
        try:
            self.journal.finish()
        except UndoError as error:
            # Everything is gone, only that could not be noted; the guardian notes it when it can.
            self.record.event("journal_not_closed", why=str(error))
            return code
        await guard.leave()
        return code

    async def _guarded(self, guard: Guard) -> int:
        runner = processes.identify(os.getpid())
        assert runner is not None
        kept = borrowed(self.name, self.record.event) if self.subject.may_borrow else None
        async with AsyncExitStack() as stack:
            try:
                world = await stack.enter_async_context(kept) if kept else None
                where = str(world.folder) if world else str(self.folder / "world")
                self.journal.begin(self.name, runner, where, owned=world is None, folder=str(self.folder))
                self._tell_start(owned=world is None)
                await stack.enter_async_context(guard.watching())
                if world is None:
                    length = self.experiment.timeline.total / self.experiment.time_scale
                    world = await stack.enter_async_context(
                        own_world(self.subject, self.folder, self.record, self.journal, lasts=length)
                    )
                prometheus = await stack.enter_async_context(self.subject.prometheus(world, self.record))
                self.record.event("versions", prometheus=await prometheus.version())
                return await self._in_world(world, prometheus, guard, owned=kept is None)
            except StandbyError as error:
                return self._failed(error)

    async def _in_world(self, world: LocalWorld, prometheus: Prometheus, guard: Guard, *, owned: bool) -> int:
        system = self.subject.system(world, prometheus, self.record, self.journal, self.seed)
        with self._measured(world, owned=owned):
            following = asyncio.create_task(system.follow())
            try:
                outcome = await execute(self._parts(world, prometheus, system, guard, owned=owned))
                return outcome.exit_code
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                await asyncio.shield(system.restore())

    @contextmanager
    def _measured(self, world: LocalWorld, *, owned: bool) -> Iterator[None]:
        """For the length of a block, let the world's own Prometheus scrape what this run says of itself."""
        measures = CollectorRegistry()
        self.record.listen(RunMetrics(measures).hear)
        self.record.listen(CrewMetrics(measures))
        server, _ = start_http_server(0, addr="127.0.0.1", registry=measures)
        labels = {"job": "run", "instance": self.name, "__metrics_path__": "/metrics"}
        world.watch({"targets": [f"127.0.0.1:{server.server_port}"], "labels": labels})
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            if not owned:
                world.unwatch(self.name)

    def _parts(
        self, world: LocalWorld, prometheus: Prometheus, system: System, guard: Guard, *, owned: bool
    ) -> Parts:
        experiment, home = self.experiment, self.loaded.folder
        known, links = registry(), link_addresses(world.links)
        injections = [
            Injection(
                f"f{number}",
                spec,
                known[spec.fault](spec, world, id=f"{self.name}-f{number}", seed=self.seed),
                experiment.timeline.faults,
                prometheus,
                _most(spec, experiment.max_affected),
                source_of(spec.proof, home, links) if spec.proof is not None else None,
            )
            for number, spec in enumerate(experiment.faults, start=1)
        ]
        sources = {
            one.name: source
            for one in experiment.objectives
            if (source := source_of(one, home, links)) is not None
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
            record=self.record,
            journal=self.journal,
            clock=SystemClock(),
            story=StoryClock(experiment.time_scale),
            make_crew=lambda story: self._crew(story, world, system, injections),
            stop=self.stop,
            guarded=guard.ready,
            owns_world=owned,
        )

    def _crew(
        self, story: StoryClock, world: LocalWorld, system: System, injections: Sequence[Injection]
    ) -> Crew:
        setup = self._setup(world)
        if setup is None:
            return Nobody()

        async def perform(repair: Repair) -> Repaired:
            if repair.noop:
                return Repaired(ok=True, detail="not carried out: in this control repairs do nothing")
            outcome = await system.perform(repair.action, repair.target)
            if outcome.ok:
                mend(injections, system, repair.action, repair.target)
            return outcome

        return LiveCrew(setup, story=story, clock=SystemClock(), record=self.record, perform=perform)

    def _setup(self, world: LocalWorld | None = None) -> Setup | None:
        crew = self.experiment.crew
        if crew is None or self.runbook is None:
            return None
        return Setup.of(
            crew, self.runbook, self.seed, self.subject.places(world) if world is not None else {}
        )

    def _failed(self, error: StandbyError) -> int:
        """The run could not go on; its record says so, and nothing is concluded."""
        code = INCONCLUSIVE
        self.record.event(
            "verdict", verdict="inconclusive", why=str(error), exit_code=code, survived=None,
            lost_listener_minutes=None, reasons=[str(error)],
        )  # fmt: skip
        return code

    def _tell_start(self, *, owned: bool) -> None:
        experiment, setup = self.experiment, self._setup()
        self.record.event(
            "run_started",
            run=self.name,
            title=experiment.title,
            question=experiment.question,
            file=self.loaded.path,
            world=experiment.world,
            world_owned=owned,
            seed=self.seed,
            time_scale=experiment.time_scale,
            timeline=experiment.timeline.model_dump(mode="python"),
            versions={
                "standby": importlib.metadata.version("standby-chaos"),
                "python": platform.python_version(),
            },
            command=shlex.join(sys.argv),
            document=self.loaded.text,
            expected=experiment.expected.model_dump(mode="json") if experiment.expected else None,
            scale=experiment.rooms.scale if experiment.rooms else None,
            warnings=[str(warning) for warning in self.loaded.warnings],
            crew=setup.describe() if setup else None,
            machine={"cores": os.cpu_count(), "system": platform.platform()},
        )


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


def _most(spec: FaultSpec, limits: MaxAffected) -> int | None:
    """How many targets a fault may touch at once; links have no limit, for whoever names a link means all of it."""
    if isinstance(spec, ProcessFaultSpec):
        return limits.processes
    return None if isinstance(spec, LinkFaultSpec) else limits.nodes


def _finite(seconds: StorySeconds) -> StorySeconds | None:
    return seconds if math.isfinite(seconds) else None


def _counted(goal: Goal, owner: str) -> Goal:
    return Goal(**{**vars(goal), "counts": True, "owner": owner})


def _runbook(loaded: Loaded) -> Runbook | None:
    crew = loaded.experiment.crew
    if crew is None:
        return None
    return load_runbook(loaded.file(crew.runbooks), actions=repairs_of(loaded.experiment))
