"""Running what was loaded: signals, the live view, the reports."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos import runner
from chaos.clients.grafana import Grafana, Note
from chaos.codes import INTERRUPTED, TERMINATED, combine
from chaos.engine.parts import Stop
from chaos.errors import ClientError, ReportError, UsageError
from chaos.experiment import Loaded
from chaos.record import Event
from chaos.report.annotations import annotations_of
from chaos.report.console import LiveView
from chaos.report.junit import write_junit
from chaos.report.model import RunReport
from chaos.report.store import Store
from chaos.report.summary import summarise
from chaos.report.write import write
from chaos.worlds.cluster.target import Target, permitted_target


@dataclass(frozen=True)
class Asked:
    """What the command line asks of the runs."""

    seed: int | None = None
    out: Path | None = None
    junit: Path | None = None
    quiet: bool = False
    context: str | None = None
    namespace: str | None = None
    store: str | None = None
    """The address of an object store where the files of each run are kept as well."""
    grafana: Grafana | None = None


def permitted(loaded: Sequence[Loaded], asked: Asked) -> list[Target | None]:
    """The part of a cluster that each run may touch, before any of them runs. Raises UsageError; touches nothing."""

    async def all_of_them() -> list[Target | None]:
        return [await permitted_target(one, asked.context, asked.namespace) for one in loaded]

    return asyncio.run(all_of_them())


def tell_objects(loaded: Loaded, target: Target) -> None:
    """Every object of the cluster that the faults would touch, by name."""
    print(f"  target {target}")
    for fault, names in asyncio.run(runner.would_touch(loaded, target)):
        print(f"  {fault}: {', '.join(names)}")


def run_all(loaded: Sequence[Loaded], asked: Asked) -> int:
    """Run one experiment after the other; the exit code that stands for all of them."""
    store = Store(asked.store) if asked.store is not None else None
    if asked.out is not None and len(loaded) > 1:
        folders: list[Path | None] = [asked.out / Path(one.path).stem for one in loaded]
        if len(set(folders)) < len(folders):
            raise UsageError(
                f"two of the experiments have the same file name, and would share a folder in {asked.out}"
            )
    else:
        folders = [asked.out] * len(loaded)
    codes: list[int] = []
    reports: list[RunReport] = []
    for one, folder in zip(loaded, folders, strict=True):
        code, report = asyncio.run(_run(one, folder, asked, store))
        codes.append(code)
        reports.append(report)
        if code in (INTERRUPTED, TERMINATED):
            break
    if asked.junit is not None:
        write_junit(asked.junit, reports)
    return combine(codes)


async def _run(one: Loaded, folder: Path | None, asked: Asked, store: Store | None) -> tuple[int, RunReport]:
    with stop_on_signals(1) as (stop,), LiveView(quiet=asked.quiet) as view:
        done = await runner.run(
            one,
            runner.Options(
                seed=asked.seed,
                out=folder,
                listeners=(view.hear,),
                context=asked.context,
                namespace=asked.namespace,
            ),
            stop,
        )
        report = summarise(done.events)
        try:
            write(done.folder, done.events)
        except ReportError as error:
            print(f"standby: {error}", file=sys.stderr)
        view.end(report, done.folder / "report.html")
    if store is not None:
        try:
            print(f"kept in {store.keep(done.folder)}")
        except ReportError as error:
            print(f"standby: {error}", file=sys.stderr)
    if asked.grafana is not None:
        await _annotate(asked.grafana, done.events)
    return done.exit_code, report


async def _annotate(grafana: Grafana, events: Sequence[Event]) -> None:
    """Leave the run in Grafana; that it could not be is said, and changes nothing about the run."""
    notes = [Note(one.begun, one.ended, one.tags, one.text) for one in annotations_of(events)]
    try:
        await grafana.annotate(notes)
    except ClientError as error:
        print(f"standby: {error}", file=sys.stderr)


@contextmanager
def stop_on_signals(runs: int) -> Iterator[list[asyncio.Future[Stop]]]:
    """A future for each run that SIGINT and SIGTERM resolve; the runs then undo everything and end."""
    loop = asyncio.get_running_loop()
    stops: list[asyncio.Future[Stop]] = [loop.create_future() for _ in range(runs)]

    def ask(code: int) -> None:
        for stop in stops:
            if not stop.done():
                stop.set_result(Stop(signal=code))

    for number, code in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)):
        loop.add_signal_handler(number, ask, code)
    try:
        yield stops
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
