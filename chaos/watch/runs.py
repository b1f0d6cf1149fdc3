"""Which runs there are to be watched: those that go on, by their journals, and any other by its folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chaos import state
from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.errors import UndoError, UsageError
from chaos.undo import journal

_FRESH = 60.0
"""Real seconds after which a journal without a heartbeat is that of no run that goes on; a run beats far more often."""


@dataclass(frozen=True)
class Watchable:
    """A run and where it keeps its record; `runner` is None where no journal tells who runs it."""

    name: str
    folder: Path
    runner: Identity | None

    @property
    def alive(self) -> bool:
        """Whether the process that runs it is there."""
        return self.runner is not None and processes.alive(self.runner)


def going() -> list[Watchable]:
    """The runs that go on, the one that began last first."""
    return sorted(_going(), key=lambda run: run.name, reverse=True)


def _going() -> Iterator[Watchable]:
    oldest = time.time() - _FRESH
    for path in state.journals().glob("*.jsonl"):
        try:
            if path.stat().st_mtime < oldest:
                continue
            found = journal.read(path)
        except (OSError, UndoError):  # gone meanwhile, or damaged: `standby recover` tells about that
            continue
        run = Watchable(found.run, Path(found.folder), found.runner)
        if found.folder and not found.closed and run.alive:
            yield run


def named(run: str) -> Watchable:
    """A run by its name, or by the folder of its record. Raises UsageError when there is none."""
    path = state.journals() / f"{run}.jsonl"
    if Path(run).name == run and path.exists():
        found = journal.read(path)
        if found.folder:
            return Watchable(found.run, Path(found.folder), found.runner)
    for folder in (Path(run), state.runs() / run):
        if (folder / "events.jsonl").exists():
            return next((one for one in going() if one.folder == folder.absolute()), None) or Watchable(
                folder.absolute().name, folder.absolute(), None
            )
    others = ", ".join(one.name for one in going()) or "none"
    raise UsageError(
        f"no run is called `{run}`, and no folder of that name holds a record (events.jsonl); runs that go on: {others}"
    )
