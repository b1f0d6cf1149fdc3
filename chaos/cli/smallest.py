"""`standby smallest`: the weakest fault that breaks an experiment, or the fewest faults that still do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos import state
from chaos.cli.documents import share_of
from chaos.cli.studying import progress
from chaos.codes import INTERRUPTED, NOT_UNDONE, TERMINATED
from chaos.crew.runbook import Runbook, load_runbook
from chaos.errors import ReportError, UndoError, UsageError
from chaos.experiment.loading import Loaded, Variants
from chaos.experiment.quantity import UnitError
from chaos.experiment.repairs import repairs_of
from chaos.experiment.source import read_text
from chaos.experiment.tree import scalar
from chaos.faults.specs import spec_types
from chaos.report.files import put
from chaos.report.write import write as write_report
from chaos.study.document import Value
from chaos.study.simulator import simulate
from chaos.study.smallest.judging import Judge, Oracle
from chaos.study.smallest.oracles import LIVE, SIMULATED, Document, Live, Simulated, Verdict, not_simulated
from chaos.study.smallest.result import By, FewestFaults, WeakestFault
from chaos.study.smallest.searching import fewest_faults, weakest_fault
from chaos.study.smallest.weakest import ladder


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; None: as it is by default, which live and simulated runs differ in."""

    path: str | None = None
    weakest: str | None = None
    strongest: str | None = None
    steps: int = 32
    breaks_at: str = "50%"
    confidence: str = "95%"
    runs: int | None = None
    seed: int | None = None
    live: bool = False
    out: Path | None = None
    changes: tuple[str, ...] = ()


class InterruptedRunError(Exception):
    """A live run was interrupted, and has undone everything; the search ends with its exit code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


def smallest(file: Path, asked: Asked) -> int:
    """Search, write smallest.json, and tell the answer; 0 when the search ends, an undetermined answer included."""
    document = Document(
        Variants(read_text(file), faults=spec_types(), name=str(file), folder=file.parent), asked.changes
    )
    loaded = document.changed({})
    values = _ladder(document, asked)
    if asked.path is None and not loaded.experiment.faults:
        raise UsageError(f"{file} has no faults: there is nothing to leave out of it")
    folder = (asked.out or state.state_folder() / "smallest" / state.new_run()).absolute()
    search = _Search(document, loaded, asked, folder)
    try:
        found = search.weakest(values) if values else search.fewest()
    except KeyboardInterrupt:
        print("standby: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except InterruptedRunError as interrupted:
        print("standby: interrupted, and everything undone; nothing is concluded", file=sys.stderr)
        return interrupted.code
    try:
        put(folder / "smallest.json", found.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ReportError(
            f"{found.says} But {folder / 'smallest.json'} could not be written: {error}"
        ) from error
    _tell(found, folder)
    return 0


def _ladder(document: Document, asked: Asked) -> Sequence[Value]:
    """The values of the weakest and the strongest fault and between, each of which the experiment takes."""
    ends = (asked.weakest, asked.strongest)
    if asked.path is None:
        if ends != (None, None):
            raise UsageError("--from and --to are the ends of what --path names, e.g. --path faults[0].delay")
        return ()
    if asked.weakest is None or asked.strongest is None:
        raise UsageError(
            f"--path {asked.path} needs --from, the weakest value to try, and --to, the strongest, e.g. "
            "--from 100ms --to 5s"
        )
    try:
        values = ladder(_value(asked.weakest), _value(asked.strongest), asked.steps)
    except UnitError as error:
        raise UsageError(
            f"--from {asked.weakest} --to {asked.strongest}: {error.message}; expected two different numbers, ratios "
            "or durations"
        ) from error
    for value in (values[-1], *values[:-1]):
        document.changed({asked.path: value})
    return values


def _value(text: str) -> Value:
    read = scalar(text)
    return read if isinstance(read, bool | int | float | str) else text


class _Search:
    def __init__(self, document: Document, loaded: Loaded, asked: Asked, folder: Path) -> None:
        self.document, self.loaded, self.asked, self.folder = document, loaded, asked, folder
        self.console = Console(highlight=False, stderr=True)
        self.judge = self._judge()

    def weakest(self, values: Sequence[Value]) -> WeakestFault:
        path = self.asked.path
        assert path is not None
        with self._progress():
            return weakest_fault(self.judge, self._by, path, values)

    def fewest(self) -> FewestFaults:
        titles = [spec.title for spec in self.loaded.experiment.faults]
        with self._progress():
            return fewest_faults(self.judge, self._by, self.document, titles)

    @property
    def _by(self) -> By:
        return "simulated" if isinstance(self.judge.oracle, Simulated) else "live"

    def _judge(self) -> Judge:
        asked, crew = self.asked, self.loaded.experiment.crew
        runbook: Runbook | None = None
        if crew is not None:
            actions = repairs_of(self.loaded.experiment)
            runbook = load_runbook(self.loaded.file(crew.runbooks), actions=actions)
        simulated = Simulated(self.document, simulate, runbook)
        oracle: Oracle = simulated
        rules = SIMULATED
        why = "--live asks for it" if asked.live else not_simulated(simulated)
        if why:
            oracle, rules = Live(self.document, self._run, self.folder / "runs"), LIVE
            self.console.print(f"by live runs, not simulated: {why}", soft_wrap=True)
        rules = replace(
            rules,
            share=share_of("--breaks-at", asked.breaks_at),
            confidence=share_of("--confidence", asked.confidence),
            most=asked.runs or rules.most,
        )
        seed = self.loaded.experiment.seed if asked.seed is None else asked.seed
        return Judge(oracle, rules, seed)

    @contextmanager
    def _progress(self) -> Iterator[None]:
        """Live runs tell of themselves; simulated ones are too many for that."""
        if self._by == "live":
            yield
            return
        with progress("simulated evenings, at most", self.console) as heard:
            self.judge.heard = heard
            yield

    def _run(self, loaded: Loaded, seed: int, folder: Path) -> Verdict:
        verdict, why = asyncio.run(live_run(loaded, seed, folder))
        changed = loaded.overrides[-1] if loaded.overrides else "as it is"
        number = self.judge.runs + 1
        self.console.print(f"run {number}: {changed}: {verdict}: {why}", soft_wrap=True, markup=False)
        return verdict


async def live_run(loaded: Loaded, seed: int, folder: Path) -> tuple[Verdict, str]:
    """One run; its verdict and why. Raises UndoError where something could not be undone."""
    from chaos import runner  # brings in what carries faults out
    from chaos.cli.running import stop_on_signals

    with stop_on_signals(1) as (stop,):
        done = await runner.run(loaded, runner.Options(seed=seed, out=folder), stop)
    if done.exit_code in (INTERRUPTED, TERMINATED):
        raise InterruptedRunError(done.exit_code)
    report = write_report(done.folder, done.events)
    if done.exit_code == NOT_UNDONE:
        raise UndoError(f"{folder}: {report.why}; run `standby recover`")
    return ("inconclusive" if report.verdict not in ("pass", "fail") else report.verdict), report.why


def _tell(found: WeakestFault | FewestFaults, folder: Path) -> None:
    console = Console(highlight=False)
    console.print(found.says, style="bold", soft_wrap=True, markup=False)
    table = Table()
    table.add_column(found.path if isinstance(found, WeakestFault) else "faults")
    for name in ("failed", "passed", "no verdict", "share that fails (95 %)"):
        table.add_column(name, justify="right")
    for one in found.tried:
        share = f"{one.low:.0%} to {one.high:.0%}"
        table.add_row(str(one.what), f"{one.failed:,}", f"{one.passed:,}", f"{one.unknown:,}", share)
    console.print(table)
    if isinstance(found, FewestFaults):
        for number, title in enumerate(found.faults, start=1):
            console.print(f"fault {number}: {title}", soft_wrap=True, markup=False)
    if found.by == "simulated":
        console.print("A simulated run fails where the room is lost.")
    console.print(f"written: {folder / 'smallest.json'}", soft_wrap=True)
