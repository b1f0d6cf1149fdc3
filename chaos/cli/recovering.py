"""`standby recover` and `standby halt`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import chaos.runner  # noqa: F401 - it brings in whoever knows how to undo
from chaos import state
from chaos.aftermath import close_record
from chaos.clients import processes
from chaos.codes import NOT_UNDONE
from chaos.errors import UsageError
from chaos.faults.registry import registry
from chaos.undo.journal import read
from chaos.undo.recovery import Recovered, recover_all
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.target import Target


def recover(run: str | None) -> int:
    """Undo what dead runs left; 0 when nothing is left, 4 with the remedy when something is."""
    folder = state.journals()
    if run is not None and not (folder / f"{run}.jsonl").exists():
        raise UsageError(f"no run `{run}` has a journal in {folder}; `ls {folder}` shows those that have")
    _know_own_faults()
    return _told(asyncio.run(recover_all(folder, run, _say)))


def recover_in(context: str, namespace: str, run: str | None) -> int:
    """The same for the runs that keep their journals in a namespace of a cluster."""
    _know_own_faults()
    return _told(asyncio.run(recover_target(Target("kubernetes", context, namespace), run, _say)))


def _know_own_faults() -> None:
    """A user's own faults bring how they are undone; a broken one keeps nobody from undoing the rest."""
    try:
        registry()
    except UsageError as error:
        print(error, file=sys.stderr)


def _say(text: str) -> None:
    print(text, flush=True)


def _told(results: Sequence[Recovered]) -> int:
    undone = sum(len(result.undone) for result in results)
    failed = [text for result in results for text in result.failed]
    for result in results:
        if not result.failed:
            close_record(result, "`standby recover` undid everything")
    for text in failed:
        print(f"could not be undone: {text}", file=sys.stderr)
    if failed:
        print("mend what is named above and run `standby recover` again", file=sys.stderr)
        return NOT_UNDONE
    print(f"nothing is left behind ({undone} undone)")
    return 0


def halt(run: str | None) -> int:
    """Ask runs to stop; each undoes everything itself. Raises UsageError when the run does not go on."""
    going = []
    for path in sorted(state.journals().glob("*.jsonl")):
        found = read(path)
        if not found.closed and found.runner is not None and processes.alive(found.runner):
            going.append(found.run)
    wanted = going if run is None else [run]
    if run is not None and run not in going:
        raise UsageError(f"no run `{run}` goes on; those that do: {', '.join(going) or 'none'}")
    for name in wanted:
        (state.halts() / name).touch(mode=0o600)
        print(f"{name}: asked to halt; it undoes everything and ends")
    if not wanted:
        print("no run goes on")
    return 0
