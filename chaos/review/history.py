"""A history of runs, one JSON object a line: what became of each, so that drift between them shows."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from chaos.errors import ReportError, UsageError
from chaos.report import words
from chaos.report.markdown import plain
from chaos.report.model import Verdict
from chaos.review import noise
from chaos.review import told as say
from chaos.review.compare import Moved
from chaos.review.sides import Run

RECENT = 5
"""How many of the newest runs are laid against those before them, unless told otherwise."""
SHOWN = 20
_SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Measured(_Line):
    """An objective in one run. `expect` says which way is better."""

    verdict: Verdict
    expect: str = ""
    mean: float | None = None
    worst: float | None = None
    broken_s: float | None = None


class Entry(_Line):
    """One run in the history."""

    version: Literal[1] = 1
    at: str
    run: str
    experiment: str
    world: str
    verdict: Verdict
    exit_code: int
    why: str = ""
    seed: int | None = None
    standby: str = ""
    survived: bool | None = None
    lost_listener_minutes: float | None = None
    objectives: dict[str, Measured] = {}


@dataclass(frozen=True)
class Drift:
    """One experiment in one world: its newest verdicts (oldest first), and what moved between the newest and before."""

    experiment: str
    world: str
    runs: int
    verdicts: Sequence[Verdict]
    recent: int
    moved: Sequence[Moved]
    why: str = ""
    """Why nothing can be said of drift yet."""


def entry_of(run: Run) -> Entry:
    """What the history keeps of a run."""
    report = run.report
    return Entry(
        at=report.ended or report.started or "",
        run=report.run or run.folder.name,
        experiment=report.experiment,
        world=report.world,
        verdict=report.verdict,
        exit_code=report.exit_code,
        why=report.why,
        seed=report.seed,
        standby=report.versions.get("standby", ""),
        survived=report.survived,
        lost_listener_minutes=report.lost_listener_minutes,
        objectives={
            one.name: Measured(
                verdict=one.verdict,
                expect=one.expect,
                mean=run.mean(one.name),
                worst=one.worst,
                broken_s=one.broken_s,
            )
            for one in report.objectives
        },
    )


def append(path: Path, entry: Entry) -> None:
    """Add a line, whole, whoever else adds one at the same time. Raises ReportError."""
    line = (entry.model_dump_json(exclude_none=True) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":  # who wrote last was cut off
                line = b"\n" + line
            os.write(handle, line)
        finally:
            os.close(handle)
    except OSError as error:
        raise ReportError(f"the history {path} could not be written: {error}") from error


def read(path: Path) -> list[Entry]:
    """The runs of a history in the order of its lines. Raises UsageError with the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the history {path} cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(Entry.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the line"
            raise UsageError(f"{path}:{number}: {place}: {first['msg']}") from error
    return found


def drifts(entries: Iterable[Entry], recent: int = RECENT) -> list[Drift]:
    """What moved in each experiment between its newest runs and those before them."""
    grouped: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        grouped.setdefault((entry.experiment, entry.world), []).append(entry)
    return [_drift(name, world, runs, recent) for (name, world), runs in grouped.items()]


def markdown(found: Sequence[Drift]) -> str:
    """The drift of each experiment, for a job's summary."""
    lines = ["### Drift", ""]
    for one in found:
        row = "".join(_SIGNS[verdict] for verdict in one.verdicts)
        lines += [
            f"**{plain(one.experiment)}** ({plain(one.world)}, {words.counted(one.runs, 'run')}): {row}",
            "",
            *(f"- {plain(sentence)}" for sentence in sentences(one)),
            "",
        ]
    return "\n".join(lines)


def text(found: Sequence[Drift]) -> str:
    """The same for a terminal."""
    lines = []
    for one in found:
        row = "".join(_SIGNS[verdict] for verdict in one.verdicts)
        lines.append(f"{one.experiment} ({one.world}, {words.counted(one.runs, 'run')}): {row}")
        lines += [f"  {sentence}" for sentence in sentences(one)]
    return "\n".join(lines) + ("\n" if lines else "")


def sentences(one: Drift) -> list[str]:
    """What is said of an experiment: what drifted beyond noise, or that nothing did, or why that cannot be told."""
    if one.why:
        return [one.why]
    far = [moved for moved in one.moved if moved.beyond]
    if not far:
        return [f"no drift: the newest {one.recent} runs are as those before them, within noise"]
    return [
        f"{moved.name} drifted: {words.figure(moved.before)} → {words.figure(moved.after)}, {say.change(moved)}, "
        f"{say.judged(moved)} (p {say.chance(moved.adjusted)}, the newest {one.recent} runs)"
        for moved in far
    ]


def _drift(name: str, world: str, runs: Sequence[Entry], recent: int) -> Drift:
    newest, before = runs[-recent:], runs[:-recent]
    shown = [run.verdict for run in runs[-SHOWN:]]
    names = list(dict.fromkeys(one for run in newest for one in run.objectives))
    found = [_moved(one, before, newest, len(names)) for one in names]
    adjusted = noise.holm([one.shift.p_value if one.shift else None for one in found])
    moved = [
        Moved(one.name, one.expect, one.before, one.after, one.shift, p, one.why)
        for one, p in zip(found, adjusted, strict=True)
    ]
    why = ""
    if moved and all(one.beyond is None for one in moved):
        why = f"nothing can be said of drift yet: {moved[0].why}"
    elif not moved:
        why = "nothing was measured"
    return Drift(name, world, len(runs), shown, len(newest), moved, why)


def _moved(name: str, before: Sequence[Entry], newest: Sequence[Entry], questions: int) -> Moved:
    first, second = (
        [one.mean for run in side if (one := run.objectives.get(name)) is not None and one.mean is not None]
        for side in (before, newest)
    )
    expect = next(one.expect for run in reversed(newest) if (one := run.objectives.get(name)) is not None)
    if not first or not second:
        return Moved(name, expect, None, None, None, None, "there is nothing before the newest runs")
    shift = noise.between(first, second, questions)
    means = (sum(first) / len(first), sum(second) / len(second))
    return Moved(name, expect, *means, shift, None, shift.why)
