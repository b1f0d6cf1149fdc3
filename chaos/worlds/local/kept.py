"""The kept local world: `standby up` starts it, runs use it one at a time, `standby down` ends it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from chaos import state
from chaos.clients.toxiproxy import Toxiproxy
from chaos.errors import PreflightError, TargetBusyError, UndoError
from chaos.proof import Proof
from chaos.undo.journal import Journaled, read
from chaos.undo.recovery import recover_journal
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.base import Told
from chaos.worlds.local.folder import holds_world
from chaos.worlds.local.undo import end_world
from chaos.worlds.local.world import LocalWorld

PREDECESSOR_GONE_WITHIN = 90.0
"""Real seconds that whoever undoes an earlier run (its guardian, or a recovery) has to finish."""


def kept_folder() -> Path:
    """Where the kept local world lives."""
    return state.state_folder() / "worlds" / "local"


def end_step(world: LocalWorld) -> UndoStep:
    """The undo of a kept world that was not finished starting: its end, and that of its folder."""
    return UndoStep("kept_world", world.end_step.args)


@undoes("kept_world")
async def end_kept(args: Args) -> Proof:
    """End a kept world and remove its folder, so that another can be started."""
    proof = await end_world(args)
    if proof.holds:
        shutil.rmtree(str(args["world"]), ignore_errors=True)
    return proof


def borrowed(run: str, tell: Told) -> AbstractAsyncContextManager[LocalWorld] | None:
    """The kept world for the length of a block, for this run alone; None when none is kept.

    It is whole when it is handed out: what an earlier run left is undone, what died is started again, and `tell` hears
    of that. Entering raises TargetBusyError, with the name of the run that has it, when it is in use; UndoError when
    something of an earlier run is left; PreflightError when somebody else changed it.
    """
    folder = kept_folder()
    return _borrow(folder, run, tell) if holds_world(folder) else None


@asynccontextmanager
async def _borrow(folder: Path, run: str, tell: Told) -> AsyncIterator[LocalWorld]:
    handle = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 200, 0).decode(errors="replace") or "another run"
            raise TargetBusyError(
                f"the kept local world is in use by {holder}; wait for it, stop it with `standby halt {holder}`, "
                "or end the kept world with `standby down --world local` to let every run start its own"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, run.encode(), 0)
        await _nothing_left_of_others(folder, run)
        world = LocalWorld.attach(folder)
        world.kept = True
        world.tell(tell)
        await world.mend()
        await _untouched(world)
        yield world
    finally:
        os.close(handle)


async def _nothing_left_of_others(folder: Path, run: str) -> None:
    """See to it that whatever earlier runs did to this world is undone. Raises UndoError when something is not."""
    until = time.monotonic() + PREDECESSOR_GONE_WITHIN
    while left := [one for one in _open_journals() if one.run != run and one.world == str(folder)]:
        for one in left:
            recovered = await recover_journal(one.path, lambda _: None)
            if recovered is not None and recovered.failed:
                raise UndoError(
                    f"the kept world still has something of the run {one.run} that could not be undone: "
                    f"{'; '.join(recovered.failed)}; run `standby recover {one.run}`, "
                    "or end the kept world with `standby down --world local`"
                )
        if time.monotonic() > until:
            raise TargetBusyError(
                f"the run {left[0].run} is still being undone on the kept world after "
                f"{PREDECESSOR_GONE_WITHIN:g} s; run `standby recover {left[0].run}` to see what keeps it"
            )
        await asyncio.sleep(0.1)


async def _untouched(world: LocalWorld) -> None:
    """See to it that no link is hurt already. Raises PreflightError: whoever hurt it may not have finished."""
    for link in world.links.values():
        for proxy in link.proxies:
            client = Toxiproxy(proxy.server)
            toxics, now = await client.toxics(proxy.name), await client.proxy(proxy.name)
            if toxics or not now.enabled:
                found = ", ".join(f"the toxic {name}" for name in toxics) or "shut"
                raise PreflightError(
                    f"the proxy {proxy.name} of the kept world is hurt already ({found}), and no run of Standby has "
                    f"done that; mend it (Toxiproxy is at {proxy.server}), or start the world anew with "
                    "`standby down --world local` and `standby up --world local`"
                )


def _open_journals() -> list[Journaled]:
    return [found for path in sorted(state.journals().glob("*.jsonl")) if not (found := read(path)).closed]
