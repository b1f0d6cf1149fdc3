"""Live evenings of a study: runs of its experiment, several at once, which one signal ends and undoes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.cli.running import stop_on_signals
from chaos.codes import INTERRUPTED, NOT_UNDONE, TERMINATED
from chaos.engine.parts import Stop
from chaos.errors import UndoError
from chaos.experiment import Loaded
from chaos.report.model import RunReport
from chaos.report.write import write as write_report
from chaos.runner import Done, Options, run
from chaos.study import concurrency, measuring
from chaos.study.evenings import Ended, incidents_of

Stopping = asyncio.Future[Stop]


@contextmanager
def side_by_side() -> Iterator[Stopping]:
    """What SIGINT and SIGTERM resolve, for all evenings that are run within."""
    with stop_on_signals(1) as (stop,):
        yield stop


async def ended(
    stop: Stopping, loaded: Loaded, seed: int, folder: Path, namespace: str | None = None
) -> Ended | int:
    """One live trial, in a pod in that namespace; its exit code when it was interrupted.

    Raises UndoError where something could not be undone.
    """
    found = await _played(stop, loaded, seed, folder, namespace)
    if isinstance(found, int):
        return found
    done, report = found
    return Ended(
        survived=report.survived if report.verdict in ("pass", "fail") else None,
        lost_at_s=report.lost_at_s,
        lost_listener_minutes=report.lost_listener_minutes,
        why=report.why,
        observed=measuring.observed(report, done.events),
        incidents=incidents_of(report),
    )


async def calm(stop: Stopping, loaded: Loaded, seed: int, folder: Path) -> concurrency.Calm | int:
    """One short evening of an A/A test, likewise."""
    found = await _played(stop, loaded, seed, folder)
    return found if isinstance(found, int) else concurrency.calm_of(found[1], found[0].events)


async def _played(
    stop: Stopping, loaded: Loaded, seed: int, folder: Path, namespace: str | None = None
) -> tuple[Done, RunReport] | int:
    if stop.done():
        return stop.result().signal or INTERRUPTED
    own: Stopping = asyncio.get_running_loop().create_future()

    def pass_on(asked: Stopping) -> None:
        if not own.done() and not asked.cancelled():
            own.set_result(asked.result())

    stop.add_done_callback(pass_on)
    try:
        done = await run(loaded, Options(seed=seed, out=folder, namespace=namespace), own)
    finally:
        stop.remove_done_callback(pass_on)
    if done.exit_code in (INTERRUPTED, TERMINATED):
        return done.exit_code
    # Other evenings may be under way on this loop.
    report = await asyncio.to_thread(write_report, done.folder, done.events)
    if done.exit_code == NOT_UNDONE:
        raise UndoError(f"live trial {folder.name}: {report.why}; run `standby recover`")
    return done, report
