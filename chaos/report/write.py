"""Writes everything that comes out of a run beside its event record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chaos import record
from chaos.errors import ReportError
from chaos.record import Event
from chaos.report.files import put
from chaos.report.html import report_page
from chaos.report.junit import junit
from chaos.report.markdown import summary
from chaos.report.model import RunReport
from chaos.report.summary import summarise


def write(folder: Path, events: Sequence[Event] | None = None) -> RunReport:
    """Write run.json, report.html, junit.xml and summary.md into `folder`.

    They are made of `events`, or of `folder`/events.jsonl. Each file is readable by its owner only and is replaced as a
    whole. Raises ReportError when one cannot be written.
    """
    told = list(record.read(folder / "events.jsonl")) if events is None else events
    report = summarise(told)
    try:
        put(folder / "run.json", report.model_dump_json(indent=2) + "\n")
        put(folder / "junit.xml", junit([report]))
        put(folder / "summary.md", summary(report))
        put(folder / "report.html", report_page(report, told))
    except OSError as error:
        raise ReportError(
            f"the reports in {folder} could not be written: {error}; mend that and run `standby report {folder}`"
        ) from error
    return report
