"""The load on services of one's own: a process of the local world, or a command of this machine beside a cluster."""

from __future__ import annotations

import asyncio
import os
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.experiment.system import LoadSection
from chaos.proof import Proof
from chaos.record import Record
from chaos.services.layout import LOAD
from chaos.undo.acts import Acts
from chaos.undo.journal import Journal
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.base import RunWorld
from chaos.worlds.local.world import LocalWorld

MARK = "STANDBY_LOAD"
"""The environment variable by which every process of a load is known."""
GRACE = 2.0
"""Real seconds that a load gets to end by itself when it is told to."""


class Load(Protocol):
    """Something that asks the services from warm-up to the end of *after*."""

    async def begin(self) -> None:
        """Start it, journaled."""

    def check(self) -> Proof:
        """Whether it runs, and has run since it began."""

    async def end(self) -> Sequence[str]:
        """End it; what could not be ended, with the reason."""


def load_of(
    section: LoadSection | None, world: RunWorld, record: Record, journal: Journal, *, home: Path
) -> Load:
    """The load of a document whose commands run in `home`; none is the traffic that is there."""
    if section is None:
        return Traffic()
    acts = Acts(journal, record)
    if isinstance(world, LocalWorld):
        return WorldLoad(world, record, acts)
    return OutsideLoad(section, record, acts, home=home, log=journal.path.with_suffix(".load.log"))


class Traffic:
    """No load of the document's: whoever uses the services goes on."""

    async def begin(self) -> None:
        return

    def check(self) -> Proof:
        return Proof(True, "the document asks for no load")

    async def end(self) -> Sequence[str]:
        return ()


class WorldLoad:
    """A process of the local world, ended with it."""

    def __init__(self, world: RunWorld, record: Record, acts: Acts) -> None:
        self._world = world
        self._record = record
        self._acts = acts

    async def begin(self) -> None:
        self._acts.intend("the load", self._world.undo_start(LOAD))
        await self._world.start_process(LOAD)

    def check(self) -> Proof:
        for event in self._record.events:
            if event.name == "process_ended" and event["process"] == LOAD and event["by"] != "run":
                return Proof(
                    False, f"the load ended by itself {event.t:.1f} s into the run with code {event['code']}"
                )
        pid = self._world.process(LOAD).pid
        return Proof(bool(pid), f"the load ran to the end (pid {pid})" if pid else "the load does not run")

    async def end(self) -> Sequence[str]:
        return await self._acts.restore()


class OutsideLoad:
    """A command of this machine, for services that run elsewhere."""

    def __init__(self, section: LoadSection, record: Record, acts: Acts, *, home: Path, log: Path) -> None:
        self._section = section
        self._record = record
        self._acts = acts
        self._home = home
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None

    async def begin(self) -> None:
        mark = uuid.uuid4().hex
        self._acts.intend("the load", UndoStep("load_end", {"mark": mark, "boot_id": processes.boot_id()}))
        identity, self._child = processes.spawn(
            self._section.command,
            env={**os.environ, **self._section.env, MARK: mark},
            log=self._log,
            cwd=str(self._home / (self._section.cwd or ".")),
        )
        self._record.event("process_started", process=LOAD, tier=LOAD, node="tools", pid=identity.pid)

    def check(self) -> Proof:
        if self._child is None:
            return Proof(False, "the load was never started")
        code = self._child.poll()
        if code is not None:
            return Proof(False, f"the load ended by itself with code {code}")
        return Proof(True, f"the load ran to the end (pid {self._child.pid})")

    async def end(self) -> Sequence[str]:
        left = await self._acts.restore()
        if self._child is not None and not left:
            await asyncio.to_thread(self._child.wait)
        return left


@undoes("load_end")
async def end_load(args: Args) -> Proof:
    """End a load of this machine with all that it started."""
    if args["boot_id"] != processes.boot_id():
        return Proof(
            True, "the load ran on another machine, or before this one was booted; nothing of it is here"
        )
    mark = str(args["mark"])
    found: list[Identity] = list(processes.marked(MARK, mark))
    await asyncio.gather(*(processes.end(one, grace=GRACE) for one in found))
    left = list(processes.marked(MARK, mark))
    return Proof(not left, f"{len(left)} processes of the load still run" if left else "the load is gone")
