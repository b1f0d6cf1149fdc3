"""Writes everything that comes out of a run beside its event record."""

from __future__ import annotations

from pathlib import Path

from chaos import record
from chaos.report.files import put
from chaos.report.html import report_page
from chaos.report.junit import junit as junit_text
from chaos.report.markdown import summary
from chaos.report.model import RunReport
from chaos.report.summary import summarise


def write(folder: Path, *, junit: Path | None = None) -> RunReport:
    """Read `folder`/events.jsonl and write run.json, report.html, junit.xml and summary.md beside it.

    `junit` is one more place for the JUnit file. Each file is readable by its owner only and is replaced as a whole.
    """
    events = list(record.read(folder / "events.jsonl"))
    report = summarise(events)
    xml = junit_text([report])
    put(folder / "run.json", report.model_dump_json(indent=2) + "\n")
    put(folder / "junit.xml", xml)
    put(folder / "summary.md", summary(report))
    put(folder / "report.html", report_page(report, events))
    if junit is not None:
        put(junit, xml)
    return report
