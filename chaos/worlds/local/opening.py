"""Starting a local world for one run alone: journaled before anything of it runs, seen to be gone when the run ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chaos.record import Record
from chaos.undo.journal import Journal
from chaos.worlds.ending import note_end
from chaos.worlds.layout import Layout
from chaos.worlds.local.world import LocalWorld


@asynccontextmanager
async def own_world(
    folder: Path, layout: Layout, record: Record, journal: Journal, *, lasts: float
) -> AsyncIterator[LocalWorld]:
    """A world of this run's own in `folder`, for the length of a block that is to last so many real seconds."""
    world = LocalWorld.create(folder, layout)
    record.hide(world.token)
    world.tell(record.event)
    lease = time.time() + lasts
    journal.intend("world", f"the local world in {world.folder}", [world.end_step], lease=lease)
    try:
        await world.start(journal.path.stem)
        record.event("world_ready", folder=str(world.folder))
        yield world
    finally:
        proof = await asyncio.shield(world.end())
        note_end(proof, record, journal)
