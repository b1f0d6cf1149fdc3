"""The undo of what is done to a local world and its processes, from its folder alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaos.clients import processes
from chaos.proof import Proof
from chaos.undo.steps import Args, undoes
from chaos.worlds.local.folder import holds_world
from chaos.worlds.local.world import GRACE, LocalWorld


@undoes("local_world")
async def end_world(args: Args) -> Proof:
    """End a local world completely, from its folder, or from its mark alone when the folder is gone."""
    folder, id = Path(str(args["world"])), str(args["id"])
    if holds_world(folder):
        world = LocalWorld.attach(folder)
        if world.end_step.args["id"] == id:
            return await world.end()
    left = list(processes.marked("STANDBY_WORLD", id))
    await asyncio.gather(*(processes.end(identity, grace=GRACE) for identity in left))
    return Proof(not list(processes.marked("STANDBY_WORLD", id)), f"ended {len(left)} processes marked {id}")


@undoes("process_start")
async def bring_back(args: Args) -> Proof:
    """Start a process of a local world again, unless it runs or its world is gone."""
    folder, name = Path(str(args["world"])), str(args["process"])
    if not holds_world(folder):
        return Proof(True, f"the world of {name} is gone")
    info = await LocalWorld.attach(folder).start_process(name)
    return Proof(True, f"{name} runs with pid {info.pid} and is ready")


@undoes("process_end")
async def end_again(args: Args) -> Proof:
    """End a process of a local world that a repair had started, and let Prometheus forget it."""
    folder, name = Path(str(args["world"])), str(args["process"])
    if not holds_world(folder):
        return Proof(True, f"the world of {name} is gone")
    world = LocalWorld.attach(folder)
    await world.end_process(name, grace=GRACE)
    world.unwatch(name)
    return Proof(world.process(name).pid == 0, f"{name} does not run")
