"""`standby study`: many simulated trials, live ones beside them, and the answer with what it rests on."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from chaos import state
from chaos.codes import INTERRUPTED
from chaos.errors import DocumentError, Problem, ReportError, UsageError
from chaos.faults.specs import spec_types
from chaos.report.files import put
from chaos.study import concurrency, live, openmetrics, validation
from chaos.study.conduct import MAIN_CURVE, NOT_CALIBRATED, conduct
from chaos.study.evenings import Evenings, LiveTrial
from chaos.study.loading import LoadedStudy, load_study
from chaos.study.page import study_page
from chaos.study.plan import at_most
from chaos.study.replay import replay
from chaos.study.result import Concurrency, StudyResult
from chaos.study.simulator import simulate
from chaos.study.sweep import Executor, Threads

TOLD_EVERY = 10.0
"""Real seconds between two progress lines in a pipe."""
FEWEST = 10


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; None: as the document says."""

    live: int | None = None
    simulated: int | None = None
    resume: bool = False
    out: Path | None = None
    workers: int | None = None
    scheduler: str | None = None


def study(file: Path, asked: Asked) -> int:
    """Conduct a study, write study.json and study.html, and tell the answer; 0 when it completes."""
    loaded = _loaded(file, asked)
    workers = asked.workers or os.cpu_count() or 1
    with _executor(asked.scheduler, workers) as executor:
        return _study(loaded, file, asked, workers, executor)


def _study(loaded: LoadedStudy, file: Path, asked: Asked, workers: int, executor: Executor) -> int:
    folder = (asked.out or state.state_folder() / "studies" / file.stem).absolute()
    trials = loaded.study.live.trials if asked.live is None else asked.live
    found = Lived()
    if trials:
        lived = _live(loaded, trials, folder, resume=asked.resume, workers=workers)
        if isinstance(lived, int):
            print(f"standby: interrupted; go on with `{_command(file, asked)} --resume`", file=sys.stderr)
            return lived
        found = lived
    valid = validation.validate(loaded, found.trials, replay)
    calibration = NOT_CALIBRATED
    if valid.calibration.live_trials:
        calibration = valid.calibration.model_copy(update={"concurrency": found.concurrency})
    took = Took()
    try:
        with progress("simulated evenings") as heard:
            result = conduct(
                loaded,
                partial(simulate, durations=valid.durations),
                executor=executor,
                heard=heard,
                begun=took,
                calibration=calibration,
                durations=valid.durations,
            )
    except KeyboardInterrupt:
        print("standby: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    print(took.told(result), file=sys.stderr)
    write(folder, result, _command(file, asked), time.time())
    _tell(result, folder)
    return 0


@contextmanager
def _executor(scheduler: str | None, workers: int) -> Iterator[Executor]:
    """Where the simulated part is played: here, or on the cluster of a Dask scheduler."""
    if scheduler is None:
        yield Threads(workers)
        return
    from chaos.study.distributed import dask  # brings in Dask

    with dask(scheduler) as executor:
        yield executor


def validate(files: Sequence[Path]) -> None:
    """Check studies. Raises DocumentError with the problems of all of them."""
    problems: list[Problem] = []
    for file in files:
        try:
            print(f"{file}: valid: {load_study(file, faults=spec_types()).study.title}")
        except DocumentError as error:
            problems += error.problems
    if problems:
        raise DocumentError(problems)


def _loaded(file: Path, asked: Asked) -> LoadedStudy:
    if asked.simulated is not None and asked.simulated < FEWEST:
        raise UsageError(f"--simulated {asked.simulated} is too few to say anything; at least {FEWEST}")
    loaded = load_study(file, faults=spec_types())
    if asked.simulated is not None:
        loaded = replace(loaded, study=at_most(loaded.study, asked.simulated))
    return loaded


@dataclass(frozen=True)
class Lived:
    """The live trials of this study, and how many of them ran side by side."""

    trials: Sequence[LiveTrial] = ()
    concurrency: Concurrency | None = None


def _live(loaded: LoadedStudy, trials: int, folder: Path, *, resume: bool, workers: int) -> Lived | int:
    """Run the live trials, as many side by side as do not disturb each other; the exit code of an interrupted run."""
    from chaos.cli import evenings  # brings in what carries faults out

    kept = live.Kept(folder / "live.jsonl", resume=resume)
    scouting = partial(simulate, durations=validation.fitted(loaded, ()))
    several = live.wanted(loaded, scouting, trials, workers=workers) + live.measuring(loaded)
    alone, others = live.apart(several)
    waiting = sum(kept.find(loaded, one) is None for one in others)
    tests = concurrency.KeptTest(folder / "side-by-side.json", loaded, resume=resume)

    async def run() -> Lived | int:
        with evenings.side_by_side() as stop:
            if waiting >= concurrency.WORTH_IT and tests.wanted:
                with progress("short evenings, to see whether several disturb each other") as heard:
                    most = min(os.cpu_count() or 1, waiting)
                    tried = await concurrency.try_out(
                        loaded, partial(evenings.calm, stop), folder / "side-by-side", most, heard
                    )
                if isinstance(tried, int):
                    return tried
                tests.keep(tried)
            found = concurrency.judged(loaded.study.live, tests.tried)
            if waiting:
                print(found.says, file=sys.stderr)
            played: list[LiveTrial] = []
            for what, ones, worlds in (
                ("live evenings", others, found.worlds),
                ("live evenings with nothing beside them", alone, 1),
            ):
                with progress(what) as heard:
                    these = await live.play(
                        loaded,
                        ones,
                        kept,
                        partial(evenings.ended, stop),
                        folder / "live",
                        heard,
                        at_once=worlds,
                    )
                if isinstance(these, int):
                    return these
                played += these
        return Lived(played, found)

    lived = asyncio.run(run())
    if isinstance(lived, Lived):
        put(folder / "live.json", Evenings(trials=tuple(lived.trials)).text())
    return lived


def write(folder: Path, result: StudyResult, command: str, at: float) -> None:
    """Write study.json and study.html, and add to study.openmetrics what was found at `at` (unix seconds).

    Raises ReportError when one cannot be written.
    """
    try:
        put(folder / "study.json", result.model_dump_json(indent=2) + "\n")
        put(folder / "study.html", study_page(result, command))
        _add_metrics(folder / "study.openmetrics", openmetrics.points(result, at))
    except OSError as error:
        raise ReportError(f"the study's files in {folder} could not be written: {error}") from error


def _add_metrics(path: Path, found: Sequence[openmetrics.Point]) -> None:
    """Lay what this study found beside what the studies before it did. Raises OSError, ReportError."""
    if not found:
        return
    try:
        before = openmetrics.read(path.read_text(encoding="utf-8")) if path.exists() else []
    except ReportError as error:
        raise ReportError(f"{path} has the studies before this one, but {error}; move it away") from error
    put(path, openmetrics.text_of([*before, *found]))


def _command(file: Path, asked: Asked) -> str:
    parts = ["standby study", str(file)]
    parts += [f"--simulated {asked.simulated}"] if asked.simulated is not None else []
    parts += [f"--live {asked.live}"] if asked.live is not None else []
    parts += [f"--out {asked.out}"] if asked.out is not None else []
    return " ".join(parts)


def _tell(result: StudyResult, folder: Path) -> None:
    console = Console(highlight=False)
    console.print(result.answer, style="bold", soft_wrap=True)
    for note in result.notes:
        console.print(f"- {note}", soft_wrap=True)
    console.print(f"report: {folder / 'study.html'}", soft_wrap=True)


@contextmanager
def progress(what: str, console: Console | None = None) -> Iterator[Heard]:
    """Shows how far it is and how long it will take: a bar on a terminal, a line now and then in a pipe."""
    console = console or Console(highlight=False, stderr=True)
    heard = Heard(what, console)
    if not console.is_terminal:
        yield heard
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        heard.bar = bar
        heard.task = bar.add_task(what, total=None)
        yield heard


class _Begun(NamedTuple):
    """What is simulated from a moment on: the moment by the clock, and by this process' time on processors."""

    section: str
    clock: float
    used: float


class Took:
    """Takes in what is simulated from now on, and tells how long it took."""

    def __init__(self) -> None:
        self._begun: list[_Begun] = []

    def __call__(self, section: str) -> None:
        """`section` begins, and the one before it has ended."""
        self._begun.append(_Begun(section, time.monotonic(), time.process_time()))

    def told(self, result: StudyResult) -> str:
        """A sentence about all sections until now, and about the main curve alone."""
        self("")
        between = list(pairwise(self._begun))
        curve = [(begin, end) for begin, end in between if begin.section == MAIN_CURVE]
        main = sum(point.trials for arm in result.arms if arm.role == "main" for point in arm.points)
        return (
            f"{result.simulated_trials:,} evenings were simulated in {_seconds(between)}; "
            f"{main:,} of them, {MAIN_CURVE}, in {_seconds(curve)}"
        )


def _seconds(sections: Sequence[tuple[_Begun, _Begun]]) -> str:
    clock = sum(end.clock - begin.clock for begin, end in sections)
    used = sum(end.used - begin.used for begin, end in sections)
    return f"{clock:.1f} s ({used:.1f} s of processor time)"


class Heard:
    """Takes in how much of all is done."""

    def __init__(self, what: str, console: Console) -> None:
        self._what, self._console = what, console
        self._began: float | None = None
        self._first = 0
        self._told = time.monotonic()
        self.bar: Progress | None = None
        self.task: TaskID | None = None

    def __call__(self, done: int, whole: int) -> None:
        """`done` of `whole`."""
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=done, total=whole)
            return
        now = time.monotonic()
        if self._began is None:  # what is compiled before the first is no measure for the rest
            self._began, self._first = now, done
        if now - self._told < TOLD_EVERY or done == self._first:
            return
        self._told = now
        left = (now - self._began) * (whole - done) / (done - self._first)
        self._console.print(f"{done:,} of {whole:,} {self._what}; about {left:.0f} s left", soft_wrap=True)
