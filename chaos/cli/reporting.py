"""`standby report`: one run's reports anew, or what moved between runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from chaos import state
from chaos.errors import ReportError, UsageError


def report(folders: Sequence[Path], before: Sequence[Path], after: Sequence[Path], out: Path | None) -> int:
    """Write the reports of one run, or of a comparison. Raises UsageError."""
    if before or after:
        if folders or not (before and after):
            raise UsageError("`--before` and `--after` go together, with no other folder beside them")
        return _compare(before, after, out)
    if len(folders) == 1 and out is None:
        return _one(folders[0])
    if len(folders) == 2:
        return _compare(folders[:1], folders[1:], out)
    raise UsageError(
        "give one folder for the reports of that run, two to compare them, or any number with --before and --after"
    )


def _one(folder: Path) -> int:
    from chaos.report.write import write

    if not (folder / "events.jsonl").exists():
        raise UsageError(f"{folder} holds no record of a run (no events.jsonl); runs are in .standby/runs/")
    written = write(folder)
    print(f"{written.verdict}: {written.why}\n{folder / 'report.html'}")
    return 0


def _compare(before: Sequence[Path], after: Sequence[Path], out: Path | None) -> int:
    from chaos.report.files import put
    from chaos.review import told as say
    from chaos.review.compare import compare
    from chaos.review.page import markdown, page
    from chaos.review.sides import side_of

    first, second = side_of(before), side_of(after)
    if first.name == second.name:
        first, second = (
            replace(one, name=f"{one.name}, {word}") for one, word in ((first, "before"), (second, "after"))
        )
    told = compare(first, second)
    folder = (out or state.state_folder() / "reviews" / state.new_run()).absolute()
    try:
        put(folder / "review.html", page(told))
        put(folder / "review.md", markdown(told))
    except OSError as error:
        raise ReportError(f"the review could not be written to {folder}: {error}; give `--out`") from error
    console = Console(highlight=False)
    console.print(say.headline(told), style="bold", soft_wrap=True, markup=False)
    for one in told.moved:
        console.print(f"  {one.name}: {say.change(one)}: {say.judged(one)}", soft_wrap=True, markup=False)
    if told.fates is not None:
        console.print(f"  {say.fates(told.fates)}", soft_wrap=True, markup=False)
    for note in told.notes:
        console.print(f"- {note}", soft_wrap=True, markup=False)
    console.print(f"{folder / 'review.html'}\n{folder / 'review.md'}", soft_wrap=True, markup=False)
    return 0
