"""The kept local world: `standby up` starts it, runs use it one at a time, `standby down` ends it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from chaos import state
from chaos.errors import TargetBusyError
from chaos.worlds.local.world import LocalWorld


def kept_folder() -> Path:
    """Where the kept local world lives."""
    return state.state_folder() / "worlds" / "local"


def borrowed(run: str) -> AbstractAsyncContextManager[LocalWorld] | None:
    """The kept world for the length of a block, for this run alone; None when none is kept.

    Entering raises TargetBusyError, with the name of the run that has it, when it is in use.
    """
    folder = kept_folder()
    return _borrow(folder, run) if (folder / "world.json").exists() else None


@asynccontextmanager
async def _borrow(folder: Path, run: str) -> AsyncIterator[LocalWorld]:
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
        yield LocalWorld.attach(folder)
    finally:
        os.close(handle)
