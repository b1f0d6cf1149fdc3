"""Standby for programs: load and run documents, open a world, put faults on it as context managers.

import chaos

report = chaos.run("slow-bridge.yaml", seed=3)
assert report.verdict == "pass", report.why

async with chaos.open_world("own.yaml") as world:
    async with world.fault("latency", link="stock-to-redis", delay="300ms") as fault:
        ...                       # it is in force, proven by fault.in_force
# it is gone, proven; the world has ended
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chaos import runner, state
from chaos.books import books
from chaos.clients import processes
from chaos.engine.parts import Stop
from chaos.errors import FaultError, PreflightError, UndoError, UsageError
from chaos.experiment import Loaded
from chaos.experiment import load as load_document
from chaos.experiment import loads as load_text
from chaos.experiment.model import Experiment as Experiment
from chaos.faults.base import Fault, Plan
from chaos.faults.registry import registry
from chaos.faults.specs import spec_types
from chaos.proof import Proof
from chaos.record import Event, Record
from chaos.report.model import RunReport
from chaos.report.summary import summarise
from chaos.report.write import write
from chaos.subjects import subject_of
from chaos.undo.guard import Guard
from chaos.undo.journal import Intent, Journal
from chaos.undo.recovery import undo
from chaos.worlds.local.opening import own_world
from chaos.worlds.local.world import LocalWorld

Report = RunReport
"""What became of a run; see `chaos.report.model.RunReport`."""
LEASE = 86_400.0
"""Real seconds after which anyone may undo what a program has left."""


def load(path: str | Path, *, overrides: Sequence[str] = ()) -> Loaded:
    """Read an experiment document; `overrides` are texts as for `--set`: `"crew.headcount=3"`.

    Raises DocumentError with every problem at once, each with file, line and column. Touches nothing.
    """
    return load_document(path, faults=spec_types(), overrides=overrides)


def loads(text: str, *, overrides: Sequence[str] = (), folder: Path | None = None) -> Loaded:
    """The same for a text; files that it names are looked for in `folder`. Raises DocumentError."""
    return load_text(text, faults=spec_types(), overrides=overrides, folder=folder)


def run(
    document: Loaded | str | Path,
    *,
    seed: int | None = None,
    out: Path | None = None,
    listen: Callable[[Event], None] | None = None,
    context: str | None = None,
    namespace: str | None = None,
) -> Report:
    """Run an experiment to its verdict and write its reports, as `standby run` does; not inside an event loop.

    `seed` takes the place of the document's; `out` is the folder for record and reports; `listen` hears each event as
    it happens. `context` and `namespace` name the cluster of the worlds `kind` and `kubernetes`.

    Raises DocumentError for a document that is none and PreflightError when the run cannot begin; whatever became of
    the run itself, `inconclusive` included, is in the report.
    """
    return asyncio.run(
        run_async(document, seed=seed, out=out, listen=listen, context=context, namespace=namespace)
    )


async def run_async(
    document: Loaded | str | Path,
    *,
    seed: int | None = None,
    out: Path | None = None,
    listen: Callable[[Event], None] | None = None,
    context: str | None = None,
    namespace: str | None = None,
) -> Report:
    """The same inside an event loop. Cancelling it undoes everything before it ends."""
    loaded = document if isinstance(document, Loaded) else load(document)
    listeners = () if listen is None else (listen,)
    stop: asyncio.Future[Stop] = asyncio.get_running_loop().create_future()
    options = runner.Options(seed=seed, out=out, listeners=listeners, context=context, namespace=namespace)
    done = await runner.run(loaded, options, stop)
    write(done.folder, done.events)
    return summarise(done.events)


@dataclass
class InForce:
    """A fault of an opened world, in force; after its block `gone` says that nothing is left of it."""

    targets: tuple[str, ...]
    path: Proof
    """Whether what is to be hurt depends on what was hurt."""
    in_force: Proof
    gone: Proof | None = None


@dataclass
class World:
    """A world that was opened: the document's services run, and nothing is hurt but by `fault`."""

    world: LocalWorld
    record: Record
    _journal: Journal
    _run: str
    _faults: int = field(default=0)

    @property
    def links(self) -> Mapping[str, str]:
        """The address (`host:port`) of each link, by the link's name."""
        return {name: link.proxies[0].listen for name, link in self.world.links.items() if link.proxies}

    @property
    def prometheus(self) -> str:
        """The base URL of the world's own Prometheus; empty where it has none."""
        return self.world.prometheus

    @asynccontextmanager
    async def fault(self, name: str, /, **parameters: object) -> AsyncIterator[InForce]:
        """Put a fault in force for the length of a block, with the document's parameters: `delay="300ms"`.

        When the block begins, the fault has been seen in force; when it ends, whatever ended it, the fault has been
        undone and seen to be gone. It is journaled: should this program die, its guardian undoes it.

        Raises UsageError for an unknown fault or parameter, or a `proof` of one's own, PreflightError for a target that
        is not there, FaultError when it cannot be applied or is not seen in force, UndoError when it is not seen to be
        gone.
        """
        fault = self._made(name, parameters)
        await fault.check()
        path = await fault.prove_path()
        plan = await fault.plan()
        intent = Intent(fault.id, f"{name} on {', '.join(plan.targets)}", plan.undo, time.time() + LEASE)
        self._journal.intend(intent.id, intent.what, intent.steps, lease=intent.lease)
        shown: InForce | None = None
        try:
            shown = await self._begun(fault, plan, path)
            yield shown
        finally:
            gone = await asyncio.shield(self._ended(fault, plan, intent))
            if shown is not None:
                shown.gone = gone
        if not gone.holds:
            raise UndoError(f"{intent.what} could not be undone: {gone.evidence}; run `standby recover`")

    def _made(self, name: str, parameters: Mapping[str, object]) -> Fault[Any]:
        known = registry()
        if name not in known:
            raise UsageError(f"there is no fault `{name}`; there are {', '.join(sorted(known))}")
        try:
            spec = known[name].spec_type.model_validate({"fault": name, **parameters})
        except ValidationError as error:
            told = "; ".join(
                f"{'.'.join(map(str, one['loc'])) or name}: {one['msg']}" for one in error.errors()
            )
            raise UsageError(f"{name}: {told}") from error
        if spec.proof is not None:
            raise UsageError(
                f"{name}: `proof` is asked by a run of a document alone; here, look for the effect inside of the block"
            )
        self._faults += 1
        return known[name](spec, self.world, id=f"{self._run}-f{self._faults}", seed=1)

    async def _begun(self, fault: Fault[Any], plan: Plan, path: Proof) -> InForce:
        await fault.apply(plan)
        self._journal.applied(fault.id)
        seen = await fault.observe(plan)
        self.record.event("fault_observed", id=fault.id, in_force=seen.holds, evidence=seen.evidence)
        if not seen.holds:
            raise FaultError(f"{fault.spec.title} is not seen in force: {seen.evidence}")
        return InForce(plan.targets, path, seen)

    async def _ended(self, fault: Fault[Any], plan: Plan, intent: Intent) -> Proof:
        proof = await undo(intent, self._journal)
        if proof.holds:
            proof = await fault.prove_gone(plan)
        self.record.event("fault_gone", id=fault.id, gone=proof.holds, evidence=proof.evidence)
        return proof


@asynccontextmanager
async def open_world(document: Loaded | str | Path) -> AsyncIterator[World]:
    """Start the world that a document describes (its `rooms` or its `system`), for the length of a block.

    Its load and crew are not started. Everything is journaled and guarded: should this program die, its guardian ends
    the world. Raises DocumentError, PreflightError, or WorldError when a part does not become ready.
    """
    loaded = document if isinstance(document, Loaded) else load(document)
    if loaded.experiment.world != "local":
        raise UsageError(
            f"{loaded.path}: the world `{loaded.experiment.world}` is there already and is opened by runs only; "
            "`chaos.run` hurts it, `open_world` starts a local one"
        )
    name = state.new_run()
    folder = (state.runs() / name).absolute()
    own = processes.identify(os.getpid())
    if own is None:
        raise PreflightError("this process cannot be told from others: /proc is not there")
    with books(name, folder) as (record, journal):
        journal.begin(name, own, str(folder / "world"), owned=True, endable=False)
        guard = Guard(journal, record.event)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(guard.watching())
            place = folder / "world"
            layout, lasts = subject_of(loaded).layout(place), LEASE + runner.WORLD_LEASE
            opening = own_world(place, layout, record, journal, lasts=lasts)
            world = await stack.enter_async_context(opening)
            await guard.ready()
            yield World(world, record, journal, name)
        journal.finish()
        await guard.leave()
