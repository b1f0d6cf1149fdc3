"""`standby up` and `standby down`: a local world that stays."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import chaos.rooms.system
from chaos import state
from chaos.clients import processes, tools
from chaos.codes import NOT_UNDONE
from chaos.errors import UsageError
from chaos.ports import Ports
from chaos.undo.journal import begun
from chaos.worlds.layout import Layout
from chaos.worlds.local.folder import holds_world
from chaos.worlds.local.kept import end_step, kept_folder
from chaos.worlds.local.world import LocalWorld

LEASE = 120.0
"""Real seconds that a kept world has to be up."""


def up(world: str) -> int:
    """Start the kept world; says where it answers."""
    _only_local(world)
    folder = kept_folder()
    if holds_world(folder):
        raise UsageError(
            f"a local world is kept already, in {folder}; end it with `standby down --world local`"
        )
    toxiproxy, prometheus = tools.find("toxiproxy-server"), tools.find("prometheus")
    layout = chaos.rooms.system.layout(folder, Ports(), toxiproxy=toxiproxy, prometheus=prometheus)
    asyncio.run(_start(folder, layout))
    print(f"the local world is up in {folder}\nPrometheus: {layout.prometheus}")
    return 0


def down(world: str) -> int:
    """End the kept world; 0 also when none is kept."""
    _only_local(world)
    folder = kept_folder()
    if not holds_world(folder):
        print("no local world is kept")
        return 0
    proof = asyncio.run(LocalWorld.attach(folder).end())
    if not proof.holds:
        print(
            f"standby: {proof.evidence}; end them by hand and run `standby down --world local` again",
            file=sys.stderr,
        )
        return NOT_UNDONE
    shutil.rmtree(folder)
    print(proof.evidence)
    return 0


async def _start(folder: Path, layout: Layout) -> None:
    """Start it, journaled: whatever ends this before the world is up, `standby recover` ends the world."""
    name = f"up-{state.new_run()}"
    starter = processes.identify(os.getpid())
    assert starter is not None
    with begun(state.journals() / f"{name}.jsonl") as journal:
        journal.begin(name, starter, str(folder), owned=True)
        world = LocalWorld.create(folder, layout)
        journal.intend(
            "world", f"the kept local world in {folder}", [end_step(world)], lease=time.time() + LEASE
        )
        try:
            await world.start("kept")
        except BaseException:
            proof = await asyncio.shield(world.end())
            if proof.holds:
                shutil.rmtree(folder, ignore_errors=True)
                journal.finish()
            raise
        journal.finish()


def _only_local(world: str) -> None:
    if world != "local":
        raise UsageError(f"this version keeps the world `local`, not `{world}`")
