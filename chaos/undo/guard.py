"""A run's side of its guardian: started before anything is done, kept alive, told by heartbeats that all is well."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.errors import PreflightError
from chaos.undo.journal import Journal
from chaos.undo.watch import BEAT_EVERY

LOOK_EVERY = 0.25
"""Real seconds between two looks of the guardian at its run."""
READY_WITHIN = 20.0
"""Real seconds that the guardian has to begin its watch."""


def badge(journal: Path) -> Path:
    """The file by which a guardian shows that it watches a journal."""
    return journal.with_suffix(".guardian")


class Guard:
    """The guardian of one journal, as its run sees it."""

    def __init__(self, journal: Journal, tell: Callable[..., object]) -> None:
        self._journal = journal
        self._tell = tell
        self._identity: Identity | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The guardian's pid; 0 before it was started."""
        return self._identity.pid if self._identity else 0

    def _start(self) -> None:
        path = self._journal.path
        badge(path).unlink(missing_ok=True)
        self._identity, self._child = processes.spawn(
            (sys.executable, "-m", "chaos.guardian", str(path)),
            env=dict(os.environ),
            log=path.with_suffix(".guardian.log"),
        )
        self._tell("guardian_started", pid=self.pid)

    async def ready(self) -> None:
        """Wait until the guardian watches. Raises PreflightError when it does not: then nothing may be injected."""
        until = asyncio.get_running_loop().time() + READY_WITHIN
        while not badge(self._journal.path).exists():
            if not self._runs() or asyncio.get_running_loop().time() > until:
                raise PreflightError(
                    f"the guardian of this run did not begin its watch; its log is "
                    f"{self._journal.path.with_suffix('.guardian.log')}; nothing was injected"
                )
            await asyncio.sleep(0.02)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Start the guardian; for the length of the block give heartbeats, and start it anew should it be gone."""
        self._start()
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            self._journal.beat()
            if not self._runs():
                self._tell("guardian_lost", pid=self.pid)
                self._start()
            await asyncio.sleep(BEAT_EVERY)

    async def leave(self) -> None:
        """The journal is closed, so there is nothing to guard any more: end the guardian."""
        if self._identity is None or self._child is None:
            return
        await processes.end(self._identity, grace=0)
        self._child.wait()
        badge(self._journal.path).unlink(missing_ok=True)

    def _runs(self) -> bool:
        """Whether it runs; one that ended is reaped."""
        return self._child is not None and self._child.poll() is None
