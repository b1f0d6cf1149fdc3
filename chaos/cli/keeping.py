"""`standby up` and `standby down`: a local world that stays."""

from __future__ import annotations

import asyncio
import shutil
import sys

import chaos.rooms.system
from chaos.clients import tools
from chaos.engine.verdict import NOT_UNDONE
from chaos.errors import StandbyError, UsageError
from chaos.worlds.local.kept import kept_folder
from chaos.worlds.local.ports import Ports
from chaos.worlds.local.world import LocalWorld


def up(world: str) -> int:
    """Start the kept world; says where it answers."""
    _only_local(world)
    folder = kept_folder()
    if (folder / "world.json").exists():
        raise UsageError(
            f"a local world is kept already, in {folder}; end it with `standby down --world local`"
        )
    toxiproxy, prometheus = tools.find("toxiproxy-server"), tools.find("prometheus")
    layout = chaos.rooms.system.layout(folder, Ports(), toxiproxy=toxiproxy, prometheus=prometheus)
    asyncio.run(_start(LocalWorld.create(folder, layout)))
    print(f"the local world is up in {folder}\nPrometheus: {layout.prometheus}")
    return 0


def down(world: str) -> int:
    """End the kept world; 0 also when none is kept."""
    _only_local(world)
    folder = kept_folder()
    if not (folder / "world.json").exists():
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


async def _start(world: LocalWorld) -> None:
    try:
        await world.start("kept")
    except StandbyError:
        await world.end()
        raise


def _only_local(world: str) -> None:
    if world != "local":
        raise UsageError(f"this version keeps the world `local`, not `{world}`")
