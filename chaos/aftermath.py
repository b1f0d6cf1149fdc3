"""The end of the record of a run that died: what became of it, said where everybody looks, in its own reports."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from chaos.codes import INCONCLUSIVE
from chaos.errors import ReportError
from chaos.record import Record, read
from chaos.report.write import write
from chaos.undo.recovery import Recovered


def close_record(recovered: Recovered, why: str) -> None:
    """Bring a dead run's record to its end and write its reports; nothing where it had come to its verdict itself.

    A folder that is gone, or cannot be written, is passed over: everything is undone, and that is what counts.
    """
    path = Path(recovered.folder) / "events.jsonl"
    if not recovered.folder or not path.exists():
        return
    if any(event.name == "verdict" for event in read(path)):
        return
    reason = f"the run ended before its verdict; {why}"
    try:
        going_on = Record(path)
    except OSError as error:
        sys.stderr.write(f"the record {path} could not be brought to its end: {error.strerror}\n")
        return
    with closing(going_on) as record:
        record.phase = "judging"
        record.event("undone_for_the_run", undone=list(recovered.undone), why=why)
        record.event(
            "verdict", verdict="inconclusive", why=reason, exit_code=INCONCLUSIVE, survived=None,
            lost_listener_minutes=None, reasons=[reason],
        )  # fmt: skip
        record.event("run_ended")
    try:
        write(path.parent)
    except ReportError as error:
        sys.stderr.write(f"{error}\n")
