"""Running what was loaded: signals, the live view, the reports."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
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
from chaos.report.junit import Repeated, write_junit
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
    history: Path | None = None
    trials: int | None = None
    """Each experiment is run up to so many times, until it is clear whether `share` of its runs end as expected."""
    share: float = 0.5


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
    play = _once if asked.trials is None else _again_and_again(asked.trials, asked.share)
    codes: list[int] = []
    reports: list[RunReport | Repeated] = []
    report: RunReport | Repeated
    for one, folder in zip(loaded, folders, strict=True):
        code, report = play(one, folder, asked, store)
        codes.append(code)
        reports.append(report)
        if code in (INTERRUPTED, TERMINATED):
            break
    if asked.junit is not None:
        write_junit(asked.junit, reports)
    return combine(codes)


def _once(one: Loaded, folder: Path | None, asked: Asked, store: Store | None) -> tuple[int, RunReport]:
    return asyncio.run(run_one(one, folder, asked, store))


def _again_and_again(
    trials: int, share: float
) -> Callable[[Loaded, Path | None, Asked, Store | None], tuple[int, Repeated]]:
    from chaos.cli import trying  # heavy by its statistics, and runs what is here

    trying.need_enough(trials, share)
    return trying.repeat


async def run_one(
    one: Loaded, folder: Path | None, asked: Asked, store: Store | None
) -> tuple[int, RunReport]:
    """One run with its live view, reports, line in the history and annotations; its exit code and its report."""
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
    if asked.history is not None:
        _add_to(asked.history, done)
    if store is not None:
        try:
            print(f"kept in {store.keep(done.folder, done.run)}")
        except ReportError as error:
            print(f"standby: {error}", file=sys.stderr)
    if asked.grafana is not None:
        await _annotate(asked.grafana, done.events)
    return done.exit_code, report


def _add_to(history: Path, done: runner.Done) -> None:
    """Add the run to the history; that it could not be is said, and changes nothing about the run."""
    from chaos.review.history import append, entry_of
    from chaos.review.sides import Run

    try:
        append(history, entry_of(Run.of(done.folder, done.events)))
    except ReportError as error:
        print(f"standby: {error}", file=sys.stderr)


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
