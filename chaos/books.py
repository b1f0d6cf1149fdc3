"""The books of a run that begins: its record, which tells what happens, and its journal, from which it is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from chaos import state
from chaos.errors import PreflightError
from chaos.record import Record
from chaos.undo.journal import Journal, begun


@contextmanager
def books(name: str, folder: Path) -> Iterator[tuple[Record, Journal]]:
    """The record (in `folder`) and the journal of a run that begins, for the length of a block.

    Raises PreflightError when either cannot be written, or when the folder holds a record already.
    """
    with begun(state.journals() / f"{name}.jsonl") as journal, ExitStack() as stack:
        try:
            record = stack.enter_context(closing(_new_record(folder)))
        except PreflightError:
            journal.finish()
            raise
        yield record, journal


def _new_record(folder: Path) -> Record:
    path = folder / "events.jsonl"
    try:
        if path.exists():
            raise PreflightError(
                f"{folder} already holds the record of a run; give `--out` a folder of its own"
            )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Record(path)
    except OSError as error:
        raise PreflightError(
            f"the folder {folder} for the record of the run cannot be written ({error.strerror}); "
            "give `--out` one that can; nothing was touched"
        ) from error
