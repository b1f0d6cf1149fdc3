"""Runs an experiment: under a guardian, in a world that it has for itself, to the end of its record and journal."""

from __future__ import annotations

import asyncio
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from chaos import __version__, series, state
from chaos.books import books
from chaos.clients import processes
from chaos.clients.prometheus import Prometheus
from chaos.codes import INCONCLUSIVE, NOT_UNDONE
from chaos.composition import Composition, setup_of
from chaos.crew.metrics import CrewMetrics
from chaos.engine.metrics import RunMetrics
from chaos.engine.parts import Stop
from chaos.engine.run import execute
from chaos.errors import StandbyError, UndoError
from chaos.experiment import Loaded
from chaos.faults.registry import registry
from chaos.record import Event, Listener, Record
from chaos.subjects import subject_of
from chaos.undo.guard import Guard
from chaos.undo.journal import Journal
from chaos.worlds.base import RunWorld
from chaos.worlds.cluster import linking as linking  # brings in the undo of a link
from chaos.worlds.cluster import opening
from chaos.worlds.cluster.target import Target, permitted_target
from chaos.worlds.local.kept import borrowed
from chaos.worlds.local.opening import own_world

WORLD_LEASE = 300.0
"""Real seconds beyond the planned end of a run after which anyone may end its world."""


@dataclass(frozen=True)
class Options:
    """How to run: `seed` None draws one, `out` None takes the run's folder in the state folder. `context` and
    `namespace` name the cluster of a world that is one.
    """

    seed: int | None = None
    out: Path | None = None
    context: str | None = None
    namespace: str | None = None
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
    Raises PreflightError when the run could not begin, and UsageError where it must not.
    """
    target = await permitted_target(loaded, options.context, options.namespace)
    name = state.new_run()
    folder = (options.out or state.runs() / name).absolute()
    seed = loaded.experiment.seed if options.seed is None else options.seed
    setup = setup_of(loaded, seed)
    with books(name, folder) as (record, journal):
        for listener in options.listeners:
            record.listen(listener)
        composition = Composition(loaded, subject_of(loaded), name, seed, setup, record, journal, stop)
        code = await _Run(composition, folder, target).run()
        record.event("run_ended")
    return Done(name, folder, code, record.events)


async def would_touch(loaded: Loaded, target: Target) -> list[tuple[str, Sequence[str]]]:
    """What each fault would touch in a cluster, by name, without touching it. Raises PreflightError."""
    known = registry()
    async with opening.looked_at(target, subject_of(loaded).scope()) as world:
        faults = [
            known[spec.fault](spec, world, id=f"f{number}")
            for number, spec in enumerate(loaded.experiment.faults, start=1)
        ]
        return [(fault.spec.title, await fault.check()) for fault in faults]


@dataclass(frozen=True)
class _Run:
    composition: Composition
    folder: Path
    target: Target | None

    @property
    def record(self) -> Record:
        return self.composition.record

    @property
    def journal(self) -> Journal:
        return self.composition.journal

    async def run(self) -> int:
        guard = Guard(self.journal, self.record.event)
        code = await self._guarded(guard)
        left = [event for event in self.record.events if event.name == "world_ended" and not event["gone"]]
        if left or code == NOT_UNDONE:
            # The journal stays open: once this process is gone, the guardian goes on trying.
            return NOT_UNDONE
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
        kept = None
        if self.target is None and self.composition.subject.may_borrow:
            kept = borrowed(self.composition.name, self.record.event)
        owned = self.target is None and kept is None
        async with AsyncExitStack() as stack:
            try:
                world: RunWorld | None = await stack.enter_async_context(kept) if kept else None
                self.journal.begin(
                    self.composition.name, runner, self._where(world), owned=owned, folder=str(self.folder)
                )
                self._tell_start(owned=owned)
                await stack.enter_async_context(guard.watching())
                if world is None:
                    world = await stack.enter_async_context(self._opening())
                prometheus = await stack.enter_async_context(
                    self.composition.subject.prometheus(world, self.record)
                )
                self.record.event("versions", prometheus=await prometheus.version())
                return await self._in_world(world, prometheus, guard, owned=owned)
            except StandbyError as error:
                return self._failed(error)

    def _where(self, kept: RunWorld | None) -> str:
        """The state under which recovery finds the world."""
        if self.target is not None:
            return self.target.address
        return kept.state if kept is not None else str(self.folder / "world")

    def _opening(self) -> AbstractAsyncContextManager[RunWorld]:
        """The world that this run starts for itself, or the part of a cluster that it takes for itself."""
        lasts = (
            self.composition.experiment.timeline.total / self.composition.experiment.time_scale + WORLD_LEASE
        )
        if self.target is None:
            folder = self.folder / "world"
            return own_world(
                folder, self.composition.subject.layout(folder), self.record, self.journal, lasts=lasts
            )
        return opening.opened(
            self.target,
            self.composition.name,
            self.composition.subject.scope(),
            self.record,
            self.journal,
            lasts=lasts,
            lost=self._lost,
        )

    def _lost(self, why: str) -> None:
        if not self.composition.stop.done():
            self.composition.stop.set_result(Stop(why=why))

    async def _in_world(self, world: RunWorld, prometheus: Prometheus, guard: Guard, *, owned: bool) -> int:
        system = self.composition.subject.system(
            world, prometheus, self.record, self.journal, self.composition.seed
        )
        measures = CollectorRegistry()
        run_metrics = RunMetrics(measures)
        for event in self.record.events:  # the run began before its world had a Prometheus
            run_metrics.hear(event)
        self.record.listen(run_metrics.hear)
        self.record.listen(CrewMetrics(measures))
        async with world.measured(self.composition.name, measures):
            following = asyncio.create_task(system.follow())
            try:
                parts = self.composition.parts(world, prometheus, system, guard, owned=owned)
                outcome = await execute(parts)
                tsdb = world.tsdb if prometheus.url == world.prometheus else None
                queries = [goal.query for goal in parts.goals]
                await series.keep(prometheus, tsdb, self.folder, self.record, queries)
                return outcome.exit_code
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                await asyncio.shield(system.restore())

    def _failed(self, error: StandbyError) -> int:
        """The run could not go on; its record says so, and nothing is concluded."""
        code = INCONCLUSIVE
        self.record.event(
            "verdict", verdict="inconclusive", why=str(error), exit_code=code, survived=None,
            lost_listener_minutes=None, reasons=[str(error)],
        )  # fmt: skip
        return code

    def _tell_start(self, *, owned: bool) -> None:
        experiment, setup = self.composition.experiment, self.composition.setup
        self.record.event(
            "run_started",
            run=self.composition.name,
            title=experiment.title,
            question=experiment.question,
            file=self.composition.loaded.path,
            world=experiment.world,
            cluster={"context": self.target.context, "namespace": self.target.namespace}
            if self.target
            else None,
            world_owned=owned,
            seed=self.composition.seed,
            time_scale=experiment.time_scale,
            timeline=experiment.timeline.model_dump(mode="python"),
            versions={
                "standby": __version__,
                "python": platform.python_version(),
            },
            command=shlex.join(sys.argv),
            document=self.composition.loaded.text,
            expected=experiment.expected.model_dump(mode="json") if experiment.expected else None,
            scale=experiment.rooms.scale if experiment.rooms else None,
            warnings=[str(warning) for warning in self.composition.loaded.warnings],
            crew=setup.describe() if setup else None,
            machine={"cores": os.cpu_count(), "system": platform.platform()},
        )
